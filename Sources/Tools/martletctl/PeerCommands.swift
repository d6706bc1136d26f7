import ArgumentParser
import ControlAPI

struct Shutdown: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the session with a peer until it is enabled again.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @Option(help: "Text for the operators of the peer, at most 255 bytes.")
    var message: String?

    @OptionGroup var common: Common

    func run() throws { try common.order(.shutdown(message: message), peer) }
}

struct Enable: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take a shutdown back.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @OptionGroup var common: Common

    func run() throws { try common.order(.enable, peer) }
}

struct Reset: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the session with a peer and open it again; or exchange routes anew, with --soft.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @Option(help: ArgumentHelp("in, out or both: the session stays, routes are sent again.", valueName: "direction"))
    var soft: ResetOrder.Soft?

    @Option(help: "Text for the operators of the peer, at most 255 bytes.")
    var message: String?

    @OptionGroup var common: Common

    func run() throws { try common.order(.reset(ResetOrder(soft: soft, message: message)), peer) }
}

extension ResetOrder.Soft: ExpressibleByArgument {}

extension Common {
    fileprivate func order(_ order: PeerOrder, _ peer: String) throws {
        if let problem = order.problem { throw ValidationError(problem) }
        try console.show(.order(order, peer: peer))
    }
}
