import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// Container runtimes of Debian call our plugin: containerd by its CRI as kubelet does, `ctr run --cni`, podman.
    @Suite(.serialized)
    struct CallerTests {
        @Test func `pods of three callers on two nodes reach each other over BGP, and nothing is left of them`() throws
        {
            try Rack.use { rack in
                let tor = try rack.startRouter(.frr)
                let agents = try rack.nodes.indices.map { try rack.startMartlet($0) }
                for node in rack.nodes.indices { try tor.waitEstablished(rack.link(node: node).nodeIPv4) }
                let all = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
                for node in rack.nodes { try node.waitPrefixes(all, protocolID: 179) }
                let machines = try rack.nodes.indices.map { try rack.machine($0) }
                defer { for machine in machines { machine.remove() } }
                for (node, machine) in machines.enumerated() {
                    // One node calls its IPAM within the plugin's process, the other has it executed.
                    let ipam: JSONValue = [
                        "type": "martlet-ipam", "subnet": "usePodCidr", "inProcess": .bool(node == 0),
                    ]
                    try machine.setNetwork(
                        CallerScene.list(ipam: ipam, stateDirectory: agents[node].stateDirectory))
                }
                let before = try machines.map { try $0.inventory() }
                let pods = try machines.flatMap { machine in
                    let containerd = try Containerd(on: machine)
                    let name = machine.namespace.role
                    return [
                        try containerd.runPod(PodOrder("cri-\(name)")),
                        try containerd.runContainer("ctr-\(name)"),
                        try Podman(on: machine).run("podman-\(name)"),
                    ]
                }
                for (number, pod) in pods.enumerated() {
                    let prefixes = Rack.podCIDRs(number / 3).map { String($0.prefix { $0 != "/" }.dropLast()) }
                    #expect(
                        zip(pod.addresses, prefixes).allSatisfy { $0.description.hasPrefix($1) }, "\(pod.addresses)")
                    #expect(pod.addresses.map(\.family) == [.ipv4, .ipv6], "\(pod.name)")
                }
                #expect(try CallerScene.faults(pods, rack) == [])
                for (number, pod) in pods.enumerated() {
                    try CallerScene.removeCompletely(pod, directories: [agents[number / 3].stateDirectory])
                }
                for (machine, before) in zip(machines, before) {
                    #expect(try machine.inventory().symmetricDifference(before) == [])
                }
            }
        }

        @Test func `the node is ready when the list comes, pods outlive containerd, DEL needs no namespace`() throws {
            try CallerScene.use { machine, rack in
                let containerd = try Containerd(on: machine)
                let cri = containerd.cri
                #expect(try cri.networkProblem()?.contains("cni plugin not initialized") == true)
                try machine.setNetwork(CallerScene.list())
                try eventually("the network is ready", last: { containerd.logTail }) { try cri.networkProblem() == nil }
                let before = try machine.inventory()
                var order = PodOrder("web")
                order.namespace = "shop"
                let pod = try containerd.runPod(order)
                #expect(pod.addresses.map(\.description) == ["10.244.1.2", "fd00:10:244:1::2"])
                #expect(try pod.hostLink()["ifalias"].string == "martlet \(pod.id) eth0 martlet shop/web")

                try containerd.kill()
                #expect(try CallerScene.faults([pod], rack) == [])
                try containerd.start()
                let report = try cri.report(pod.id)
                #expect(report.isReady)
                #expect(report.addresses == pod.addresses)
                #expect(try CallerScene.faults([pod], rack) == [])

                // As after a crash: the namespace is gone, and kubelet stops the pod more than once.
                pod.quiet()
                let netns = try #require(try machine.inventory().subtracting(before).first { $0.contains("/netns/") })
                let name = try #require(netns.split(separator: "/").last)
                try machine.require("ip", "netns", "delete", String(name))
                for _ in 0..<2 { try cri.stopPod(pod.id) }
                try cri.removePod(pod.id)
                try CallerScene.expectNoTraces(of: pod)
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }

        @Test func `a container of podman that stops and starts again has its network again`() throws {
            try CallerScene.use { machine, rack in
                try machine.setNetwork(CallerScene.list())
                let before = try machine.inventory()
                let podman = try Podman(on: machine)
                let options = ["--ip", "10.244.1.77", "--mac-address", "02:aa:bb:cc:dd:ee"]
                let first = try podman.run("job", options: options)
                #expect(first.addresses.map(\.description) == ["10.244.1.77", "fd00:10:244:1::2"])
                let mac = try podman.inspect("job")["NetworkSettings"]["Networks"]["martlet"]["MacAddress"].string
                #expect(mac == "02:aa:bb:cc:dd:ee")
                #expect(try CallerScene.faults([first], rack) == [])
                first.quiet()
                try machine.require("podman", "stop", "--time", "0", "job")
                try CallerScene.expectNoTraces(of: first)
                try podman.start("job")
                let second = try podman.existing("job")
                #expect(second.addresses.first == first.addresses.first)
                #expect(try CallerScene.faults([second], rack) == [])
                try CallerScene.removeCompletely(second)
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }

        @Test(arguments: ["host-local", "static"])
        func `addresses may come from another plugin`(kind: String) throws {
            try CallerScene.use { machine, rack in
                let ipam: JSONValue =
                    kind == "static"
                    ? [
                        "type": "static",
                        "addresses": [["address": "10.244.1.9/24"], ["address": "fd00:10:244:1::9/64"]],
                    ]
                    : ["type": "host-local", "dataDir": "/run/martlet/host-local", "ranges": CallerScene.ranges]
                try machine.setNetwork(CallerScene.list(ipam: ipam))
                let before = try machine.inventory()
                let (containerd, podman) = (try Containerd(on: machine), try Podman(on: machine))
                let pod = try containerd.runPod(PodOrder("web"))
                if kind == "static" {
                    #expect(pod.addresses.map(\.description) == ["10.244.1.9", "fd00:10:244:1::9"])
                } else {
                    let other = try podman.run("job")
                    #expect(try CallerScene.faults([pod, other], rack) == [])
                    try CallerScene.removeCompletely(other)
                }
                #expect(try CallerScene.faults([pod], rack) == [])
                try CallerScene.removeCompletely(pod)
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }
    }
}
