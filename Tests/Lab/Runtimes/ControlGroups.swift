import Foundation

/// The control groups that container runtimes of a lab made: below one group a machine, of the machine's name.
enum ControlGroups {
    /// Where hierarchies are mounted: one for version 2, several for version 1 or both.
    private static var mounts: [String] {
        let table = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
        return table.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count > 2 && ["cgroup", "cgroup2"].contains(fields[2]) ? String(fields[1]) : nil
        }
    }

    /// Removes top-level groups by name, with all below. Their processes are dead or dying: a group cannot go before
    /// them.
    static func remove(where matches: (String) -> Bool) {
        for mount in mounts {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: mount)) ?? [] where matches(name) {
                try? eventually("control group \(name) goes", within: 5) { removeTree("\(mount)/\(name)") }
            }
        }
    }

    private static func removeTree(_ path: String) -> Bool {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            var isDirectory: ObjCBool = false
            let child = "\(path)/\(name)"
            if FileManager.default.fileExists(atPath: child, isDirectory: &isDirectory), isDirectory.boolValue {
                _ = removeTree(child)
            }
        }
        return rmdir(path) == 0 || errno == ENOENT
    }
}
