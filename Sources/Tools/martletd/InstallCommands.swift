import ArgumentParser
import CNIInstaller
import Glibc
import NodeAgent

/// Where a runtime looks.
struct Places: ParsableArguments {
    @Option(help: "Where the runtime looks for plugins.")
    var binDir = "/opt/cni/bin"

    @Option(help: "Where the runtime looks for lists of plugins.")
    var confDir = "/etc/cni/net.d"

    @Option(help: "Name of the list; runtimes take the first.")
    var name = "10-martlet.conflist"

    func installer(source: String = "") -> Installer {
        var installer = Installer(sourceDirectory: source)
        (installer.binDirectory, installer.confDirectory, installer.name) = (binDir, confDir, name)
        return installer
    }

    /// Prints what was done, or why not.
    static func report(_ work: () throws(InstallError) -> [String]) throws(ExitCode) {
        do {
            for line in try work() { print(line) }
        } catch {
            Process.complain("martletd: \(error)")
            throw ExitCode(1)
        }
    }
}

struct InstallCNI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install-cni",
        abstract: "Installs the plugins and their list for the container runtime, or brings them up to date.",
        discussion: """
            Every plugin of the list is asked which versions it speaks, and the highest common one is written. What \
            others have put into the list stays. Files are replaced as a whole, never written into.
            """)

    @OptionGroup var places: Places

    @Option(help: "Where martlet and martlet-ipam are; default: beside martletd.")
    var source: String?

    @Option(help: "A list to install instead of the standard one; its own entries then replace the installed ones.")
    var conflist: String?

    func run() throws {
        var installer = places.installer(source: source ?? Self.ownDirectory)
        installer.conflist = conflist
        try Places.report { () throws(InstallError) in try installer.install() }
    }

    /// Where this program lies.
    private static var ownDirectory: String {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return String(String(cString: path).reversed().drop { $0 != "/" }.dropFirst().reversed())
    }
}

struct UninstallCNI: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall-cni",
        abstract: "Takes the list away, then the plugins; pods that run lose nothing, but their DEL needs the plugins.")

    @OptionGroup var places: Places

    @Flag(help: "Also a list that has plugins of others, or is not ours.")
    var force = false

    func run() throws {
        let installer = places.installer()
        try Places.report { () throws(InstallError) in try installer.uninstall(force: force) }
    }
}
