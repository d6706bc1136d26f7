import ArgumentParser
import ControlAPI
import NetTypes

/// A prefix or an address on the command line.
struct PrefixArgument: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
        guard PrefixSelection(argument: argument) != nil else { return nil }
        text = argument
    }

    /// What it selects, together with `--longer`.
    func selection(longer: Bool) throws -> PrefixSelection {
        guard let selection = PrefixSelection(argument: text, longer: longer) else {
            throw ValidationError("--longer needs a prefix, such as 10.244.0.0/16; \(text) is an address.")
        }
        return selection
    }
}

struct Sessions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One row for each peer and family; a peer that is down shows why.")

    @OptionGroup var common: Common

    @Flag(help: "Exit with status 3 when a configured peer is down.")
    var check = false

    func run() throws {
        let client = ControlClient(socket: common.socket)
        let bytes = try client.get(.sessions)
        let document = try client.decode(SessionsDocument.self, bytes)
        Common.write(
            common.output == .json
                ? bytes : Array(Render.sessions(document, wide: common.output == .wide).utf8))
        if check, !document.sessions.allSatisfy(\.isEstablished) { throw ExitCode(3) }
    }
}

struct Session: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everything about one peer: state, last error, capabilities, timers, counters.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @OptionGroup var common: Common

    func run() throws {
        try common.answer(.session(peer), SessionsDocument.self) { document, _ in
            document.sessions.map { Render.session($0) }.joined(separator: "\n")
        }
    }
}

struct Routes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Paths, each with the reason why it is best, is not, or was rejected.",
        usage: "martletctl routes [--received PEER | --rejected [PEER] | --advertised PEER] [PREFIX] [--longer]")

    @Option(help: ArgumentHelp("What a peer announces, accepted or not.", valueName: "peer"))
    var received: String?

    @Option(
        defaultAsFlag: "",
        help: ArgumentHelp("What the import policy refused, of one peer or of all.", valueName: "peer"))
    var rejected: String?

    @Option(help: ArgumentHelp("What we announce to a peer.", valueName: "peer"))
    var advertised: String?

    @Flag(help: "Also all prefixes inside PREFIX.")
    var longer = false

    @Option(help: ArgumentHelp("Show no more than so many paths.", valueName: "number"))
    var limit: Int?

    @Argument(help: "A prefix, or an address for its longest match.")
    var prefix: PrefixArgument?

    @OptionGroup var common: Common

    func validate() throws {
        guard [received, rejected, advertised].count(where: { $0 != nil }) <= 1 else {
            throw ValidationError("Give one of --received, --rejected and --advertised.")
        }
        guard limit ?? 0 >= 0 else { throw ValidationError("--limit must be 0 or more.") }
        _ = try selection()
    }

    func run() throws {
        let query = RouteQuery(table: table, selection: try selection(), limit: limit)
        try common.answer(.routes(query), RoutesDocument.self) { Render.routes($0, wide: $1) }
    }

    /// `--rejected 10.0.0.0/8` means all peers and that prefix: no peer has such a name.
    private var rejectedPrefix: PrefixArgument? {
        guard prefix == nil, let rejected, rejected.contains("/") else { return nil }
        return PrefixArgument(argument: rejected)
    }

    private var table: RouteQuery.Table {
        if let received { return .received(peer: received) }
        if let advertised { return .advertised(peer: advertised) }
        guard let rejected else { return .all }
        return .rejected(peer: rejected.isEmpty || rejectedPrefix != nil ? nil : rejected)
    }

    private func selection() throws -> PrefixSelection {
        guard let prefix = prefix ?? rejectedPrefix else {
            guard !longer else { throw ValidationError("--longer needs a prefix.") }
            return .all
        }
        return try prefix.selection(longer: longer)
    }
}

struct FIB: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fib", abstract: "Routes as the agent wants them beside those in the kernel.")

    @Argument(help: "A prefix, or an address for its longest match.")
    var prefix: PrefixArgument?

    @OptionGroup var common: Common

    func run() throws {
        let selection = try prefix?.selection(longer: false) ?? .all
        try common.answer(.fib(selection), FIBDocument.self) { document, _ in Render.fib(document) }
    }
}

struct Pods: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Pods of this node and their links.")

    @OptionGroup var common: Common

    func run() throws {
        try common.answer(.pods, PodsDocument.self) { Render.pods($0, wide: $1) }
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The agent itself: version, node, AS, uptime.")

    @OptionGroup var common: Common

    func run() throws {
        try common.answer(.status, StatusDocument.self) { document, _ in Render.status(document) }
    }
}
