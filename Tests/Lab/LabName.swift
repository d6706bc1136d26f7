import Foundation
import TestKit

/// Names of what a lab creates on the machine: `martlet-lab-PID-SERIAL-ROLE`, so that two runs never meet,
/// and so that the next run can tell what a crashed one left behind.
package struct LabName: Sendable {
    /// The pid of the process that owns everything of that name.
    package static let ownPrefix = "martlet-lab-\(getpid())-"
    private static let prefix = "martlet-lab-"
    private static let counter = Counter()

    /// The beginning of every name of this lab, ends with a dash.
    package let prefix: String

    /// A new lab of this process.
    package init() { prefix = "\(Self.ownPrefix)\(Self.counter.next())-" }

    /// A lab of a fixed name, which outlives the process (`demo --keep`).
    package init(fixed: String) { prefix = "\(fixed)-" }

    package func callAsFunction(_ role: String) -> String { prefix + role }

    /// Where this lab keeps configuration files, logs and sockets.
    package var directory: String { "/tmp/\(prefix.dropLast())" }

    /// Removes what earlier processes of this kind left: everything whose pid is dead.
    package static func sweep() {
        guard geteuid() == 0 else { return }
        remove { name in
            guard name.hasPrefix(prefix) else { return false }
            guard let pid = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ pid_t($0) }) else {
                return false
            }
            return kill(pid, 0) != 0 && errno == ESRCH
        }
    }

    /// Removes everything of this lab, and the processes that still run in its namespaces.
    package func removeAll() {
        let own = prefix
        Self.remove { ($0 + "-").hasPrefix(own) }
    }

    private static func remove(where matches: (String) -> Bool) {
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: "/run/netns")) ?? [] where matches(name) {
            Namespace.remove(name)
        }
        ControlGroups.remove(where: matches)
        for name in (try? files.contentsOfDirectory(atPath: "/tmp")) ?? [] where matches(name) {
            try? files.removeItem(atPath: "/tmp/\(name)")
        }
    }

    private final class Counter: @unchecked Sendable {
        private let lock = NSLock()
        private var value = 0
        func next() -> Int {
            lock.withLock {
                value += 1
                return value
            }
        }
    }
}
