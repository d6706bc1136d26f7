import AgentClient
import ArgumentParser
import ControlAPI
import Glibc

@main
struct Martletctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletctl",
        abstract: "Ask the Martlet agent of this node what it does, and why.",
        discussion: """
            Exit status: 0 the question was answered; 1 the agent is not running or refused; 2 wrong usage; \
            3 a configured peer is down (sessions --check), or a check failed (health, ready).
            """,
        version: "martletctl \(Release.version) (\(ClientLibraries.text))",
        subcommands: [
            Sessions.self, Session.self, BFDCommand.self, Routes.self, FIB.self, Pods.self, Status.self, Explain.self,
            History.self,
            PolicyCommand.self, Shutdown.self, Enable.self, Reset.self, Drain.self, Undrain.self, Health.self,
            Ready.self, Metrics.self, ConfigurationCommand.self, Decode.self, Capture.self, IPAMCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot(commandFirst(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as ControlError {
            fail("martletctl: \(error)", status: 1)
        } catch let error as FileProblem {
            fail("martletctl: \(error)", status: 1)
        } catch let error as UsageError {
            fail("Error: \(error)\nSee 'martletctl --help' for more information.", status: 2)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            fail(fullMessage(for: error), status: 2)
        }
    }

    /// `martletctl --socket PATH sessions` and `martletctl sessions --socket PATH` are the same, and so are
    /// `martletctl -o json policy test ...` and `martletctl policy test -o json ...`.
    private static func commandFirst(_ arguments: [String]) -> [String] {
        guard arguments.first?.hasPrefix("-") == true,
            let index = arguments.firstIndex(where: { command($0, of: Self.self) != nil }),
            let outer = command(arguments[index], of: Self.self)
        else { return arguments }
        var end = index + 1
        if end < arguments.count, command(arguments[end], of: outer) != nil { end += 1 }
        return Array(arguments[index..<end] + arguments[..<index] + arguments[end...])
    }

    private static func command(_ word: String, of parent: any ParsableCommand.Type) -> (any ParsableCommand.Type)? {
        parent.configuration.subcommands.first { $0._commandName == word }
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        Console.write(Array("\(message)\n".utf8), to: STDERR_FILENO)
        Glibc.exit(status)
    }
}

extension OutputFormat: ExpressibleByArgument {}

/// What every command understands.
struct Common: ParsableArguments {
    @Option(help: "Path of the agent's control socket.")
    var socket = ControlClient.defaultSocket

    @Option(name: [.short, .customLong("output")], help: "table, wide (more columns), or json (the agent's document).")
    var output = OutputFormat.table

    var console: Console { Console(socket: socket, format: output) }
}
