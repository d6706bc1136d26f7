import CLinux
import DispatchIO
import Glibc
import NetTypes

extension Configuration {
    /// The default place of the file.
    package static let defaultPath = "/etc/martlet/martletd.yaml"

    /// Reads the text of a configuration; `file` only names it in problems, `hostname` is the default of `node.name`,
    /// `inspect` tells what is wrong with a password file, `inspectKeys` with a file of TCP-AO keys.
    ///
    /// All problems are found in one go, in the order of the file. With an error among them there is no configuration;
    /// with warnings only, there is.
    package static func load(
        text: String, file: String, hostname: String, inspect: @escaping (String) -> [String] = { _ in [] },
        inspectKeys: @escaping (TCPSecret.Source) -> [String] = { _ in [] }
    ) -> (configuration: Configuration?, problems: [ConfigurationProblem]) {
        let problems = ProblemCollector(file: file)
        let (root, faults) = YAMLParser.parse(text)
        for fault in faults { problems.error(fault.mark, fault.message) }
        // Without a tree, or with a broken one, every key would be reported as missing: the YAML has to be
        // mended first.
        guard root != nil || faults.isEmpty else { return (nil, problems.sorted) }
        let section = ConfigurationSection(
            root ?? YAMLNode(content: .mapping([]), mark: .start), path: "", problems: problems)
        guard !section.isWrongKind else { return (nil, problems.sorted) }
        let configuration = read(section, hostname: hostname, inspect: inspect, inspectKeys: inspectKeys)
        return (problems.hasErrors ? nil : configuration, problems.sorted)
    }

    /// As above for a file; a file that cannot be read is a problem as well.
    package static func load(
        path: String, hostname: String
    ) -> (configuration: Configuration?, problems: [ConfigurationProblem]) {
        let reading = read(path: path, hostname: hostname)
        return (reading.configuration, reading.problems)
    }

    /// What `martletd check FILE` prints, and whether the agent would start with the file.
    package static func check(path: String, hostname: String) -> (report: String, usable: Bool) {
        let (configuration, problems) = load(path: path, hostname: hostname)
        let errors = problems.count { $0.severity == .error }
        let lines = problems.map(\.description)
        let verdict =
            switch (errors, problems.count - errors) {
            case (0, 0): "\(path): ok"
            case (0, let warnings): "\(path): ok, with \(warnings) warning\(warnings == 1 ? "" : "s")"
            default: "\(path): \(errors) error\(errors == 1 ? "" : "s"); the agent would not start with this file"
            }
        return ((lines + [verdict]).joined(separator: "\n") + "\n", configuration != nil)
    }

    struct ConfigurationFileError: Error {
        let message: String
    }

    static func contents(path: String) throws(ConfigurationFileError) -> String {
        let descriptor = clinux_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else {
            throw ConfigurationFileError(
                message: "cannot be opened: \(String(cString: strerror(errno))); name an existing file with --config")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= YAMLParser.sizeLimit {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            guard count > 0 || errno == EINTR else {
                throw ConfigurationFileError(
                    message: "cannot be read: \(String(cString: strerror(errno))); is it a file?")
            }
            bytes += buffer.prefix(max(0, count))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationFileError(message: "is not UTF-8 text; save it as UTF-8")
        }
        return text
    }
}

// MARK: - The sections

extension Configuration {
    /// The whole file. Keys are read even after a fault, so that all faults are found.
    private static func read(
        _ file: ConfigurationSection, hostname: String, inspect: @escaping (String) -> [String],
        inspectKeys: @escaping (TCPSecret.Source) -> [String]
    ) -> Configuration {
        var file = file
        let node = node(file.section("node"), hostname: hostname)
        let clusterCIDRs = file.list("clusterCIDRs", ConfigurationValue.prefixWords, ConfigurationValue.prefix) ?? []
        let fib = fib(file.section("fib"))
        let imports = imports(file.section("import"))
        let bgp = bgp(file.section("bgp"), fibEnabled: fib.enabled, inspect: inspect, inspectKeys: inspectKeys)
        let control = control(file.section("control"), node: node)
        let metrics = metrics(file.section("metrics"))
        let log = log(file.section("log"))
        let ipam = ipam(file.section("ipam"))
        let cni = cni(file.section("cni"))
        file.finish()
        let context = PrefixChecks(
            file: file, podCIDRs: node.podCIDRs, clusterCIDRs: clusterCIDRs, imports: imports, fib: fib, bgp: bgp)
        context.run()
        var configuration = Configuration(
            node: node.settings, clusterCIDRs: clusterCIDRs.map(\.value), bgp: bgp.settings, fib: fib, imports: imports,
            control: control, metrics: metrics, log: log)
        configuration.ipam = ipam
        configuration.cni = cni
        return configuration
    }

    /// `node` with the places that later checks point at.
    struct LocatedNode {
        let settings: NodeSettings
        let podCIDRs: [Located<Prefix>]
        let stateDirMark: YAMLNode.Mark
    }

    private static func node(_ section: ConfigurationSection, hostname: String) -> LocatedNode {
        var section = section
        let name = section.value("name", "a name without spaces, such as node-a", ConfigurationValue.nodeName)
        let routerID = section.value("routerID", "an IPv4 address such as 192.0.2.10", ConfigurationValue.routerID)
        let podCIDRs = section.list("podCIDRs", ConfigurationValue.prefixWords, ConfigurationValue.prefix) ?? []
        let stateDir = section.value("stateDir", "an absolute path", ConfigurationValue.absolutePath)
        section.finish()
        let settings = NodeSettings(
            name: name?.value ?? hostname, routerID: routerID?.value, podCIDRs: podCIDRs.map(\.value),
            stateDir: stateDir?.value ?? "/run/martlet")
        return LocatedNode(settings: settings, podCIDRs: podCIDRs, stateDirMark: stateDir?.mark ?? section.mark)
    }

    private static func fib(_ section: ConfigurationSection) -> FIBSettings {
        var section = section
        let enabled = section.value("enabled", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let table = section.value(
            "table", "main, or a table number from 1 to 4294967295 (255 is the kernel's own)", ConfigurationValue.table)
        let metric = section.value(
            "metric", "a number from 1 to 4294967295", ConfigurationValue.integer(1...UInt32.max))
        var settings = FIBSettings(
            enabled: enabled?.value ?? true, table: table?.value ?? 254, metric: metric?.value ?? 50)
        kernel(&section, into: &settings)
        section.finish()
        return settings
    }

    private static func imports(_ section: ConfigurationSection) -> ImportSettings {
        var section = section
        let ipv4 = lengths(section.section("ipv4"), defaults: 8...28, bits: 32)
        let ipv6 = lengths(section.section("ipv6"), defaults: 32...122, bits: 128)
        let allowDefault = section.value("allowDefault", ConfigurationValue.boolWords, ConfigurationValue.bool)
        section.finish()
        return ImportSettings(ipv4Lengths: ipv4, ipv6Lengths: ipv6, allowDefault: allowDefault?.value ?? false)
    }

    private static func lengths(
        _ section: ConfigurationSection, defaults: ClosedRange<Int>, bits: Int
    ) -> ClosedRange<Int> {
        var section = section
        let words = "a prefix length from 0 to \(bits)"
        let least = section.value("minLength", words, ConfigurationValue.integer(0...bits))
        let most = section.value("maxLength", words, ConfigurationValue.integer(0...bits))
        section.finish()
        let (lower, upper) = (least?.value ?? defaults.lowerBound, most?.value ?? defaults.upperBound)
        guard lower <= upper else {
            section.problems.error(
                (most ?? least)?.mark ?? section.mark,
                "\(section.path) allows no length: minLength \(lower) is above maxLength \(upper); swap or change them")
            return defaults
        }
        return lower...upper
    }

    private static func control(_ section: ConfigurationSection, node: LocatedNode) -> ControlSettings {
        var section = section
        let socket = section.value("socket", ConfigurationValue.socketPathWords, ConfigurationValue.socketPath)
        section.finish()
        if let socket { return ControlSettings(socket: socket.value) }
        let path = "\(node.settings.stateDir)/martletd.sock"
        if ConfigurationValue.socketPath(path) == nil {
            section.problems.error(
                node.stateDirMark,
                "node.stateDir is too long for a socket in it; set control.socket to a path of at most 107 bytes")
        }
        return ControlSettings(socket: path)
    }

    private static func metrics(_ section: ConfigurationSection) -> MetricsSettings {
        var section = section
        let listen = section.value("listen", ConfigurationValue.endpointWords, ConfigurationValue.endpoint)
        section.finish()
        return MetricsSettings(listen: listen?.value)
    }

    private static func log(_ section: ConfigurationSection) -> LogSettings {
        var section = section
        let level: Located<LogSettings.Level>? = section.value(
            "level", ConfigurationValue.words(LogSettings.Level.self), ConfigurationValue.choice)
        let format: Located<LogSettings.Format>? = section.value(
            "format", ConfigurationValue.words(LogSettings.Format.self), ConfigurationValue.choice)
        section.finish()
        return LogSettings(level: level?.value ?? .info, format: format?.value ?? .logfmt)
    }
}
