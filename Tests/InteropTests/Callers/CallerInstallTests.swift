import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// `martletd install-cni` while a runtime waits for its network.
    @Suite(.serialized)
    struct CallerInstallTests {
        @Test func `containerd that runs takes what install-cni installs, and what it changes`() throws {
            try CallerScene.use { machine, rack in
                let (daemon, plugin) = (try martletBinary("martletd"), try martletBinary("martlet"))
                let source = URL(fileURLWithPath: plugin).deletingLastPathComponent().path
                let install = [daemon, "install-cni", "--source", source]
                try machine.require("rm", "/opt/cni/bin/martlet", "/opt/cni/bin/martlet-ipam")
                let containerd = try Containerd(on: machine)
                #expect(try containerd.cri.networkProblem() != nil)
                let installed = try machine.run(install)
                #expect(installed.succeeded, "\(installed.errors)")
                try eventually("the network is ready", last: { containerd.logTail }) {
                    try containerd.cri.networkProblem() == nil
                }
                try CallerScene.writeNodeState(on: machine)
                let pod = try containerd.runPod(PodOrder("web"))
                #expect(try CallerScene.faults([pod], rack) == [])

                // Somebody took the list away: the node is not ready until it is installed again.
                try machine.removeNetwork()
                try eventually("the network is not ready", last: { containerd.logTail }) {
                    try containerd.cri.networkProblem() != nil
                }
                #expect(try machine.run(install).succeeded)
                try eventually("the network is ready again", last: { containerd.logTail }) {
                    try containerd.cri.networkProblem() == nil
                }
                try CallerScene.removeCompletely(pod)
            }
        }
    }
}
