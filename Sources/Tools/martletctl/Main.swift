import ArgumentParser
import ControlAPI
import Glibc

/// Asks the agent of this node what it does, and why.
@main
struct Martletctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletctl",
        abstract: "Ask the Martlet agent of this node what it does, and why.",
        discussion: """
            Exit status: 0 the question was answered; 1 the agent is not running or refused; 2 wrong usage; \
            3 a configured peer is down (sessions --check).
            """,
        subcommands: [Sessions.self, Session.self, Routes.self, FIB.self, Pods.self, Status.self])

    static func main() {
        do {
            var command = try parseAsRoot(commandFirst(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch let error as ControlError {
            fail("martletctl: \(error)", status: 1)
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { exit(withError: error) }
            fail(fullMessage(for: error), status: 2)
        }
    }

    /// `martletctl --socket PATH sessions` and `martletctl sessions --socket PATH` are the same.
    private static func commandFirst(_ arguments: [String]) -> [String] {
        let names = Set(configuration.subcommands.map { $0._commandName })
        guard let index = arguments.firstIndex(where: names.contains), arguments.first?.hasPrefix("-") == true else {
            return arguments
        }
        return [arguments[index]] + arguments[..<index] + arguments[(index + 1)...]
    }

    private static func fail(_ message: String, status: Int32) -> Never {
        Common.write(Array("\(message)\n".utf8), to: STDERR_FILENO)
        Glibc.exit(status)
    }
}

/// Forms of the answer.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, wide, json
}

/// What every command understands.
struct Common: ParsableArguments {
    @Option(help: "Path of the agent's control socket.")
    var socket = ControlClient.defaultSocket

    @Option(name: [.short, .customLong("output")], help: "table, wide (more columns), or json (the agent's document).")
    var output = OutputFormat.table

    /// Asks and prints: the document as it came, or rendered.
    func answer<Document: Decodable>(
        _ request: ControlRequest, _: Document.Type, render: (Document, _ wide: Bool) -> String
    ) throws {
        let client = ControlClient(socket: socket)
        let bytes = try client.get(request)
        guard output != .json else { return Self.write(bytes) }
        Self.write(Array(render(try client.decode(Document.self, bytes), output == .wide).utf8))
    }

    /// Writes to standard output, or another descriptor, as much as its reader takes.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
