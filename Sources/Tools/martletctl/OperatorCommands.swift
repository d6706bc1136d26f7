import ArgumentParser
import ControlAPI

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "From UPDATE to kernel: what happens with a destination, and why.")

    @Argument(help: "An address, or a prefix without host bits.")
    var destination: String

    @OptionGroup var common: Common

    func run() throws {
        try common.console.show(.explain(try DestinationArgument.prefix(destination)))
    }
}

struct History: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The last 1,000 events of a session: states, NOTIFICATIONs in words, faults.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.history(peer)) }
}

struct Drain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say goodbye: GRACEFUL_SHUTDOWN, a wait, withdrawals, Cease; learned routes stay.")

    @Option(help: "How long peers have to move traffic away: 5s, 500ms, at most 10m.")
    var wait = "5s"

    @Option(help: "Text for the operators of the peers, at most 255 bytes.")
    var message: String?

    @OptionGroup var common: Common

    func run() throws {
        try common.console.show(.drain(try DrainOrder(wait: wait, message: message)))
    }
}

struct Undrain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take a drain back: open the sessions again.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.undrain) }
}

struct Health: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Whether every part of the agent answers.")

    @OptionGroup var common: Common

    func run() throws { if try !common.console.showHealth(.health) { throw ExitCode(3) } }
}

struct Ready: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Whether the node can be relied on: health, kernel, a session, no drain.")

    @OptionGroup var common: Common

    func run() throws { if try !common.console.showHealth(.ready) { throw ExitCode(3) } }
}

struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Metrics in the text form of Prometheus.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.metrics) }
}

struct ConfigurationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "The file in use, and why a newer one was refused.")

    @OptionGroup var common: Common

    func run() throws { try common.console.show(.configuration) }
}
