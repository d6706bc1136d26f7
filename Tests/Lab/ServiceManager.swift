import Foundation
import TestKit

/// A real systemd as the first process of namespaces of its own, with the units of a directory and nothing else, in the
/// network namespace of a node. What it starts sees the machine's files, but `/run` is its own.
package final class ServiceManager: Sendable {
    private let daemon: Daemon
    private let groups: String
    private let token: Cleanup.Token

    /// Files of the agent as it finds them: under `/run`, which it may read whatever its unit hides.
    package static let program = "/run/lab/martletd"
    package static let configuration = "/run/lab/martletd.yaml"

    /// The first script, outside: the control group. The second, inside: mounts, the user, and systemd.
    private static let outside = """
        set -e
        mkdir -p "$GROUPS_AT/$LAB"
        echo $$ > "$GROUPS_AT/$LAB/cgroup.procs"
        exec unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --mount-proc sh -ec "$INSIDE"
        """
    private static let inside = """
        mount --make-rprivate /
        mount -t tmpfs tmpfs /run
        mkdir /run/lab /run/lock
        : > /run/lab/martletd
        mount --bind "$PROGRAM" /run/lab/martletd
        cp "$PLACE/martletd.yaml" /run/lab/martletd.yaml
        chmod 644 /run/lab/martletd.yaml
        for file in passwd group; do cp /etc/$file /run/lab/$file; done
        echo 'martlet:x:964:964:lab:/run/martlet:/usr/sbin/nologin' >> /run/lab/passwd
        echo 'martlet:x:964:' >> /run/lab/group
        for file in passwd group; do mount --bind /run/lab/$file /etc/$file; done
        umount -R /sys/fs/cgroup
        mount -t tmpfs tmpfs /sys/fs/cgroup
        if [ "$UNIFIED" = 1 ]; then
          mount -t cgroup2 cgroup2 /sys/fs/cgroup
        else
          mkdir /sys/fs/cgroup/systemd
          mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
        fi
        exec env -i PATH="$PATH" container=other SYSTEMD_UNIT_PATH="$PLACE/units" \\
          /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=0
        """

    /// Starts it, with the unit file and a drop-in for what is elsewhere here.
    package init(
        _ lab: LabName, in namespace: Namespace, unit: String, dropIn: String, program: String,
        configuration: MartletConfiguration
    ) throws {
        let place = "\(lab.directory)/systemd"
        let units = "\(place)/units"
        for directory in [place, units, "\(units)/martletd.service.d"] { try makeDirectory(directory) }
        // Targets that every unit asks for, with nothing behind them.
        for target in ["basic", "sysinit", "shutdown", "network-online"] {
            try writeFile("\(units)/\(target).target", "[Unit]\nDefaultDependencies=no\n")
        }
        try writeFile("\(units)/martletd.service", unit)
        try writeFile("\(units)/martletd.service.d/lab.conf", dropIn)
        try writeFile("\(place)/martletd.yaml", configuration.yaml(stateDirectory: "/run/martlet"))
        let isUnified = access("/sys/fs/cgroup/systemd", F_OK) != 0
        let mount = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/systemd"
        let groups = "\(mount)/\(lab("systemd"))"
        self.groups = groups
        let environment = [
            "GROUPS_AT=\(mount)", "LAB=\(lab("systemd"))", "INSIDE=\(Self.inside)", "PROGRAM=\(program)",
            "PLACE=\(place)", "UNIFIED=\(isUnified ? 1 : 0)",
        ]
        token = Cleanup.shared.add { Self.removeGroups(groups) }
        daemon = try Daemon(
            ["env"] + environment + ["sh", "-c", Self.outside], entry: ["nsenter", "--net=\(namespace.path)"],
            log: "\(place)/log")
        try daemon.wait(for: "systemd answers systemctl") {
            (try? run("systemctl", "is-system-running").output.hasPrefix("running")) == true
        }
    }

    /// Its process as this machine counts: the child of `unshare`.
    private var pid: String {
        get throws {
            let path = "/proc/\(daemon.pid)/task/\(daemon.pid)/children"
            let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            guard let child = children.split(separator: " ").first else { throw LabError("systemd is not there yet") }
            return String(child)
        }
    }

    /// Runs a command beside it.
    package func run(_ command: String...) throws -> Finished {
        let entry = ["nsenter", "--target", try pid, "--mount", "--pid", "--net", "--cgroup", "--ipc", "--uts"]
        return try TestKit.run(entry + command)
    }

    /// A property of the agent's unit, as `systemctl show` has it.
    package func property(_ name: String) throws -> String {
        try run("systemctl", "show", "martletd", "--value", "--property", name).output.trimmingCharacters(
            in: .whitespacesAndNewlines)
    }

    package var logTail: String {
        let status = (try? run("systemctl", "status", "martletd", "--no-pager", "--full"))?.output ?? ""
        return status + daemon.logTail
    }

    /// Ends it, and with it all that it started.
    package func stop() {
        daemon.killNow()
        Cleanup.shared.run(token)
    }

    private static func removeGroups(_ path: String) {
        _ = try? TestKit.run(["find", path, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
    }
}
