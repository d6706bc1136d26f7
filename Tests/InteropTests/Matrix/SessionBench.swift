import Foundation
import Lab
import TestKit

/// One router and a node for each kind of session with it: most cells of the matrix in one rack.
struct SessionBench {
    /// Where a session is configured in its own way.
    enum Place: Int, CaseIterable {
        case plain, inside, password, hopLimit, limited, limiting
    }

    static let features: [Feature] = Feature.allCases.filter {
        !([.unnumbered] + TransitBench.features + RestartBench.features).contains($0)
    }

    private static let secret = "mellon-8472"
    private static let wrongSecret = "balrog-1"
    /// Prefixes of a family that `limited` takes: more than the router has at first.
    private static let limit = 12

    private let rack: Rack
    private let kind: RouterKind
    private let tor: any Router
    private let nodes: [MartletNode]
    private let secretFile: String

    static func run(_ kind: RouterKind, _ report: MatrixRun.Reporter) throws {
        try Rack.use(nodes: Place.allCases.count) { rack in
            let bench = try SessionBench(rack, kind)
            report.cell(.external) { try bench.exchange(.plain, "10.244.101.0/24") }
            report.cell(.internal) {
                try bench.exchange(.inside, "10.244.102.0/24")
                try check(bench.session(.inside)["external"] == false, "the session is not internal")
            }
            report.lacking { try bench.offered(.plain) }
            report.cell(.password) { try bench.checkPassword() }
            report.cell(.hopLimit) { try bench.waitEstablished(.hopLimit) }
            report.cell(.extendedMessages) { try bench.checkExtendedMessages() }
            report.cell(.theirRefresh) { try bench.checkTheirRefresh() }
            report.cell(.ourRefresh) { try bench.checkOurRefresh() }
            report.cell(.theirPrefixes) { try bench.checkTheirPrefixes() }
            report.cell(.ourPrefixes) { try bench.checkOurPrefixes() }
            report.cell(.theirShutdown) { try bench.checkTheirShutdown() }
            report.cell(.ourShutdown) { try bench.checkOurShutdown() }
        }
    }

    private init(_ rack: Rack, _ kind: RouterKind) throws {
        self.rack = rack
        self.kind = kind
        secretFile = rack.directory("secret")
        try Self.write(Self.wrongSecret, to: secretFile)
        tor = try rack.startRouter(kind, Self.configuration(of: rack))
        let file = secretFile
        nodes = try Place.allCases.map { place in
            try rack.startMartlet(place.rawValue) { own in
                switch place {
                case .plain, .limiting: break
                case .inside: own.asn = Rack.torASN(0)
                case .password: own.peers[0].options = ["passwordFile: \(file)"]
                case .hopLimit: own.peers[0].options = ["ttlSecurity: true"]
                case .limited: own.peers[0].options = ["maxPrefixes: {limit: \(Self.limit)}"]
                }
            }
        }
    }

    private static func configuration(of rack: Rack) -> RouterConfiguration {
        var configuration = rack.routerConfiguration()
        configuration.networks = [remote4, remote6]
        configuration.reflects = true
        for place in Place.allCases {
            var neighbor = configuration.neighbors[place.rawValue]
            neighbor.nextHopIPv6 = rack.link(node: place.rawValue).routerIPv6
            switch place {
            case .plain: neighbor.extendedMessages = true
            case .inside: neighbor.asn = configuration.asn
            case .password: neighbor.password = secret
            case .hopLimit: neighbor.ttlSecurity = true
            case .limited: break
            case .limiting: neighbor.maxPrefixes = 1
            }
            configuration.neighbors[place.rawValue] = neighbor
        }
        return configuration
    }

    private static func write(_ secret: String, to file: String) throws {
        try Data("\(secret)\n".utf8).write(to: URL(fileURLWithPath: file))
        chmod(file, 0o600)
    }

    // MARK: - Both sides of a session

    private func node(_ place: Place) -> MartletNode { nodes[place.rawValue] }
    private func link(_ place: Place) -> RackLink { rack.link(node: place.rawValue) }
    private func session(_ place: Place) throws -> JSONValue { try node(place).session(link(place).routerIPv4) }

    private func offered(_ place: Place) throws -> [String] {
        try waitEstablished(place)
        return try session(place)["capabilitiesReceived"].array.compactMap(\.string)
    }

    private func waitEstablished(_ place: Place) throws {
        try node(place).waitEstablished(link(place).routerIPv4, within: 30)
        try tor.waitEstablished(link(place).nodeIPv4)
    }

    /// Waits until what martletctl tells of a session has all `words`: in its last error, or earlier.
    private func waitHistory(_ place: Place, _ words: [String]) throws {
        try eventually("martletctl history says \(words)", last: { node(place).logTail }) {
            let text = try node(place).ctl("history", "tor").output
            return text.split(separator: "\n").contains { line in words.allSatisfy { line.contains($0) } }
        }
    }

    private func waitNotice(_ notice: Notice, _ place: Place) throws {
        try eventually("\(tor.kind) shows \(notice)", last: { tor.logTail }) {
            try tor.shows(notice, with: link(place).nodeIPv4)
        }
    }

    // MARK: - Cells

    /// Both families both ways, with `extra` coming and going.
    private func exchange(_ place: Place, _ extra: String) throws {
        try waitEstablished(place)
        let (node, link) = (node(place), link(place))
        let own = Set(Rack.podCIDRs(place.rawValue))
        try tor.waitAccepted(own, from: link.nodeIPv4)
        try check(node.advertised(to: link.routerIPv4) == own, "announces more than its podCIDRs")
        let wanted = own.union([remote4, remote6])
        try waitKernel(node, "has \(wanted.sorted())") { $0.isSuperset(of: wanted) }
        let hops = try node.namespace.route(remote4, protocolID: 179)?.hops
        try check(hops == ["via \(link.routerIPv4) dev \(link.nodeInterface)"], "\(remote4) goes \(hops ?? [])")
        let hops6 = try node.namespace.route(remote6, protocolID: 179)?.hops ?? []
        try check(
            hops6.count == 1 && hops6.allSatisfy { $0.hasSuffix("dev \(link.nodeInterface)") },
            "\(remote6) goes \(hops6)")
        try tor.announce(extra)
        try waitKernel(node, "has \(extra)") { $0.contains(extra) }
        try tor.withdraw(extra)
        try waitKernel(node, "has no \(extra)") { !$0.contains(extra) && $0.isSuperset(of: wanted) }
        try check(tor.accepted(from: link.nodeIPv4) == own, "the router has more than the podCIDRs")
    }

    private func waitKernel(_ node: MartletNode, _ what: String, _ condition: (Set<String>) -> Bool) throws {
        func prefixes() throws -> Set<String> { try node.namespace.prefixes(protocolID: 179) }
        try eventually(
            "the kernel of \(node.namespace.role) \(what)",
            last: { "\((try? prefixes().sorted()) ?? []) \((try? node.rejected()) ?? [:])" }
        ) { condition(try prefixes()) }
    }

    private func checkPassword() throws {
        try eventually("the wrong password is told", within: 30, last: { node(.password).logTail }) {
            let text = try session(.password)["lastError"]["text"].string ?? ""
            return text.contains("wrong TCP MD5 signature")
        }
        try check(tor.state(of: link(.password).nodeIPv4) != "Established", "up with a wrong password")
        try Self.write(Self.secret, to: secretFile)
        try waitEstablished(.password)
    }

    private func checkExtendedMessages() throws {
        try waitEstablished(.plain)
        for key in ["capabilitiesSent", "capabilitiesReceived"] {
            let words = try session(.plain)[key].array.compactMap(\.string)
            try check(words.contains("extended-message"), "\(key): \(words)")
        }
        try check(tor.hasExtendedMessages(with: link(.plain).nodeIPv4), "\(tor.kind) does not say so")
    }

    private func checkTheirRefresh() throws {
        try waitEstablished(.plain)
        let before = try session(.plain)
        try tor.askForRefresh(link(.plain).nodeIPv4)
        func more(_ key: String, _ kind: String) throws -> Bool {
            try (session(.plain)[key][kind].int ?? 0) > (before[key][kind].int ?? 0)
        }
        try eventually("the request is counted, and answered", last: { node(.plain).logTail }) {
            try more("messagesReceived", "routeRefresh") && more("messagesSent", "update")
        }
        try tor.waitAccepted(Set(Rack.podCIDRs(Place.plain.rawValue)), from: link(.plain).nodeIPv4)
        try checkUndisturbed(since: before)
    }

    private func checkOurRefresh() throws {
        try waitEstablished(.plain)
        let before = try session(.plain)
        let finished = try node(.plain).ctl("reset", "tor", "--soft", "in")
        try check(finished.succeeded, "martletctl reset: \(finished)")
        func more(_ key: String, _ kind: String) throws -> Bool {
            try (session(.plain)[key][kind].int ?? 0) > (before[key][kind].int ?? 0)
        }
        try eventually("the request is sent, and answered", last: { node(.plain).logTail + tor.logTail }) {
            try more("messagesSent", "routeRefresh") && more("messagesReceived", "update")
        }
        try check(
            node(.plain).namespace.prefixes(protocolID: 179).isSuperset(of: [remote4, remote6]), "routes are gone")
        try checkUndisturbed(since: before)
    }

    private func checkUndisturbed(since before: JSONValue) throws {
        let after = try session(.plain)
        try check(after["state"] == "established" && after["dropCount"] == before["dropCount"], "the session ended")
    }

    private func checkTheirPrefixes() throws {
        try waitEstablished(.limited)
        for number in 0..<Self.limit { try tor.announce("10.244.200.\(number * 16)/28") }
        try waitHistory(.limited, ["Maximum Number of Prefixes Reached"])
        try waitNotice(.tooManyPrefixes, .limited)
        try check(node(.limited).state(of: link(.limited).routerIPv4) != "Established", "the session is up")
    }

    private func checkOurPrefixes() throws {
        try waitEstablished(.limiting)
        try node(.limiting).configure { own in
            let third = Place.limiting.rawValue + 1
            // FRR counts what it had before an UPDATE: one more than the limit is not enough.
            own.podCIDRs.removeFirst()
            own.podCIDRs += (0..<4).map { "10.244.\(third).\($0 * 64)/26" }
        }
        guard let pid = node(.limiting).pid else { throw LabError("martletd is gone") }
        kill(pid, SIGHUP)
        try waitHistory(.limiting, ["Maximum Number of Prefixes Reached"])
        try waitNotice(.tooManyPrefixes, .limiting)
    }

    private func checkTheirShutdown() throws {
        try waitEstablished(.password)
        let text = kind == .exabgp ? "Administrative Shutdown" : "rack move ticket 42"
        try tor.shutDown(link(.password).nodeIPv4, message: text)
        try waitHistory(.password, ["Administrative Shutdown: \"\(text)\"", "received"])
        // What ExaBGP calls teardown is a reset: it connects again at once.
        guard kind != .exabgp else { return }
        try eventually("\(tor.kind) lost the session") { try tor.state(of: link(.password).nodeIPv4) != "Established" }
    }

    private func checkOurShutdown() throws {
        try waitEstablished(.hopLimit)
        let text = "node goes ticket 43"
        let finished = try node(.hopLimit).ctl("drain", "--wait", "0", "--message", text)
        try check(finished.succeeded, "martletctl drain: \(finished)")
        try waitNotice(.shutdown(text), .hopLimit)
        try eventually("\(tor.kind) lost the session") { try tor.state(of: link(.hopLimit).nodeIPv4) != "Established" }
    }
}
