import Foundation
import NetTypes
import TestKit

/// containerd on a machine: the runtime of kubelet by its CRI, and of whoever types `ctr`.
package final class Containerd: @unchecked Sendable {
    package let machine: Machine
    package let cri: CRIClient
    private let lock = NSLock()
    private var daemon: Daemon

    /// What must be set for a machine of the lab; the plugin needs none of it. The `native` snapshotter copies, so it
    /// works on any file system; negative OOM scores need a right that not every root has.
    private static let configuration = """
        version = 2
        oom_score = 0
        disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
          "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
        [plugins."io.containerd.grpc.v1.cri"]
          sandbox_image = "\(ContainerImage.name)"
          restrict_oom_score_adj = true
          disable_apparmor = true
          disable_hugetlb_controller = true
          tolerate_missing_hugetlb_controller = true
          [plugins."io.containerd.grpc.v1.cri".containerd]
            snapshotter = "native"
            default_runtime_name = "runc"
            [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"
          [plugins."io.containerd.grpc.v1.cri".cni]
            bin_dir = "/opt/cni/bin"
            conf_dir = "/etc/cni/net.d"

        """
    private static let command = ["containerd", "--config", "/etc/containerd/config.toml"]
    private static let log = "containerd.log"

    /// Starts it and gives it the image.
    package init(on machine: Machine) throws {
        self.machine = machine
        for (program, package) in [("containerd", "containerd"), ("ctr", "containerd"), ("runc", "runc")] {
            _ = try requireProgram(program, package: package)
        }
        try machine.write("/etc/containerd/config.toml", Self.configuration)
        try must(["cp", machine.image.archive, machine.path("/var/image.tar")])
        cri = CRIClient(socket: machine.path("/run/containerd/containerd.sock"), directory: machine.directory)
        daemon = try machine.start(Self.command, log: Self.log)
        try waitUntilItAnswers()
        for space in ["default", "k8s.io"] {
            try machine.require("ctr", "-n", space, "images", "import", "--snapshotter", "native", "/var/image.tar")
        }
        let client = cri
        try daemon.wait(for: "the CRI knows the image") { try client.hasImage(ContainerImage.name) }
    }

    private func waitUntilItAnswers() throws {
        let client = cri
        try lock.withLock { daemon }.wait(for: "containerd answers") { try client.pods().count >= 0 }
    }

    package var logTail: String { lock.withLock { daemon }.logTail }

    /// SIGKILL; its pods go on.
    package func kill() throws {
        let running = lock.withLock { daemon }
        try running.signalChildren(SIGKILL)
        try eventually("containerd is dead") { !running.isRunning }
        running.killNow()
    }

    /// After `kill`.
    package func start() throws {
        let next = try machine.start(Self.command, log: Self.log)
        lock.withLock { daemon = next }
        try waitUntilItAnswers()
    }

    /// A pod as kubelet makes it.
    package func runPod(_ order: PodOrder) throws -> RuntimePod {
        let id = try cri.runPod(order, controlGroup: machine.controlGroup)
        let report = try cri.report(id)
        let namespaces = report.info["runtimeSpec"]["linux"]["namespaces"].array
        guard let netns = namespaces.first(where: { $0["type"].string == "network" })?["path"].string else {
            throw LabError("pod \(order.name) has no network namespace: \(report.info.text.prefix(2000))")
        }
        return try RuntimePod(
            order.name, id: id, on: machine, netns: netns, addresses: report.addresses
        ) { [cri] in
            try cri.stopPod(id)
            try cri.removePod(id)
        }
    }

    /// A container of `ctr run --cni`, which stays attached: a detached one gets no DEL, ever.
    package func runContainer(_ name: String) throws -> RuntimePod {
        let daemon = try machine.start(
            [
                "ctr", "run", "--cni", "--rm", "--snapshotter", "native",
                "--cgroup", "\(machine.controlGroup)/\(name)", ContainerImage.name, name,
            ], log: "ctr-\(name).log")
        var pid = ""
        try daemon.wait(for: "container \(name) runs", within: 30) {
            let tasks = try machine.require("ctr", "tasks", "ls").split(separator: "\n").map {
                $0.split(separator: " ")
            }
            let own = tasks.first { $0.first == Substring(name) && $0.last == "RUNNING" }
            pid = own.map { String($0[1]) } ?? ""
            // The task exists before its network does.
            return try !pid.isEmpty && !RuntimePod.kernelAddresses("/proc/\(pid)/ns/net", on: machine).isEmpty
        }
        let netns = "/proc/\(pid)/ns/net"
        return try RuntimePod(
            name, id: "default-\(name)", on: machine, netns: netns,
            addresses: RuntimePod.kernelAddresses(netns, on: machine)
        ) { [machine] in
            try machine.require("ctr", "tasks", "kill", "--signal", "SIGKILL", name)
            try eventually("ctr run of \(name) ends", last: { daemon.logTail }) { !daemon.isRunning }
            daemon.killNow()
        }
    }

    /// `ctr run --cni` that must not work; what it says.
    package func refusal(ofContainer name: String) throws -> String {
        let finished = try machine.run([
            "ctr", "run", "--cni", "--rm", "--snapshotter", "native", "--cgroup", "\(machine.controlGroup)/\(name)",
            ContainerImage.name, name,
        ])
        guard !finished.succeeded else { throw LabError("container \(name) was not refused") }
        return finished.errors
    }
}
