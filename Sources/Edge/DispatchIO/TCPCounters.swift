import CLinux
import Glibc

/// What the kernel's TCP dropped in this network namespace because it did not trust it: the only trace that a wrong
/// password leaves.
package struct TCPCounters: Hashable, Sendable {
    /// Segments whose MD5 digest was wrong: the other side has another password.
    package var wrongSignature: UInt64 = 0
    /// Segments without the signature that was expected: the other side has no password.
    package var missingSignature: UInt64 = 0
    /// Segments with a signature where we have no password.
    package var unexpectedSignature: UInt64 = 0
    /// Packets from further away than GTSM allows.
    package var lowHopLimit: UInt64 = 0

    package init() {}

    /// Reads the namespace's counters; nil where /proc does not show them.
    package static func read() -> Self? { text("/proc/self/net/netstat").flatMap(Self.init(netstat:)) }

    /// Parses the text of /proc/net/netstat: a line of names and a line of values, both beginning with `TcpExt:`.
    package init?(netstat text: String) {
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("TcpExt:") }.map { $0.split(separator: " ") }
        guard let names = lines.first, let values = lines.dropFirst().first else { return nil }
        for (name, value) in zip(names, values) {
            let value = UInt64(value) ?? 0
            switch name {
            case "TCPMD5Failure": wrongSignature = value
            case "TCPMD5NotFound": missingSignature = value
            case "TCPMD5Unexpected": unexpectedSignature = value
            case "TCPMinTTLDrop": lowHopLimit = value
            default: continue
            }
        }
    }

    /// What happened since an earlier reading.
    package func since(_ earlier: Self) -> Self {
        var difference = Self()
        difference.wrongSignature = wrongSignature &- earlier.wrongSignature
        difference.missingSignature = missingSignature &- earlier.missingSignature
        difference.unexpectedSignature = unexpectedSignature &- earlier.unexpectedSignature
        difference.lowHopLimit = lowHopLimit &- earlier.lowHopLimit
        return difference
    }

    private static func text(_ path: String) -> String? {
        let fd = clinux_open(path, O_RDONLY, 0)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while bytes.count < 1 << 17 {
            let count = Glibc.read(fd, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
