import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What an operator does with one session, seen from the other side too.
    @Suite(.serialized)
    struct PeerControlTests {
        private static let text = "rack move 42 ä"
        private static let pods = Set(Rack.podCIDRs(0))

        /// Whether a router says our text somewhere: in its CLI, or in its log.
        private static func shows(_ tor: any Router, _ rack: Rack) throws -> Bool {
            if let bird = tor as? BIRDRouter { return try bird.birdc("show protocols all").contains("rack move 42") }
            let log = (try? String(contentsOfFile: rack.directory("tor") + "/bgpd.log", encoding: .utf8)) ?? ""
            return tor.logTail.contains("rack move 42") || log.contains("rack move 42")
        }

        @Test(arguments: [RouterKind.frr, .bird, .openbgpd])
        func `our shutdown is read on the other side, lasts, and is taken back`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                if kind == .frr {
                    configuration.extra =
                        "log file \(rack.directory("tor"))/bgpd.log debugging\ndebug bgp neighbor-events\n"
                }
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)

                let shut = try node.ctl("shutdown", "tor", "--message", Self.text)
                #expect(shut.succeeded && shut.output.contains("Idle (admin)"), "\(shut)")
                #expect(shut.output.contains(Self.text), "\(shut)")
                try eventually("the router says our text", last: { tor.logTail }) { try Self.shows(tor, rack) }
                try eventually("the router forgets our routes") { try tor.accepted(from: link.nodeIPv4).isEmpty }
                let session = try node.session(link.routerIPv4)
                #expect(session["shutdown"]["by"] == "operator" && session["shutdown"]["message"].string == Self.text)
                #expect(session["lastNotification"]["direction"] == "sent", "\(session)")
                #expect(try always(for: 2) { try node.state(of: link.routerIPv4) == "ShutDown" })
                #expect(try !node.ctl("reset", "tor").succeeded)

                #expect(try node.ctl("enable", "tor").succeeded)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                let history = try node.ctl("history", "tor").output
                for words in ["shut down by the operator: \"\(Self.text)\"", "enabled by the operator"] {
                    #expect(history.contains(words), "\(history)")
                }
            }
        }

        @Test(arguments: [RouterKind.bird, .openbgpd, .gobgp])
        func `the other side's text is shown as long as it is down`(kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let tor = try rack.startRouter(kind)
                let node = try rack.startMartlet(0)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                try tor.shutDown(link.nodeIPv4, message: "switch upgrade")
                try eventually("the NOTIFICATION is shown", last: { node.logTail }) {
                    let said = try node.session(link.routerIPv4)["lastNotification"]
                    return said["direction"] == "received"
                        && said["text"].string?.contains("\"switch upgrade\"") == true
                }
                // Attempts that fail meanwhile have errors of their own, beside it.
                #expect(
                    try always(for: 3) {
                        try node.session(link.routerIPv4)["lastNotification"]["text"].string?
                            .contains("switch upgrade") == true
                    })
                for output in [try node.ctl("sessions").output, try node.ctl("session", "tor").output] {
                    #expect(output.contains("switch upgrade"), "\(output)")
                }
            }
        }

        @Test func `R11: shutdown in the configuration comes and goes with SIGHUP, and touches one session only`()
            throws
        {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let tors = try (0...1).map { try rack.startRouter($0 == 0 ? .bird : .frr, tor: $0) }
                let node = try rack.startMartlet(0)
                let links = (0...1).map { rack.link(tor: $0, node: 0) }
                for tor in 0...1 { try tors[tor].waitAccepted(Self.pods, from: links[tor].nodeIPv4) }
                try node.configure { $0.peers[0].options = ["shutdown: \"rack move 42\""] }
                node.reload()
                try eventually("the session is shut") { try node.state(of: links[0].routerIPv4) == "ShutDown" }
                try eventually("BIRD shows our text", last: { tors[0].logTail }) {
                    guard let bird = tors[0] as? BIRDRouter else { return false }
                    return try bird.birdc("show protocols all").contains("rack move 42")
                }
                let refused = try node.ctl("enable", "tor-1")
                #expect(!refused.succeeded && refused.errors.contains("the configuration has shut down"), "\(refused)")
                #expect(try node.session(links[0].routerIPv4)["shutdown"]["by"] == "configuration")
                // It is shut after a restart, too.
                node.kill()
                try node.start()
                try node.waitEstablished(links[1].routerIPv4)
                #expect(try node.state(of: links[0].routerIPv4) == "ShutDown")
                try node.configure { $0.peers[0].options = [] }
                node.reload()
                try tors[0].waitAccepted(Self.pods, from: links[0].nodeIPv4)
                #expect(try node.session(links[1].routerIPv4)["establishedCount"] == 1)
            }
        }

        @Test func `reset begins anew, and soft resets exchange routes while the session stays`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let node = try rack.startMartlet(0)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
                try node.namespace.waitPrefixes(Self.pods.union([remote4, remote6]), protocolID: 179)
                func received() throws -> Int {
                    try tor.show("bgp neighbors \(link.nodeIPv4)")[link.nodeIPv4]["messageStats"]["updatesRecv"].int
                        ?? 0
                }
                let updates = try received()
                #expect(try node.ctl("reset", "tor", "--soft", "out").succeeded)
                try eventually("FRR gets our routes again") { try received() > updates }
                let before = try node.session(link.routerIPv4)["messagesReceived"]["update"].int ?? 0
                #expect(try node.ctl("reset", "tor", "--soft", "in").succeeded)
                try eventually("FRR sends its routes again") {
                    let session = try node.session(link.routerIPv4)
                    return (session["messagesReceived"]["update"].int ?? 0) > before
                        && (session["messagesSent"]["routeRefresh"].int ?? 0) > 0
                }
                #expect(try node.session(link.routerIPv4)["establishedCount"] == 1)
                #expect(try node.ctl("reset", "tor", "--soft", "up").errors.contains("soft"))

                #expect(try node.ctl("reset", "tor", "--message", "new cable").succeeded)
                try eventually("the session is a new one") {
                    let session = try node.session(link.routerIPv4)
                    return session["establishedCount"] == 2 && session["state"] == "established"
                }
                #expect(
                    try node.session(link.routerIPv4)["lastNotification"]["text"].string?
                        .contains("Administrative Reset: \"new cable\"") == true)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
            }
        }

        @Test func `a link that comes up is used at once`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(.bird, rack.routerConfiguration(passive: true))
                try rack.setLink(node: 0, up: false)
                // Only we call, and would call again in a minute.
                let node = try rack.startMartlet(0) { $0.connectRetryTime = 60 }
                // As soon as the kernel has seen that the carrier is gone it gives no answer at all.
                try eventually("the first attempt has failed, or waits for an answer") {
                    let session = try node.session(rack.link(node: 0).routerIPv4)
                    return session["lastError"]["text"].string != nil || session["state"] == "connect"
                }
                try rack.setLink(node: 0, up: true)
                try node.waitEstablished(rack.link(node: 0).routerIPv4, within: 10)
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
            }
        }

        @Test func `a router that comes back is there again within five seconds`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try BIRDRouter(
                    rack.routerConfiguration(passive: true), in: rack.tors[0], directory: rack.directory("tor"))
                // The default, less its jitter.
                let node = try rack.startMartlet(0) { $0.connectRetryTime = 5 }
                try node.waitEstablished(rack.link(node: 0).routerIPv4)
                tor.kill()
                try eventually("the session is lost") {
                    try node.state(of: rack.link(node: 0).routerIPv4) != "Established"
                }
                try tor.recover()
                try node.waitEstablished(rack.link(node: 0).routerIPv4, within: 5)
            }
        }

        @Test func `R18: an agent without descriptors rests, and takes calls when it has some again`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                // Only the router calls.
                let node = try rack.startMartlet(0) { $0.peers[0].passive = true }
                let pid = try #require(node.pid)
                func limit(_ descriptors: Int) throws {
                    try node.namespace.require("prlimit", "--pid", "\(pid)", "--nofile=\(descriptors):")
                }
                try limit(3)
                let tor = try rack.startRouter(.bird)
                let isDown = try always(for: 3) { try tor.state(of: link.nodeIPv4) != "Established" }
                #expect(isDown)
                #expect(node.isRunning)
                try limit(1024)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.waitAccepted(Self.pods, from: link.nodeIPv4)
            }
        }

        @Test func `changes of one interval go out together`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                let source = try rack.startRouter(.bird)
                let sink = try FRRRouter(
                    rack.routerConfiguration(tor: 1), in: rack.tors[1], directory: rack.directory("tor-2"))
                let node = try rack.startMartlet(0) { configuration in
                    configuration.extra = "fib: {enabled: false}"
                    for index in configuration.peers.indices {
                        (configuration.peers[index].imports, configuration.peers[index].exports) = ("all", "all")
                    }
                    configuration.peers[1].options = ["minimumAdvertisementInterval: 4s"]
                }
                let link = rack.link(tor: 1, node: 0)
                try sink.waitAccepted(Self.pods, from: link.nodeIPv4)
                let sent = { try node.session(link.routerIPv4)["messagesSent"]["update"].int ?? 0 }
                // A round ends; what changes from now on waits for the next one.
                try source.announce("11.0.0.0/24")
                try sink.waitAccepted(Self.pods.union(["11.0.0.0/24"]), from: link.nodeIPv4)
                let before = try sent()
                for number in 1...6 { try source.announce("11.0.\(number).0/24") }
                try eventually("the node has them all") {
                    try node.accepted(from: rack.link(node: 0).routerIPv4).count == 7
                }
                try sink.waitAccepted(
                    Self.pods.union((0...6).map { "11.0.\($0).0/24" }), from: link.nodeIPv4, within: 12)
                #expect(try sent() - before <= 2, "one UPDATE for all, or two when the round began among them")
            }
        }
    }
}
