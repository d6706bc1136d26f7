import ArgumentParser
import ControlAPI

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Policies of peers: dry runs.", subcommands: [PolicyTest.self])
}

struct PolicyTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Which rule decides on a path, and what becomes of it; nothing is changed.",
        discussion: "Without attributes the path that the agent holds is taken, with them one that need not exist.")

    @Argument(help: "Name or address of a configured peer.")
    var peer: String

    @Argument(help: "A prefix, or an address for its host prefix.")
    var prefix: String

    @Flag(name: .customLong("import"), help: "What the peer announces to us (the default).")
    var isImport = false

    @Flag(name: .customLong("export"), help: "What we announce to the peer.")
    var isExport = false

    @Option(name: .customLong("from"), help: "With --export: the peer that the path is from, or local.")
    var source: String?

    @Option(help: "AS numbers, such as \"65001 64512\".")
    var asPath: String?

    @Option(help: "An address.")
    var nextHop: String?

    @Option(help: "MULTI_EXIT_DISC.")
    var med: UInt32?

    @Option(help: "LOCAL_PREF.")
    var localPref: UInt32?

    @Option(name: .customLong("community"), help: "65001:100 or a well-known name; may be repeated.")
    var communities: [String] = []

    @Option(name: .customLong("large-community"), help: "65001:1:2; may be repeated.")
    var largeCommunities: [String] = []

    @OptionGroup var common: Common

    func run() throws {
        var path = PolicyQuery.Path()
        (path.asPath, path.nextHop, path.med, path.localPref) = (asPath, nextHop, med, localPref)
        (path.communities, path.largeCommunities) = (communities, largeCommunities)
        let query = try PolicyQuery(
            peer: peer, prefix: prefix, isImport: isImport, isExport: isExport, source: source, path: path)
        try common.console.show(.policyTest(query))
    }
}
