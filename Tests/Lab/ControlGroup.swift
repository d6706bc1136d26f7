import Foundation
import Glibc

/// A top-level control group of a lab for the processes of one agent: what they may use of processor or memory.
/// Version 1 hierarchies, or version 2 where the controller is in no other.
package final class ControlGroup: Sendable {
    /// What a group bounds.
    package enum Bound: Sendable {
        /// Percent of one processor.
        case processor(Int)
        /// Octets, without swap where that is counted; nil: none yet.
        case memory(Int?)

        fileprivate var controller: String {
            switch self {
            case .processor: "cpu"
            case .memory: "memory"
            }
        }
    }

    private let path: String
    private let isUnified: Bool
    private let token: Cleanup.Token

    package init(_ lab: LabName, _ role: String, _ bound: Bound) throws {
        guard let (mount, isUnified) = Self.hierarchy(bound.controller) else {
            throw LabError("no control group hierarchy has the controller \(bound.controller)")
        }
        let path = "\(mount)/\(lab(role))"
        (self.path, self.isUnified) = (path, isUnified)
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw LabError("mkdir \(path): \(errorText())") }
        token = Cleanup.shared.add { _ = rmdir(path) }
        try set(bound)
    }

    /// Changes the bound.
    package func set(_ bound: Bound) throws {
        switch bound {
        case .processor(let percent):
            let quota = percent * 1000
            if isUnified { return try write("\(quota) 100000", to: "cpu.max") }
            try write("100000", to: "cpu.cfs_period_us")
            try write("\(quota)", to: "cpu.cfs_quota_us")
        case .memory(nil): break
        case .memory(let octets?): try write("\(octets)", to: isUnified ? "memory.max" : "memory.limit_in_bytes")
        }
    }

    /// Octets that its processes have now.
    package var memory: Int {
        let file = "\(path)/\(isUnified ? "memory.current" : "memory.usage_in_bytes")"
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// Moves a running process, with all its threads. Memory that it has already stays where it was counted.
    package func add(_ pid: pid_t) throws { try write("\(pid)", to: "cgroup.procs") }

    /// Takes it away; its processes are dead by then.
    package func remove() {
        try? eventually("the control group goes", within: 5) { rmdir(path) == 0 || errno == ENOENT }
        Cleanup.shared.forget(token)
    }

    private func write(_ text: String, to file: String) throws {
        let descriptor = open("\(path)/\(file)", O_WRONLY)
        guard descriptor >= 0 else { throw LabError("\(path)/\(file): \(errorText())") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw LabError("\(path)/\(file) = \(text): \(errorText())")
        }
    }

    /// The mount that has a controller, and whether it is of version 2.
    private static func hierarchy(_ controller: String) -> (mount: String, isUnified: Bool)? {
        let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        var unified: String?
        for line in table.split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 3 else { continue }
            if fields[2] == "cgroup", fields[3].split(separator: ",").contains(Substring(controller)) {
                return (fields[1], false)
            }
            guard fields[2] == "cgroup2" else { continue }
            let list = (try? String(contentsOfFile: "\(fields[1])/cgroup.controllers", encoding: .utf8)) ?? ""
            if list.split(whereSeparator: \.isWhitespace).contains(Substring(controller)) { unified = fields[1] }
        }
        return unified.map { ($0, true) }
    }
}
