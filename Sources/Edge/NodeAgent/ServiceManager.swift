import CLinux
import DispatchIO
import Glibc
import NetTypes

/// What systemd is told (sd_notify(3)): a datagram of lines to the socket that NOTIFY_SOCKET names. Without that
/// variable nobody listens, and nothing is sent.
package struct ServiceManager: Sendable, Equatable {
    private let socketPath: String
    /// Half of WATCHDOG_USEC: how often the manager hears that the loops tick; nil: it does not ask.
    package let watchdogInterval: Duration?

    /// nil: nobody listens. `environment` answers for a variable's name.
    package init?(environment: (String) -> String? = ServiceManager.variable) {
        guard let path = environment("NOTIFY_SOCKET"), path.hasPrefix("/") || path.hasPrefix("@"), path.utf8.count > 1
        else { return nil }
        socketPath = path
        // WATCHDOG_PID names the process that is meant, if somebody is.
        let isMeant = environment("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
        let microseconds = isMeant ? environment("WATCHDOG_USEC").flatMap { Int64($0) } : nil
        watchdogInterval = microseconds.flatMap { $0 > 0 ? .microseconds($0 / 2) : nil }
    }

    /// The start is over: everything works, or what is missing is not ours to mend.
    package func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// The configuration is read again; `ready` follows. With the time, so that the manager knows which `ready`.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)\nSTATUS=reading the configuration")
    }

    package func stopping(_ reason: String) { send("STOPPING=1\nSTATUS=\(Self.line(reason))") }

    package func status(_ text: String) { send("STATUS=\(Self.line(text))") }

    /// All loops tick.
    package func alive() { send("WATCHDOG=1") }

    /// The start may take so much longer than the unit's TimeoutStartSec says.
    package func extendStart(by time: Duration) { send("EXTEND_TIMEOUT_USEC=\(time.nanoseconds / 1000)") }

    private func send(_ text: String) {
        let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // A name without a file begins with a zero octet (unix(7)).
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2) + socklen_t(path.count)
        let octets = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                sendto(descriptor, octets, octets.count, CInt(MSG_NOSIGNAL), target, length)
            }
        }
    }

    private static func line(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }

    package static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
