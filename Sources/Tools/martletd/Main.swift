import ArgumentParser
import NodeAgent

/// Where the program begins: with one thread, which is when a process can still give up what it may do as a whole.
@main
enum Program {
    static func main() {
        if let run = try? Martletd.parseAsRoot() as? Run {
            Process.shareHeap()
            Process.keepOnlyNeededCapabilities(configuration: run.config)
        }
        Process.run { await Martletd.main() }
    }
}

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

    @Option(help: "Configuration file; read again when it changes, and at SIGHUP.")
    var config = "/etc/martlet/martletd.yaml"

    func run() async throws {
        do {
            try await AgentService.run(file: config)
        } catch {
            if !error.text.isEmpty { Process.complain("martletd: \(error.text)") }
            throw ExitCode(1)
        }
    }
}

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks a configuration file: every problem with its line and column.",
        discussion: """
            Exit status: 0 the file is usable; 1 it is not. With --against-running: 0 a reload disturbs nobody; 1 the \
            file is unusable, or no agent answers; 2 sessions would reset or end, prefixes be withdrawn, or the agent \
            needs a restart.
            """)

    @Flag(help: "Tell what a reload of the agent that runs would do.")
    var againstRunning = false

    @Option(help: "Control socket of that agent; default: the one that FILE names.")
    var socket: String?

    @Argument(help: "Configuration file; with --against-running, default: the agent's.")
    var file: String?

    func validate() throws {
        guard againstRunning || file != nil else { throw ValidationError("name a FILE to check") }
        guard againstRunning || socket == nil else { throw ValidationError("--socket needs --against-running") }
    }

    func run() throws {
        if againstRunning {
            let verdict = RunningAgent.check(file: file, socket: socket)
            print(verdict.report, terminator: "")
            throw ExitCode(verdict.status)
        }
        let (report, isUsable) = NodeAgent.Configuration.check(path: file ?? "", hostname: Process.hostname)
        print(report, terminator: "")
        guard isUsable else { throw ExitCode(1) }
    }
}
