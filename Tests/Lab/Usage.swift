import Foundation

/// What a process has used and holds, as /proc says.
package struct Usage: Sendable, CustomStringConvertible {
    /// Seconds in user and kernel mode since its start.
    package let cpu: Double
    /// MiB, now and at most.
    package let resident, peak: Double
    package let descriptors, threads: Int

    package init(_ pid: pid_t) throws {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        // The name in parentheses may hold blanks: the fields are counted behind it.
        let fields = stat.suffix(from: stat.lastIndex(of: ")") ?? stat.startIndex).split(separator: " ")
        guard fields.count > 18, let user = Double(fields[12]), let system = Double(fields[13]) else {
            throw LabError("/proc/\(pid)/stat cannot be read")
        }
        cpu = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        func mebibytes(_ key: String) -> Double {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(key):") }
            return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first).flatMap { Double($0) }.map {
                $0 / 1024
            } ?? 0
        }
        (resident, peak) = (mebibytes("VmRSS"), mebibytes("VmHWM"))
        threads = Int(fields[18]) ?? 0
        descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    package var description: String {
        String(
            format: "CPU %.2f s, RSS %.1f MiB (peak %.1f), %d descriptors, %d threads", cpu, resident, peak,
            descriptors, threads)
    }
}
