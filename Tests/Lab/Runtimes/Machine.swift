import Foundation
import TestKit

/// A node of a rack as a machine of its own for container runtimes. Its processes have a PID namespace, and nobody else
/// sees what is mounted or written: `/run` and `/dev/shm` are empty, and `/etc`, `/opt` and `/var` are copies that take
/// every change. So runtimes and plugins work in their usual places, and when the first process ends, the kernel ends
/// all others and unmounts everything.
package final class Machine: Sendable {
    /// The network namespace of the node.
    package let namespace: Namespace
    package let image: ContainerImage
    /// Files of the machine that outlive it: logs.
    package let directory: String
    /// The top-level control group for its containers.
    package var controlGroup: String { "/\(namespace.name)" }

    private let daemon: Daemon
    /// The first process, as the test sees it.
    private let first: pid_t

    private static let setUp = """
        set -eu
        state=$1
        mount -t tmpfs -o mode=755 tmpfs "$state"
        for place in /etc /opt /var; do
            mkdir -p "$state/upper$place" "$state/work$place"
            mount -t overlay -o "lowerdir=$place,upperdir=$state/upper$place,workdir=$state/work$place" overlay "$place"
        done
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=1777 tmpfs /dev/shm
        mkdir -p /run/netns /run/lock "$state/cgroup"
        # podman makes /run/netns a shared mount; when it does so over namespaces of containerd, they cannot be removed
        mount --bind /run/netns /run/netns
        mount --make-shared /run/netns
        if grep -q '^[^ ]* /sys/fs/cgroup[^ ]* cgroup' /proc/self/mounts; then
            mount --rbind /sys/fs/cgroup "$state/cgroup"
            mount -t sysfs sysfs /sys # the links of this node
            mount --rbind "$state/cgroup" /sys/fs/cgroup
        else
            mount -t sysfs sysfs /sys
            mount -t cgroup2 cgroup2 /sys/fs/cgroup
        fi
        rm -rf /etc/cni/net.d /opt/cni /var/lib/cni /var/lib/containerd /var/lib/containers
        mkdir -p /etc/cni/net.d /etc/containerd /etc/containers /opt/cni/bin
        : >"$state/ready"
        exec "$2"

        """

    /// Boots it: the image's program is the first process. Ours and Debian's plugins are in `/opt/cni/bin`.
    package init(on namespace: Namespace, directory: String) throws {
        (self.namespace, self.directory) = (namespace, directory)
        for program in ["unshare", "nsenter"] { _ = try requireProgram(program, package: "util-linux") }
        _ = try requireProgram("pgrep", package: "procps")
        let state = "\(directory)/state"
        try makeDirectory(state)
        image = try ContainerImage(in: "\(directory)/image")
        let script = "\(directory)/machine.sh"
        try writeFile(script, Self.setUp)
        let daemon = try Daemon(
            [
                "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL", "--mount-proc",
                "sh", script, state, image.program,
            ], entry: ["nsenter", "--net=\(namespace.path)"], log: "\(directory)/machine.log")
        self.daemon = daemon
        do {
            try daemon.wait(for: "the machine \(namespace.role) boots") {
                try daemon.children.contains { access("/proc/\($0)/root\(state)/ready", F_OK) == 0 }
            }
            guard let child = try daemon.children.first else { throw LabError("no first process: \(daemon.logTail)") }
            first = child
        } catch {
            daemon.killNow()
            throw error
        }
        try installPlugins()
    }

    /// A path of the machine, as the test sees it. No absolute link may be on the way: `/run`, not `/var/run`.
    package func path(_ inside: String) -> String {
        let direct = inside.hasPrefix("/var/run/") ? String(inside.dropFirst("/var".count)) : inside
        return "/proc/\(first)/root\(direct)"
    }

    /// What runs a command in the machine, in the environment of a service.
    private var entry: [String] {
        [
            "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
            "nsenter", "--target", "\(first)", "--all",
        ]
    }

    /// Runs a command; a bad exit status is the caller's to judge.
    package func run(_ command: [String], input: String? = nil) throws -> Finished {
        try TestKit.run(entry + command, input: input)
    }

    /// Runs a command and returns its output; a non-zero exit status throws.
    @discardableResult
    package func require(_ command: String...) throws -> String {
        let finished = try run(command)
        guard finished.succeeded else {
            throw LabError(command: ["[\(namespace.role)]"] + command, finished: finished)
        }
        return finished.output
    }

    /// Starts a program that keeps running. It is a child of the daemon's process: `Daemon.children`.
    package func start(_ command: [String], log: String) throws -> Daemon {
        try Daemon(command, entry: entry, log: "\(directory)/\(log)")
    }

    package func write(_ path: String, _ text: String) throws { try writeFile(self.path(path), text) }

    private func installPlugins() throws {
        _ = try requireProgram("/usr/lib/cni/portmap", package: "containernetworking-plugins")
        // By way of the first process's root, so that the copies are the machine's.
        let ours = try ["martlet", "martlet-ipam"].map { try martletBinary($0) }
        let theirs = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/cni").map { "/usr/lib/cni/\($0)" }
        try must(["install", "-m", "755", "-t", path("/opt/cni/bin")] + ours + theirs)
    }

    /// Puts a network configuration list where runtimes look for it: written beside and renamed, because containerd
    /// hears of nothing else.
    package func setNetwork(_ conflist: JSONValue, file: String = "10-martlet.conflist") throws {
        let folder = path("/etc/cni/net.d")
        try writeFile("\(folder)/.new", conflist.text)
        try must(["mv", "\(folder)/.new", "\(folder)/\(file)"])
    }

    package func removeNetwork(file: String = "10-martlet.conflist") throws {
        try FileManager.default.removeItem(atPath: path("/etc/cni/net.d/\(file)"))
    }

    /// The power is cut.
    package func remove() {
        kill(first, SIGKILL)
        daemon.killNow()
    }
}

extension Daemon {
    /// The processes that its process started itself.
    package var children: [pid_t] {
        get throws {
            try TestKit.run(["pgrep", "-P", "\(pid)"]).output.split(separator: "\n").compactMap { pid_t($0) }
        }
    }

    /// Sends a signal to its children: a machine's programs are children of what went into the machine.
    package func signalChildren(_ signal: Int32) throws { for child in try children { kill(child, signal) } }
}

extension Rack {
    /// A node as a machine for container runtimes.
    package func machine(_ node: Int) throws -> Machine {
        let directory = directory("machine-\(Self.nodeName(node))")
        try makeDirectory(directory)
        return try Machine(on: nodes[node], directory: directory)
    }
}
