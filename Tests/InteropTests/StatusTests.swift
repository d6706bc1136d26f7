import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What a runtime hears of a node: STATUS of the real plugin beside a real agent and FRR; leaks that the agent
    /// takes back.
    @Suite(.serialized)
    struct StatusTests {
        /// STATUS as a runtime asks for it; the error's code, 0 when the node is ready.
        static func status(_ node: MartletNode) throws -> Int {
            let plugin = try martletBinary("martlet")
            let config = """
                {"cniVersion":"1.1.0","name":"martlet","type":"martlet","stateDir":"\(node.stateDirectory)",
                 "ipam":{"type":"martlet-ipam","subnet":"usePodCidr","stateDir":"\(node.stateDirectory)"}}
                """
            let finished = try node.namespace.run(
                ["env", "CNI_COMMAND=STATUS", "CNI_PATH=/opt/cni/bin", plugin], input: config)
            guard !finished.succeeded else { return 0 }
            return try JSONValue(parsing: finished.output)["code"].int ?? -1
        }

        @Test func `STATUS follows the agent: starting, established, lost, back, stopped, killed`() throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                let node = try rack.startMartlet(0)
                #expect(try Self.status(node) == 50)
                let tor = try rack.startRouter(.frr)
                try tor.waitEstablished(link.nodeIPv4)
                try eventually("the node is ready") { try Self.status(node) == 0 }
                tor.kill()
                try eventually("all sessions are lost") { try Self.status(node) == 51 }
                let again = try rack.startRouter(.frr)
                try again.waitEstablished(link.nodeIPv4)
                try eventually("the node is ready again") { try Self.status(node) == 0 }
                #expect(try node.ctl("drain", "--wait", "100ms").succeeded)
                try eventually("a drained node has no session") { try Self.status(node) == 51 }
                #expect(try node.ctl("undrain").succeeded)
                try eventually("the node serves again") { try Self.status(node) == 0 }
                node.stop()
                #expect(try Self.status(node) == 50)
                try node.start()
                // It has had no session yet.
                try eventually("the node is ready after a restart") { try Self.status(node) == 0 }
                node.kill()
                #expect(try Self.status(node) == 50)
            }
        }

        @Test func `the agent takes back what killed ADDs and vanished namespaces leave, and never a live pod's`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let addresses = "\(rack.directory(Rack.nodeName(0)))/ipam"
                let node = try rack.startMartlet(0) { configuration in
                    configuration.extra = "ipam: {sweepInterval: 200ms, sweepGrace: 1s, directories: [\(addresses)]}"
                }
                let network = try node.podNetwork()
                let live = try Pod("live", in: rack.name, on: network)
                let vanishing = try Pod("vanishing", in: rack.name, on: network)
                let address = try vanishing.address(.ipv4)
                try Self.killADDs(of: network, in: rack)
                // The runtime is gone; it never calls DEL.
                vanishing.echo.stop()
                vanishing.namespace.remove()
                try eventually("leaks are taken back", within: 40) {
                    let shown = try Self.ipam(node, "show", "-o", "json")
                    let networks = try JSONValue(parsing: shown)["networks"].array
                    return networks.flatMap { $0["attachments"].array }.count == 1
                }
                #expect(node.logTail.contains("addresses of a pod that is gone are taken back"))
                #expect(try node.ctl("metrics").output.contains("martlet_ipam_swept_addresses_total"))
                #expect(try Self.ipam(node, "check").hasPrefix("Nothing is wrong"))
                #expect(try !node.namespace.require("ip", "route", "show", "proto", "180").contains("\(address) "))
                _ = try network.check(live.identity, netns: live.namespace.path)
            }
        }

        private static func ipam(_ node: MartletNode, _ arguments: String...) throws -> String {
            let directory = URL(fileURLWithPath: node.configurationFile).deletingLastPathComponent().path
            let command = [try martletBinary("martletctl"), "ipam"] + arguments + ["--data-dir", "\(directory)/ipam"]
            return try node.namespace.run(command).output
        }

        /// ADDs that are killed at moments spread over their time, in a namespace that is gone afterwards.
        private static func killADDs(of network: PodNetwork, in rack: Rack) throws {
            let namespace = try Namespace(rack.name, "crash")
            defer { namespace.remove() }
            for milliseconds in stride(from: 10, through: 200, by: 10) {
                let identity = PodIdentity(name: "crash", containerID: "crash\(milliseconds)")
                let time = "0.\(milliseconds < 100 ? "0" : "")\(milliseconds)"
                _ = try? network.add(identity, netns: namespace.path, through: ["timeout", "-s", "KILL", time])
            }
        }
    }
}
