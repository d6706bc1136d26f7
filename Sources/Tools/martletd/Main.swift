import ArgumentParser
import Logging
import NodeAgent

@main
struct Martletd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletd", abstract: "The node agent of Martlet: speaks BGP and programs the kernel's routes.",
        version: versionText, subcommands: [Run.self, Check.self, InstallCNI.self, UninstallCNI.self],
        defaultSubcommand: Run.self)

    private static var versionText: String {
        let libraries = Version.libraries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "martletd \(Version.martlet) (\(libraries.joined(separator: ", ")))"
    }
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Runs the agent in the foreground (the default).")

    @Option(help: "Configuration file; SIGHUP reads it again.")
    var config = "/etc/martlet/martletd.yaml"

    func run() async throws {
        Process.shareHeap()
        guard let loaded = Process.load(config) else { throw ExitCode(1) }
        let (level, format) = Process.logSettings(loaded)
        var logger = Logger(label: "martletd") { _ in StructuredLogHandler(level: level, format: format) }
        logger.logLevel = level
        let agent = Agent(loaded, logger: logger)
        let signals = Process.Signals()
        do {
            try await agent.start()
        } catch {
            Process.complain("martletd: \(error)")
            throw ExitCode(1)
        }
        Process.forgetStart()
        for await signal in signals.stream {
            guard signal == .reload else { return await agent.stop(reason: signal.rawValue) }
            if let new = Process.load(config) { await agent.reload(new) }
        }
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks a configuration file: every problem with its line and column.")

    @Argument(help: "Configuration file.")
    var file: String

    func run() throws {
        let (report, isUsable) = Configuration.check(path: file, hostname: Process.hostname)
        print(report, terminator: "")
        guard isUsable else { throw ExitCode(1) }
    }
}
