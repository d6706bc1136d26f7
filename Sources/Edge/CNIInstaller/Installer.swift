import CNIPlugin
import Glibc

/// Puts the plugins and their list where a runtime looks for them, or takes them away.
///
/// The binaries come first and the list last: a node with a list counts as ready to plug pods.
package struct Installer {
    /// Where a runtime looks for plugins.
    package var binDirectory = "/opt/cni/bin"
    /// Where a runtime looks for lists; it takes the first by name.
    package var confDirectory = "/etc/cni/net.d"
    /// Name of our list there.
    package var name = "10-martlet.conflist"
    /// Where our binaries are now.
    package var sourceDirectory: String
    /// A list to install instead of the standard one.
    package var conflist: String?

    /// Our plugins.
    package static let binaries = ["martlet", "martlet-ipam"]

    package init(sourceDirectory: String) { self.sourceDirectory = sourceDirectory }

    /// Installs, or brings up to date, and says what it did. Done again it changes nothing.
    package func install() throws(InstallError) -> [String] {
        try checkName()
        var report: [String] = []
        let template = try template()
        // All that can be wrong is found before anything is changed.
        let list = try merged(template)
        try FileChange.makeDirectory(binDirectory)
        try FileChange.makeDirectory(confDirectory)
        for name in Self.binaries { report.append(try install(name)) }
        return report + (try write(list, own: template))
    }

    /// Writes the list alone, for plugins that are there already. What others put into it stays.
    package func writeList() throws(InstallError) -> [String] {
        try checkName()
        let template = try template()
        return try write(try merged(template), own: template)
    }

    private func template() throws(InstallError) -> Conflist {
        let template =
            if let conflist { try Conflist(try FileChange.read(conflist), name: conflist) } else {
                try Conflist(Array(Conflist.standard.utf8), name: "the standard list")
            }
        guard template.types.contains("martlet") else {
            throw InstallError("\(conflist ?? "the list") has no plugin of type martlet; name another with --conflist")
        }
        return template
    }

    private func write(_ list: Conflist, own template: Conflist) throws(InstallError) -> [String] {
        var list = list
        var report = try chooseVersion(&list, own: template)
        let isNew = try FileChange.write(Array(list.text.utf8), to: confDirectory, name, mode: 0o600)
        let versions = list.versions.joined(separator: " and ")
        report.append("\(confDirectory)/\(name): \(isNew ? "written" : "unchanged"), for CNI \(versions)")
        return report + predecessors
    }

    /// Takes the list away, then the binaries. A list that others have put their plugins into stays unless `force` is
    /// set: without ours it would be no use to anybody.
    package func uninstall(force: Bool = false) throws(InstallError) -> [String] {
        try checkName()
        var report: [String] = []
        let path = "\(confDirectory)/\(name)"
        if FileChange.exists(path) {
            let list = try? Conflist(try FileChange.read(path), name: path)
            let foreign = list?.types.filter { !Self.isOurs($0) } ?? []
            guard force || list?.types.contains("martlet") == true else {
                throw InstallError("\(path) is not ours: it has no plugin of type martlet; --force removes it")
            }
            guard force || foreign.isEmpty else {
                throw InstallError(
                    "\(path) also has \(foreign.joined(separator: ", ")): uninstall that first; --force removes it all")
            }
            report.append("\(path): \(try FileChange.remove(path) ? "removed" : "was not there")")
        }
        for name in Self.binaries where try FileChange.remove("\(binDirectory)/\(name)") {
            report.append("\(binDirectory)/\(name): removed")
        }
        return report.isEmpty ? ["nothing was installed"] : report
    }

    /// The types that the standard list may have.
    private static func isOurs(_ type: String) -> Bool { type == "martlet" }

    /// A name that leads elsewhere, or that no runtime looks at.
    private func checkName() throws(InstallError) {
        guard !name.utf8.contains(UInt8(ascii: "/")), name.hasSuffix(".conflist"), !name.hasPrefix(".") else {
            throw InstallError("\(name) is no name for a list; write one such as 10-martlet.conflist")
        }
    }

    private func merged(_ template: Conflist) throws(InstallError) -> Conflist {
        let path = "\(confDirectory)/\(name)"
        guard FileChange.exists(path) else { return template }
        let installed = try Conflist(try FileChange.read(path), name: path)
        guard installed.types.contains("martlet") else {
            throw InstallError(
                "\(path) is not ours: it has \(installed.types.joined(separator: ", ")) and no martlet;"
                    + " move it away, or choose another name with --name")
        }
        return template.merged(into: installed, keeps: conflist == nil)
    }

    private func install(_ name: String) throws(InstallError) -> String {
        let (source, target) = ("\(sourceDirectory)/\(name)", "\(binDirectory)/\(name)")
        guard FileChange.exists(source) else {
            guard FileChange.exists(target) else {
                throw InstallError(
                    "\(name) is neither in \(sourceDirectory) nor in \(binDirectory); say where it is with --source")
            }
            return "\(target): is there"
        }
        let bytes = try FileChange.read(source)
        let isNew = try FileChange.write(bytes, to: binDirectory, name, mode: 0o755)
        return "\(target): \(isNew ? "installed" : "unchanged")"
    }

    /// The versions that the list asks for and every plugin of it speaks, or else the highest below: runtimes take the
    /// list's word and ask no plugin, and one plugin that is too old fails every pod.
    private func chooseVersion(_ list: inout Conflist, own: Conflist) throws(InstallError) -> [String] {
        let asked = own.versions.compactMap(SpecVersion.init)
        guard let first = asked.first, let highest = asked.max() else {
            throw InstallError(
                "the list asks for cniVersion \(own.versions.joined(separator: ", ")), which is none of "
                    + "\(SpecVersion.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var common = Set(SpecVersion.allCases.filter { $0 <= highest })
        var report: [String] = []
        var words: [String] = []
        for type in list.types {
            guard let versions = try versions(of: type, isOwn: own.types.contains(type)) else {
                report.append("\(type): not in \(binDirectory); pods cannot be plugged until it is")
                continue
            }
            words.append("\(type) speaks \(versions.sorted().map(\.rawValue).joined(separator: ", "))")
            if let most = versions.max(), most < highest { report.append("\(type): speaks at most \(most.rawValue)") }
            common.formIntersection(versions)
        }
        guard let best = common.max() else {
            throw InstallError(
                "the plugins of the list have no cniVersion in common: \(words.joined(separator: "; "));"
                    + " install newer ones, or take one out of the list")
        }
        let kept = asked.filter(common.contains)
        list.setVersions(kept.isEmpty ? [best] : kept, first: common.contains(first) ? first : kept.min() ?? best)
        return report
    }

    /// What a plugin says that it speaks; nil when somebody else's is not there (yet).
    private func versions(of type: String, isOwn: Bool) throws(InstallError) -> Set<SpecVersion>? {
        let path = "\(binDirectory)/\(type)"
        guard !type.utf8.contains(UInt8(ascii: "/")), access(path, X_OK) == 0 else {
            guard isOwn else { return nil }
            throw InstallError("\(path) is missing, and the list needs it; install it, or take it out of the list")
        }
        let question = "{\"cniVersion\":\"\(SpecVersion.newest.rawValue)\"}"
        let answer: FinishedProcess
        do {
            answer = try runProcess(
                path, environment: ["CNI_COMMAND": "VERSION", "CNI_PATH": binDirectory], input: Array(question.utf8),
                patience: 10_000)
        } catch {
            throw InstallError("\(path) cannot be run (\(error)); is it for this machine?")
        }
        let known = (try? JSONValue(parsing: answer.output))?["supportedVersions"]?.array
        guard answer.succeeded, let known else {
            throw InstallError(
                "\(path) does not answer VERSION (\(answer.end)); is it a CNI plugin, and for this machine?")
        }
        return Set(known.compactMap { $0.string.flatMap(SpecVersion.init) })
    }

    /// Lists that runtimes take in place of ours.
    private var predecessors: [String] {
        let others = FileChange.names(confDirectory).prefix { $0 != name }.filter { other in
            !other.hasPrefix(".") && [".conf", ".conflist", ".json"].contains { other.hasSuffix($0) }
        }
        return others.map {
            "\(confDirectory)/\($0): comes before \(name), so runtimes take it; remove it unless it contains martlet"
        }
    }
}
