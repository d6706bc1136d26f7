import Foundation
import Lab
import TestKit
import Testing

/// How the two kinds of routers write what these tests need.
private enum Dialect {
    static func password(_ password: String, _ kind: RouterKind) -> String {
        kind == .frr ? "password \(password)" : "password \"\(password)\""
    }

    static func security(_ kind: RouterKind) -> String { kind == .frr ? "ttl-security hops 1" : "ttl security on" }

    static func multihop(_ kind: RouterKind) -> String { kind == .frr ? "ebgp-multihop 255" : "multihop 255" }
}

/// Who may open the connection.
enum Opening: String, CaseIterable, Sendable {
    case either, weOnly, theyOnly
}

extension Interop {
    /// What protects the TCP connection of a session: passwords (RFC 2385) and hop limits (RFC 5082).
    @Suite(.serialized)
    struct TransportTests {
        static let secret = "mellon-8472"

        /// A file with a password in a rack.
        private func passwordFile(_ rack: Rack, _ password: String, _ name: String = "secret") throws -> String {
            let path = rack.directory(name)
            try Data("\(password)\n".utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            return path
        }

        /// One router with one neighbour, our node, over one family of addresses.
        private func configuration(_ rack: Rack, ipv6: Bool, _ options: [String]) -> RouterConfiguration {
            var configuration = rack.routerConfiguration()
            let link = rack.link(node: 0)
            configuration.neighbors[0].address = ipv6 ? link.nodeIPv6 : link.nodeIPv4
            configuration.neighbors[0].options = options
            return configuration
        }

        private func expectUp(
            _ rack: Rack, _ kind: RouterKind, ipv6: Bool, _ opening: Opening, theirs: String, ours: String
        ) throws {
            let link = rack.link(node: 0)
            var theirConfiguration = configuration(rack, ipv6: ipv6, [theirs])
            theirConfiguration.neighbors[0].passive = opening == .weOnly
            let tor = try rack.startRouter(kind, theirConfiguration)
            let node = try rack.startMartlet(0) {
                $0.peers[0].address = ipv6 ? link.routerIPv6 : link.routerIPv4
                $0.peers[0].passive = opening == .theyOnly
                $0.peers[0].options = [ours]
            }
            try tor.waitEstablished(ipv6 ? link.nodeIPv6 : link.nodeIPv4)
            try node.waitEstablished(ipv6 ? link.routerIPv6 : link.routerIPv4)
        }

        /// Waits until the session is down and says all of `words`.
        private func expectDown(_ node: MartletNode, _ address: String, says words: [String]) throws {
            try eventually(
                "martletctl sessions says \(words)", last: { ((try? node.session(address).text) ?? "") + node.logTail }
            ) {
                let text = try node.session(address)["lastError"]["text"].string ?? ""
                return words.allSatisfy { text.contains($0) }
            }
            #expect(try node.state(of: address) != "Established")
        }

        // MARK: passwords

        @Test(arguments: [RouterKind.frr, .bird], Opening.allCases)
        func `a session with a password comes up whoever opens it`(kind: RouterKind, opening: Opening) throws {
            try Rack.use(nodes: 1) { rack in
                let file = try passwordFile(rack, Self.secret)
                try expectUp(
                    rack, kind, ipv6: false, opening, theirs: Dialect.password(Self.secret, kind),
                    ours: "passwordFile: \(file)")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a session over IPv6 with a password comes up`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let file = try passwordFile(rack, Self.secret)
                try expectUp(
                    rack, kind, ipv6: true, .either, theirs: Dialect.password(Self.secret, kind),
                    ours: "passwordFile: \(file)")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a wrong password stays down, is told, and can be mended by changing the file`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let file = try passwordFile(rack, "balrog-1")
                let tor = try rack.startRouter(
                    kind, configuration(rack, ipv6: false, [Dialect.password(Self.secret, kind)]))
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["passwordFile: \(file)"] }
                try expectDown(node, link.routerIPv4, says: ["wrong TCP MD5 signature", "password"])
                #expect(try tor.state(of: link.nodeIPv4) != "Established")
                _ = try passwordFile(rack, Self.secret)
                try node.waitEstablished(link.routerIPv4)
                try expectSilence(node, of: [Self.secret, "balrog"])
            }
        }

        /// No password in the log or in anything that martletctl prints.
        private func expectSilence(_ node: MartletNode, of secrets: [String]) throws {
            try waitForNewPassword(node)
            let log = try String(contentsOfFile: node.log, encoding: .utf8)
            let shown = try [node.ctl("sessions", "-o", "json"), node.ctl("session", "tor")].map(\.output)
            for text in [log] + shown { for secret in secrets { #expect(!text.contains(secret)) } }
        }

        @Test func `a password on one side only is told on ours`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let file = try passwordFile(rack, Self.secret)
                _ = try rack.startRouter(.frr, configuration(rack, ipv6: false, []))
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["passwordFile: \(file)"] }
                try expectDown(node, link.routerIPv4, says: ["without a TCP MD5 signature"])
            }
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                _ = try rack.startRouter(.frr, configuration(rack, ipv6: false, ["password \(Self.secret)"]))
                let node = try rack.startMartlet(0)
                try expectDown(node, link.routerIPv4, says: ["with a TCP MD5 signature", "set passwordFile"])
            }
        }

        @Test(arguments: ["missing", "empty"])
        func `without a password in the file there is no session at all`(fault: String) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let file = rack.directory("secret")
                if fault == "empty" { try Data("\n".utf8).write(to: URL(fileURLWithPath: file)) }
                // The router would take an unsigned session, and opens one itself.
                let tor = try rack.startRouter(.frr, configuration(rack, ipv6: false, []))
                let node = try rack.startMartlet(0) { $0.peers[0].options = ["passwordFile: \(file)"] }
                try expectDown(node, link.routerIPv4, says: [file, fault == "empty" ? "is empty" : "No such file"])
                #expect(
                    try always(for: 3) {
                        try tor.state(of: link.nodeIPv4) != "Established"
                            && node.state(of: link.routerIPv4) != "Established"
                    })
                let check = try rack.nodes[0].run([try martletBinary("martletd"), "check", node.configurationFile])
                #expect(check.succeeded, "the agent can run: \(check)")
                #expect((check.output + check.errors).contains("warning: \(file)"), "\(check)")
            }
        }

        @Test(arguments: [true, false])
        func `a password changed on both sides keeps the session`(reload: Bool) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let ours = try passwordFile(rack, Self.secret, "secret-a")
                let theirs = try passwordFile(rack, Self.secret, "secret-b")
                let node = try rack.startMartlet(0) {
                    $0.holdTime = 3
                    $0.peers[0].options = ["passwordFile: \(ours)"]
                }
                let tor = try martletTor(rack, options: ["passwordFile: \(theirs)"])
                try node.waitEstablished(link.routerIPv4)
                for name in ["secret-a", "secret-b"] { _ = try passwordFile(rack, "speak-friend", name) }
                if reload { try hangUp([node, tor]) }
                try waitForNewPassword(node)
                try waitForNewPassword(tor)
                // Longer than the hold time: KEEPALIVEs get through.
                #expect(try always(for: 4) { try node.state(of: link.routerIPv4) == "Established" })
                #expect(try node.session(link.routerIPv4)["establishedCount"] == 1)
                #expect(try tor.session(link.nodeIPv4)["establishedCount"] == 1)
                // And not because nobody looks at passwords: with one of them changed back, the session ends.
                _ = try passwordFile(rack, Self.secret, "secret-a")
                try eventually("the session ends") { try node.state(of: link.routerIPv4) != "Established" }
                try expectDown(node, link.routerIPv4, says: ["wrong TCP MD5 signature"])
            }
        }

        private func waitForNewPassword(_ agent: MartletNode) throws {
            try eventually("the new password is in use", last: { agent.logTail }) {
                try String(contentsOfFile: agent.log, encoding: .utf8).contains("changed password")
            }
        }

        private func hangUp(_ agents: [MartletNode]) throws {
            for agent in agents { kill(try #require(agent.pid), SIGHUP) }
        }

        /// Our agent as the router of the rack.
        private func martletTor(_ rack: Rack, options: [String]) throws -> MartletNode {
            let link = rack.link(node: 0)
            var peer = MartletPeer(name: "node-a", address: link.nodeIPv4, asn: Rack.nodeASN(0))
            peer.options = options
            let configuration = MartletConfiguration(
                name: "tor", asn: Rack.torASN(0), routerID: "192.0.2.200", podCIDRs: [], peers: [peer])
            let tor = try MartletNode(configuration, in: rack.tors[0], directory: rack.directory("tor"))
            try tor.start()
            return tor
        }

        // MARK: hop limits

        @Test(arguments: [RouterKind.frr, .bird], Opening.allCases)
        func `TTL security comes up whoever opens`(kind: RouterKind, opening: Opening) throws {
            try Rack.use(nodes: 1) { rack in
                try expectUp(
                    rack, kind, ipv6: false, opening, theirs: Dialect.security(kind), ours: "ttlSecurity: true")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `TTL security comes up over IPv6`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                try expectUp(
                    rack, kind, ipv6: true, .either, theirs: Dialect.security(kind), ours: "ttlSecurity: true")
            }
        }

        @Test(arguments: [RouterKind.frr, .bird])
        func `a peer two hops away needs to be allowed, and is dropped by the kernel before`(kind: RouterKind) throws {
            try Rack.use(nodes: 2) { rack in
                let (near, far) = (rack.link(node: 0), rack.link(node: 1))
                try rack.nodes[0].require("ip", "route", "add", far.nodeIPv4, "via", near.routerIPv4)
                try rack.nodes[1].require("ip", "route", "add", near.nodeIPv4, "via", far.routerIPv4)
                var neighbor = Neighbor(name: "near", address: near.nodeIPv4, asn: Rack.nodeASN(0))
                neighbor.options = [Dialect.multihop(kind)]
                let router = try kind.start(
                    RouterConfiguration(asn: Rack.nodeASN(1), routerID: far.nodeIPv4, neighbors: [neighbor]),
                    in: rack.nodes[1], directory: rack.directory("far"))
                let node = try rack.startMartlet(0) {
                    $0.peers = [MartletPeer(name: "far", address: far.nodeIPv4, asn: Rack.nodeASN(1))]
                }
                try expectDown(node, far.nodeIPv4, says: ["on no link of this node", "multihop"])

                try reload(node, "ttlSecurity: true")
                try expectDown(node, far.nodeIPv4, says: ["hop limit below 255", "ttlSecurity"])
                let counter = try rack.nodes[0].require("nstat", "-asz", "TcpExtTCPMinTTLDrop")
                #expect(counter.split(whereSeparator: \.isWhitespace).contains { Int($0).map { $0 > 0 } == true })

                try reload(node, "ttlSecurity: 2")
                try node.waitEstablished(far.nodeIPv4)
                try reload(node, "multihop: 2")
                try eventually("the session starts anew") {
                    try node.session(far.nodeIPv4)["capabilitiesSent"].array.isEmpty
                        || node.state(of: far.nodeIPv4) != "Established"
                        || (node.session(far.nodeIPv4)["uptimeSeconds"].int ?? 9) < 2
                }
                try node.waitEstablished(far.nodeIPv4)
                try router.waitEstablished(near.nodeIPv4)
            }
        }

        private func reload(_ node: MartletNode, _ option: String) throws {
            try node.configure { $0.peers[0].options = [option] }
            try hangUp([node])
        }
    }
}
