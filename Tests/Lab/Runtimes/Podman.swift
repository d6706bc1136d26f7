import Foundation
import NetTypes
import TestKit

/// podman on a machine, with its CNI back end: a network configuration list is a network of its name.
package final class Podman: Sendable {
    package let machine: Machine

    /// The network section is what the plugin needs; the rest suits a machine of the lab.
    private static let configuration = """
        [network]
        network_backend = "cni"
        cni_plugin_dirs = ["/opt/cni/bin"]
        network_config_dir = "/etc/cni/net.d"
        [engine]
        runtime = "runc"
        cgroup_manager = "cgroupfs"
        events_logger = "file"
        [containers]
        apparmor_profile = "unconfined"
        seccomp_profile = "unconfined"
        cgroupns = "host"
        log_driver = "k8s-file"
        default_ulimits = []

        """
    private static let storage = """
        [storage]
        driver = "vfs"
        graphroot = "/var/lib/containers/storage"
        runroot = "/run/containers/storage"

        """

    /// Configures it and gives it the image.
    package init(on machine: Machine) throws {
        self.machine = machine
        for program in ["podman", "conmon", "runc"] { _ = try requireProgram(program, package: program) }
        try machine.write("/etc/containers/containers.conf", Self.configuration)
        try machine.write("/etc/containers/storage.conf", Self.storage)
        try must(["cp", machine.image.archive, machine.path("/var/image.tar")])
        try machine.require("podman", "load", "-i", "/var/image.tar")
        let backend = try machine.require("podman", "info", "--format", "{{.Host.NetworkBackend}}")
        guard backend == "cni\n" else { throw LabError("podman's network back end is \(backend)") }
    }

    private func command(_ name: String, _ network: String, _ options: [String]) -> [String] {
        ["podman", "run", "--detach", "--name", name, "--network", network, "--cgroup-parent", machine.controlGroup]
            + options + [ContainerImage.name]
    }

    /// A container in a network, with more options of `podman run`.
    package func run(_ name: String, network: String = "martlet", options: [String] = []) throws -> RuntimePod {
        let finished = try detaching(command(name, network, options))
        guard finished.succeeded else { throw LabError(command: ["podman", "run", name], finished: finished) }
        return try existing(name, network: network)
    }

    /// Starts a stopped container.
    package func start(_ name: String) throws {
        let finished = try detaching(["podman", "start", name])
        guard finished.succeeded else { throw LabError(command: ["podman", "start", name], finished: finished) }
    }

    /// Runs a command that leaves a monitor of the container behind. The monitor keeps descriptors that Foundation's
    /// `Process` waits for.
    private func detaching(_ command: [String]) throws -> Finished {
        let log = "podman-\(UInt64.random(in: 0 ... .max)).log"
        let daemon = try machine.start(command, log: log)
        try eventually("podman ends", within: 60, last: { daemon.logTail }) { !daemon.isRunning }
        daemon.killNow()
        let text = try String(contentsOfFile: daemon.log, encoding: .utf8)
        return Finished(status: daemon.exitStatus ?? -1, output: text, errors: text)
    }

    /// A container that runs.
    package func existing(_ name: String, network: String = "martlet") throws -> RuntimePod {
        let report = try inspect(name)
        let settings = report["NetworkSettings"]
        let own = settings["Networks"][network]
        let texts = ["IPAddress", "GlobalIPv6Address"].compactMap { own[$0].string }.filter { !$0.isEmpty }
        return try RuntimePod(
            name, id: report["Id"].string ?? "", on: machine, netns: settings["SandboxKey"].string ?? "",
            addresses: texts.compactMap { IPAddress($0) }
        ) { [machine] in
            try machine.require("podman", "rm", "--force", "--time", "0", name)
        }
    }

    /// `podman inspect` of a container.
    package func inspect(_ name: String) throws -> JSONValue {
        try JSONValue(parsing: machine.require("podman", "inspect", name))[0]
    }

    /// `podman run` that must not work; what it says.
    package func refusal(of name: String, network: String = "martlet") throws -> String {
        let finished = try detaching(command(name, network, []))
        guard !finished.succeeded else { throw LabError("container \(name) was not refused") }
        _ = try machine.run(["podman", "rm", "--force", "--time", "0", name])
        return finished.errors
    }
}
