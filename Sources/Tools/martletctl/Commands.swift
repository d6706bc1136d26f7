import ArgumentParser
import ControlAPI

struct Sessions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One row for each peer and family; a peer that is down shows why.")

    @Flag(help: "Exit with status 3 when a configured peer is down.")
    var check = false

    @OptionGroup var common: Common

    func run() throws {
        let allUp = try common.console.showSessions()
        if check, !allUp { throw ExitCode(3) }
    }
}

struct Session: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Everything about one peer: state, last error, capabilities, timers, counters.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.session(peer)) }
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
    var prefix: String?

    @OptionGroup var common: Common

    func run() throws {
        let query = try RouteQuery(
            received: received, rejected: rejected, advertised: advertised, prefix: prefix, longer: longer, limit: limit
        )
        try common.console.show(.routes(query))
    }
}

struct FIB: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fib", abstract: "Routes as the agent wants them beside those in the kernel.")

    @Argument(
        help: "A prefix, or an address for its longest match; or verify, to read the kernel afresh and compare.")
    var prefix: String?

    @OptionGroup var common: Common

    func run() throws {
        guard prefix != "verify" else {
            if try !common.console.showVerification() { throw ExitCode(1) }
            return
        }
        try common.console.show(.fib(PrefixSelection(prefix: prefix, longer: false)))
    }
}

struct Pods: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Pods of this node and their links.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.pods) }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The agent itself: version, node, AS, uptime.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.status) }
}
