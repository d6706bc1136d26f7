import CLinux
import Foundation
import TestKit

/// A network namespace of a lab: a router, a node, a pod. Named, so that `ip netns exec NAME` works for whoever looks
/// at it.
package final class Namespace: Sendable {
    package let name: String
    /// What an operator would call it: tor, node-a, pod-a1.
    package let role: String
    /// Where the CNI and `setns` find it.
    package let path: String
    /// What runs a command inside.
    private let entry: [String]
    private let token: Cleanup.Token?

    /// One that somebody else makes and takes away, as a container runtime does: `path` is a file that stands for it.
    package init(existing path: String, _ role: String) {
        (self.path, self.role) = (path, role)
        name = path
        entry = ["nsenter", "--net=\(path)"]
        token = nil
    }

    /// Creates it with loopback up, duplicate address detection off, and, for a router or node, forwarding on.
    package init(_ lab: LabName, _ role: String, forwards: Bool = false) throws {
        guard geteuid() == 0 else { throw LabError("network namespaces need root: run this as root") }
        let name = lab(role)
        self.name = name
        self.role = role
        path = "/var/run/netns/\(name)"
        entry = ["ip", "netns", "exec", name]
        try must(["ip", "netns", "add", name])
        token = Cleanup.shared.add { Namespace.remove(name) }
        // Addresses must be usable at once: a router that waits for duplicate address detection has no IPv6 next hop
        // yet.
        var settings = ["ipv6/conf/all/accept_dad": "0", "ipv6/conf/default/accept_dad": "0"]
        if forwards {
            for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv6/conf/default/forwarding"] {
                settings[key] = "1"
            }
            // A router keeps its addresses when its link goes down: a session that comes back before them has no IPv6
            // next hop, and FRR then announces none for as long as it lives.
            for key in ["ipv6/conf/all/keep_addr_on_down", "ipv6/conf/default/keep_addr_on_down"] {
                settings[key] = "1"
            }
            // Both uplinks carry flows: hash over ports too, so that ECMP is seen by many flows of one pair.
            for family in ["ipv4", "ipv6"] { settings["\(family)/fib_multipath_hash_policy"] = "1" }
            // The lab counts ICMP errors; the kernel's limit of one per second and target would make that slow.
            for key in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] { settings[key] = "0" }
        }
        try set(settings)
        try must(["ip", "-n", name, "link", "set", "lo", "up"])
    }

    /// Runs a command inside; a bad exit status is the caller's to judge.
    @discardableResult
    package func run(_ command: [String], input: String? = nil) throws -> Finished {
        try TestKit.run(entry + command, input: input)
    }

    /// Runs a command inside and returns its output; a non-zero exit status throws.
    @discardableResult
    package func require(_ command: String...) throws -> String {
        let finished = try run(command)
        guard finished.succeeded else { throw LabError(command: ["[\(role)]"] + command, finished: finished) }
        return finished.output
    }

    /// `ip -j ...` inside, without entering it (so much quicker than `run`).
    package func ip(_ arguments: String...) throws -> JSONValue {
        let program = token == nil ? entry + ["ip"] : ["ip", "-n", name]
        let finished = try TestKit.run(program + ["-j", "-d"] + arguments)
        guard finished.succeeded else { throw LabError(command: ["[\(role)] ip"] + arguments, finished: finished) }
        return finished.output.isEmpty ? .array([]) : try JSONValue(parsing: finished.output)
    }

    /// Calls `body` on a thread of its own inside the namespace: a socket made there stays there.
    package func inside<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let result = Slot<Result<Value, any Error>>()
        let path = self.path
        Thread.detachNewThread {
            result.put(
                Result {
                    let descriptor = clinux_open(path, O_RDONLY, 0)
                    guard descriptor >= 0 else { throw LabError("\(path): \(errorText())") }
                    defer { close(descriptor) }
                    guard clinux_setns_net(descriptor) == 0 else { throw LabError("setns \(path): \(errorText())") }
                    return try body()
                })
        }
        return try result.take().get()
    }

    /// Writes sysctls of the namespace: paths below /proc/sys/net.
    package func set(_ settings: [String: String]) throws {
        try inside {
            for (key, value) in settings {
                // /proc/sys/net shows the namespace of the thread that opens it.
                let descriptor = clinux_open("/proc/sys/net/\(key)", O_WRONLY, 0)
                guard descriptor >= 0 else { throw LabError("sysctl net/\(key): \(errorText())") }
                defer { close(descriptor) }
                guard write(descriptor, value, value.utf8.count) > 0 else {
                    throw LabError("sysctl net/\(key): \(errorText())")
                }
            }
        }
    }

    /// Deletes it now, with the processes inside.
    package func remove() { token.map(Cleanup.shared.run) }

    /// It will outlive this process.
    package func keep() { token.map(Cleanup.shared.forget) }

    /// Kills what runs in the namespace of that name, and deletes it.
    static func remove(_ name: String) {
        let pids =
            (try? TestKit.run(["ip", "netns", "pids", name]))?.output.split(separator: "\n").compactMap { pid_t($0) }
            ?? []
        // A namespace that this very process has a thread in is not a reason to end it.
        for pid in pids where pid != getpid() { kill(pid, SIGKILL) }
        _ = try? TestKit.run(["ip", "netns", "delete", name])
    }
}

/// A lab could not do what was asked of it.
package struct LabError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    /// A command that had to succeed did not.
    package init(command: [String], finished: Finished) {
        self.init("\(command.joined(separator: " ")): exit \(finished.status): \(finished.errors)\(finished.output)")
    }
}

/// Runs a command; a non-zero exit status throws. Returns its output.
@discardableResult
package func must(_ command: [String], input: String? = nil) throws -> String {
    let finished = try TestKit.run(command, input: input)
    guard finished.succeeded else { throw LabError(command: command, finished: finished) }
    return finished.output
}

/// The text of the current `errno`.
package func errorText(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// One value handed from one thread to another that waits for it.
private final class Slot<Value: Sendable>: @unchecked Sendable {
    private let ready = DispatchSemaphore(value: 0)
    private var value: Value?
    func put(_ new: Value) {
        value = new
        ready.signal()
    }
    func take() -> Value {
        ready.wait()
        guard let value else { fatalError("signalled without a value") }
        return value
    }
}
