import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What an operator does at 3 a.m.: drain, explain, history, health.
    @Suite(.serialized)
    struct OperatorTests {
        private static let message = "rack move ticket 42"
        private static let prefix = Rack.podCIDRs(0)[0]

        /// Runs `body` while the node drains with a wait of five seconds, and returns what martletctl printed.
        private static func draining(_ node: MartletNode, _ body: () throws -> Void) throws -> Finished {
            let result = DrainResult()
            let group = DispatchGroup()
            group.enter()
            Thread.detachNewThread {
                result.set(Result { try node.ctl("drain", "--wait", "5s", "--message", message) })
                group.leave()
            }
            let outcome = Result { try body() }
            group.wait()
            try outcome.get()
            return try result.get()
        }

        /// The drained node: says so everywhere, keeps what it learned, and comes back.
        private static func checkDrained(_ rack: Rack, _ node: MartletNode, _ tor: any Router, kept: Set<String>) throws
        {
            let link = rack.link(node: 0)
            #expect(try node.state(of: link.routerIPv4) == "ShutDown")
            #expect(try node.ctl("status").output.contains(message))
            #expect(try node.ctl("sessions").output.contains("Drained (\"\(message)\")"))
            #expect(try !node.ctl("ready").succeeded)
            #expect(try node.ctl("health").succeeded)
            #expect(try node.ctl("drain").errors.contains("already"))
            #expect(try rack.nodes[0].prefixes(protocolID: 179) == kept)
            // What the routers say in the meantime is not heard; the routes stay.
            #expect(try always(for: 1.5) { try rack.nodes[0].prefixes(protocolID: 179) == kept })

            #expect(try node.ctl("undrain").succeeded)
            try tor.waitEstablished(link.nodeIPv4)
            try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
            #expect(try rack.nodes[0].prefixes(protocolID: 179) == kept)
            try eventually("the node is ready again") { try node.ctl("ready").succeeded }
        }

        @Test func `R6: FRR sees the community, then the withdrawal, then Cease with the text`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let directory = rack.directory("tor")
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                configuration.extra =
                    "log file \(directory)/bgpd.log debugging\ndebug bgp updates in\ndebug bgp neighbor-events\n"
                let tor = try FRRRouter(configuration, in: rack.tors[0], directory: directory)
                let node = try rack.startMartlet(0)
                let kept = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try rack.nodes[0].waitPrefixes(kept, protocolID: 179)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)

                let finished = try Self.draining(node) {
                    for prefix in Rack.podCIDRs(0) {
                        try eventually("FRR sees GRACEFUL_SHUTDOWN", last: { tor.logTail }) {
                            let family = prefix.contains(":") ? "ipv6" : "ipv4"
                            return try tor.show("bgp \(family) unicast \(prefix)").text.contains("graceful-shutdown")
                        }
                    }
                    #expect(try tor.state(of: link.nodeIPv4) == "Established")
                    #expect(try node.ctl("status").output.contains("Draining (\"\(Self.message)\")"))
                }
                #expect(finished.succeeded, "\(finished)")
                #expect(finished.output.contains("1 session shut down"), "\(finished)")
                try eventually("FRR saw the session go") { try tor.state(of: link.nodeIPv4) != "Established" }
                try eventually("FRR forgets the routes") { try tor.accepted(from: link.nodeIPv4).isEmpty }
                let log = try String(contentsOfFile: "\(directory)/bgpd.log", encoding: .utf8)
                let lines = log.split(separator: "\n")
                let withdrawal = try #require(lines.firstIndex { $0.contains("withdrawn") && $0.contains(Self.prefix) })
                let cease = try #require(lines.firstIndex { $0.contains("NOTIFICATION") && $0.contains("6/2") })
                #expect(withdrawal < cease)
                #expect(
                    lines[cease...].prefix(3).contains { $0.contains(Self.message) }, "\(lines[cease...].prefix(3))")
                try Self.checkDrained(rack, node, tor, kept: kept)
                let history = try node.ctl("history", "tor").output
                for words in ["drain: withdrawing", "NOTIFICATION 6.2", Self.message, "undrain", "UP"] {
                    #expect(history.contains(words), "\(history)")
                }
            }
        }

        @Test func `R6: BIRD sees the community, and the text of the Cease`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try BIRDRouter(configuration, in: rack.tors[0], directory: rack.directory("tor"))
                let node = try rack.startMartlet(0)
                let kept = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try rack.nodes[0].waitPrefixes(kept, protocolID: 179)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                let finished = try Self.draining(node) {
                    try eventually("BIRD sees GRACEFUL_SHUTDOWN", last: { tor.logTail }) {
                        try tor.birdc("show route \(Self.prefix) all").contains("(65535,0)")
                    }
                }
                #expect(finished.succeeded, "\(finished)")
                try eventually("BIRD shows the text", last: { tor.logTail }) {
                    try tor.birdc("show protocols all").contains(Self.message) || tor.logTail.contains(Self.message)
                }
                try Self.checkDrained(rack, node, tor, kept: kept)
            }
        }

        @Test func `a route that vanished while the node was drained goes after the sessions are back`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(.frr, configuration)
                let node = try rack.startMartlet(0)
                let kept = Set(Rack.podCIDRs(0) + [remote4, remote6])
                try rack.nodes[0].waitPrefixes(kept, protocolID: 179)
                #expect(try node.ctl("drain", "--wait", "0").succeeded)
                try tor.withdraw(remote4)
                try tor.announce("10.244.11.0/24")
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == kept)
                #expect(try node.ctl("undrain").succeeded)
                try rack.nodes[0].waitPrefixes(
                    kept.subtracting([remote4]).union(["10.244.11.0/24"]), protocolID: 179)
            }
        }

        @Test func `explain tells where a destination goes, and why`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                for tor in 0...1 {
                    var configuration = rack.routerConfiguration(tor: tor)
                    configuration.networks = [remote4, remote6] + (tor == 0 ? ["10.99.0.0/16"] : [])
                    _ = try rack.startRouter(.frr, tor: tor, configuration)
                }
                let node = try rack.startMartlet(0)
                try eventually("both routers are next hops") {
                    try rack.nodes[0].route(remote4, protocolID: 179)?.hops.count == 2
                }
                let pod = try Pod("pod-a1", in: rack.name, on: try node.podNetwork())
                func explain(_ destination: String) throws -> JSONValue { try node.json("explain", destination) }

                let learned = try explain("10.244.9.7")
                #expect(learned["verdict"] == "learned")
                let paths = learned["prefixes"].array.first?["paths"].array ?? []
                #expect(Set(paths.compactMap { $0["peer"].string }) == ["tor-1", "tor-2"])
                #expect(paths.compactMap { $0["state"].string } == ["best", "multipath"])
                #expect(learned["prefixes"].array.first?["route"]["status"] == "installed")
                #expect(learned["kernel"]["entry"].string?.hasPrefix("\(remote4) protocol martlet") == true)
                #expect(learned["summary"].string?.contains("the kernel sends it via 192.0.2.") == true)
                let table = try node.ctl("explain", "fd00:10:244:9::7").output
                for words in ["learned from", "Desired", "as desired", "What the kernel does now", " dev eth"] {
                    #expect(table.contains(words), "\(table)")
                }

                let own = try explain(try pod.address(.ipv4).description)
                #expect(own["verdict"] == "ownPod")
                #expect(own["pod"]["hostInterface"].string?.hasPrefix("mlt") == true)
                #expect(own["announcements"].array.allSatisfy { $0["announced"] == true })
                #expect(own["announcements"].array.count == 2)
                #expect(try explain("10.244.1.254")["verdict"] == "ownUnassigned")
                #expect(try explain("10.244.1.254")["kernel"]["outcome"].string?.contains("No route to host") == true)
                #expect(try explain(Self.prefix)["verdict"] == "ownPodCIDR")
                #expect(try explain(rack.link(node: 0).nodeIPv4)["verdict"] == "nodeAddress")

                let miss = try explain("10.99.0.1")
                #expect(miss["verdict"] == "nothing")
                #expect(miss["nearMisses"].array.first?["reason"] == "not inside clusterCIDRs")
                #expect(miss["nearMisses"].array.first?["source"] == "tor-1")
                #expect(try explain("203.0.113.1")["nearMisses"].array.isEmpty)
            }
        }

        @Test func `history outlives the agent`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                try node.waitEstablished(link.routerIPv4)
                try tor.shutDown(link.nodeIPv4, message: Self.message)
                try eventually("the NOTIFICATION is in the history") {
                    try node.ctl("history", link.routerIPv4).output.contains(Self.message)
                }
                // The file is written within two seconds: then even a crash does not lose it.
                try eventually("the history is in a file") {
                    try String(contentsOfFile: node.stateDirectory + "/history-tor.json", encoding: .utf8)
                        .contains(Self.message)
                }
                node.kill()
                try node.start()
                let history = try node.ctl("history", "tor").output
                #expect(history.contains(Self.message), "\(history)")
                #expect(history.components(separatedBy: "starts the session machine").count == 3, "\(history)")
            }
        }

        @Test func `metrics and health are on the port and on the socket`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let node = try rack.startMartlet(0) { $0.extra = "metrics: {listen: \"127.0.0.1:9179\"}" }
                try rack.nodes[0].require("ip", "link", "set", "lo", "up")
                func curl(_ path: String) throws -> String {
                    try rack.nodes[0].run(["curl", "--silent", "-i", "http://127.0.0.1:9179" + path]).output
                }
                #expect(try curl("/readyz").hasPrefix("HTTP/1.1 503"), "no session is up yet")
                #expect(try curl("/healthz").hasPrefix("HTTP/1.1 200"))
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                let tor = try rack.startRouter(.frr, configuration)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0) + [remote4, remote6]), protocolID: 179)
                #expect(try curl("/readyz").hasPrefix("HTTP/1.1 200"))
                #expect(try curl("/v1/status").hasPrefix("HTTP/1.1 404"))
                let labels = "peer=\"tor\",peer_as=\"65001\""
                for line in [
                    "martlet_bgp_session_up{\(labels)} 1",
                    "martlet_bgp_session_state{\(labels),state=\"established\"} 1",
                    "martlet_bgp_session_state{\(labels),state=\"idle\"} 0",
                    "martlet_bgp_session_established_total{\(labels)} 1",
                    "martlet_bgp_prefixes{\(labels),afi=\"ipv4\",kind=\"accepted\"} 1",
                    "martlet_bgp_prefixes{\(labels),afi=\"ipv6\",kind=\"advertised\"} 1", "martlet_routes_desired 4",
                    "martlet_routes_installed 4", "martlet_draining 0",
                ] {
                    #expect(try curl("/metrics").contains("\n\(line)\n"), "\(line) is missing")
                    #expect(try node.ctl("metrics").output.contains("\n\(line)\n"))
                }
            }
        }
    }
}

/// The outcome of a command that another thread runs.
private final class DrainResult: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Result<Finished, any Error>?

    func set(_ value: Result<Finished, any Error>) { lock.withLock { self.value = value } }

    func get() throws -> Finished {
        guard let value = lock.withLock({ value }) else { throw LabError("the command did not end") }
        return try value.get()
    }
}
