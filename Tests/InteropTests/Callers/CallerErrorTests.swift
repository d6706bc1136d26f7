import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// What people see when the plugin refuses, and what they see of versions that their runtime does not know.
    @Suite(.serialized)
    struct CallerErrorTests {
        /// What the plugin itself prints for ADD: message and details.
        private func refusal(_ list: JSONValue, on machine: Machine) throws -> (message: String, details: String) {
            try machine.require("ip", "netns", "add", "trial")
            defer { _ = try? machine.run(["ip", "netns", "delete", "trial"]) }
            var config = list["plugins"][0].object
            (config["name"], config["cniVersion"]) = (list["name"], list["cniVersion"])
            let variables = [
                "CNI_COMMAND=ADD", "CNI_CONTAINERID=trial", "CNI_IFNAME=eth0", "CNI_NETNS=/run/netns/trial",
                "CNI_PATH=/opt/cni/bin",
            ]
            let finished = try machine.run(
                ["env"] + variables + ["/opt/cni/bin/martlet"], input: JSONValue.object(config).text)
            let error = try JSONValue(parsing: finished.output)
            // Each caller has a search path of its own.
            let message = try #require(error["msg"].string?.split(separator: " in path").first)
            return (String(message), error["details"].string ?? "")
        }

        /// Every caller is refused with exactly these words.
        private func expectRefusals(
            _ list: JSONValue, _ containerd: Containerd, _ podman: Podman, says part: String
        ) throws {
            let machine = containerd.machine
            try machine.setNetwork(list)
            let (message, details) = try refusal(list, on: machine)
            #expect("\(message) \(details)".contains(part))
            func words(_ separator: String) -> String { details.isEmpty ? message : message + separator + details }
            let expected = "plugin type=\"martlet\" failed (add): \(words("; "))"
            // containerd looks at its folder when the kernel tells it to.
            try eventually("the CRI says: \(expected)") {
                do {
                    let id = try containerd.cri.runPod(
                        PodOrder("refused"), controlGroup: containerd.machine.controlGroup)
                    try containerd.cri.stopPod(id)
                    try containerd.cri.removePod(id)
                    throw LabError("pod \(id) runs")
                } catch let error as CRIError {
                    guard error.message.contains(expected) else { throw error }
                    return true
                }
            }
            // ctr keeps the snapshot of a container that it could not start.
            let container = try containerd.refusal(ofContainer: "refused-\(UInt32.random(in: 0 ... .max))")
            #expect(container.contains(expected), "\(container)")
            let other = try podman.refusal(of: "refused")
            #expect(other.contains("cni plugin martlet failed: \(words(": "))"), "\(other)")
        }

        /// Stops what the CRI still knows, as kubelet does again and again.
        private func stopAll(_ containerd: Containerd) throws {
            for id in try containerd.cri.pods() {
                try containerd.cri.stopPod(id)
                try containerd.cri.removePod(id)
            }
        }

        @Test func `what the plugin says reaches whoever asked, word by word, and nothing stays`() throws {
            try CallerScene.use { machine, _ in
                let full: JSONValue = ["type": "martlet-ipam", "ranges": [[["subnet": "10.9.0.0/30"]]]]
                try machine.setNetwork(CallerScene.list(ipam: full))
                let containerd = try Containerd(on: machine)
                let podman = try Podman(on: machine)
                let before = try machine.inventory()
                let pod = try containerd.runPod(PodOrder("last"))
                try expectRefusals(CallerScene.list(ipam: full), containerd, podman, says: "10.9.0.")
                try pod.remove()

                let agentless: JSONValue = ["type": "martlet-ipam", "subnet": "usePodCidr"]
                let executed: JSONValue = ["type": "martlet-ipam", "subnet": "usePodCidr", "inProcess": false]
                try expectRefusals(CallerScene.list(ipam: agentless), containerd, podman, says: "node.json")
                try expectRefusals(CallerScene.list(ipam: executed), containerd, podman, says: "node.json")
                try expectRefusals(CallerScene.list(mtu: 5), containerd, podman, says: "mtu")
                #expect(try machine.inventory().subtracting(before) == [])

                // Who gave the address cannot be asked: DEL must not say that it is free. With the list mended it goes.
                let missing: JSONValue = ["type": "nowhere"]
                try expectRefusals(CallerScene.list(ipam: missing), containerd, podman, says: "nowhere")
                #expect(try !containerd.cri.pods().isEmpty)
                try machine.setNetwork(CallerScene.list())
                try eventually("the CRI stops what was left", last: { containerd.logTail }) {
                    try stopAll(containerd)
                    return true
                }
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }

        @Test func `a list may name a newer version beside the one that its runtime knows, not alone`() throws {
            try CallerScene.use { machine, rack in
                try machine.setNetwork(CallerScene.list(version: "1.1.0"))
                let (containerd, podman) = (try Containerd(on: machine), try Podman(on: machine))
                let before = try machine.inventory()
                let unknown = "unsupported CNI result version \"1.1.0\""
                #expect(throws: CRIError.self) { try containerd.runPod(PodOrder("new")) }
                let container = try containerd.refusal(ofContainer: "new")
                #expect(container.contains(unknown), "\(container)")
                let other = try podman.refusal(of: "new")
                #expect(other.contains(unknown), "\(other)")
                #expect(try machine.inventory().symmetricDifference(before) == [])

                // The list that we ship: newer libraries take the highest of its versions that they know.
                let shipped = try CallerScene.ship(to: machine)
                #expect(shipped["cniVersions"].array.contains("1.1.0"))
                var pods = [try containerd.runContainer("both"), try podman.run("both")]
                try eventually("the CRI has read the list", last: { containerd.logTail }) {
                    pods.append(try containerd.runPod(PodOrder("both")))
                    return true
                }
                #expect(try CallerScene.faults(pods, rack) == [])
                for pod in pods { try CallerScene.removeCompletely(pod) }
                #expect(try machine.inventory().symmetricDifference(before) == [])
            }
        }
    }
}
