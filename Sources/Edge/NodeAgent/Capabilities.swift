import CLinux
import DispatchIO
import Glibc

/// What this process may do beyond other users' processes (capabilities(7)).
struct Capabilities: Sendable, Equatable {
    /// Those that some part of the agent needs, by their numbers in the kernel.
    enum Name: UInt64, Sendable, CaseIterable {
        case netBindService = 10
        case netAdmin = 12
        case netRaw = 13
        case sysNice = 23

        var text: String {
            switch self {
            case .netBindService: "CAP_NET_BIND_SERVICE"
            case .netAdmin: "CAP_NET_ADMIN"
            case .netRaw: "CAP_NET_RAW"
            case .sysNice: "CAP_SYS_NICE"
            }
        }
    }

    /// One bit for each.
    var effective: UInt64

    func has(_ name: Name) -> Bool { effective >> name.rawValue & 1 == 1 }

    /// What the process has now. Where the kernel does not tell, everything: what is missing shows itself then.
    static var current: Capabilities {
        Capabilities(status: StateFile.pseudo("/proc/self/status") ?? "")
    }

    /// By the text of `/proc/PID/status`.
    init(status: String) {
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        effective = line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16) } ?? .max
    }

    /// How to give it, for the end of an error.
    static func advice(_ names: Name...) -> String {
        let list = names.map(\.text).joined(separator: " and ")
        return "give martletd \(list) (AmbientCapabilities= of its unit, or capabilities.add of its container)"
    }
}

extension StateFile {
    /// The text of a file in /proc, which has no size; nil when it cannot be read.
    static func pseudo(_ path: String) -> String? {
        let fd = clinux_open(path, O_RDONLY, 0)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while bytes.count < 1 << 20 {
            let count = Glibc.read(fd, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Agent {
    /// Without it every single route would be refused, one by one.
    func checkCapabilities(_ capabilities: Capabilities = .current) throws(StartFailure) {
        guard configuration.fib.enabled, !capabilities.has(.netAdmin) else { return }
        throw StartFailure(
            description: "martletd may not change routes: CAP_NET_ADMIN is missing; "
                + "\(Capabilities.advice(.netAdmin)), or set fib.enabled: false")
    }
}
