import CLinux
import Glibc

/// A system call that failed.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: CInt

    package init(_ call: String, _ code: CInt) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Whole reads and writes of descriptors and small files.
package enum Descriptor {
    /// Reads to the end of file, or one octet more than `limit`. The buffer is small on purpose: every page that a
    /// plugin touches is a page fault, and faults are much of its run time. (`withUnsafeTemporaryAllocation` would read
    /// /proc/self/maps to learn how large the stack is.)
    package static func readAll(_ descriptor: CInt, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var code: CInt?
        while code == nil, bytes.count <= limit {
            let want = min(max(2048, bytes.count), limit + 1 - bytes.count)
            let more = [UInt8](unsafeUninitializedCapacity: want) { buffer, count in
                let got = Glibc.read(descriptor, buffer.baseAddress, want)
                if got <= 0 { code = got == 0 ? 0 : errno }
                count = max(got, 0)
            }
            if bytes.isEmpty { bytes = more } else { bytes += more }
            if code == EINTR { code = nil }
        }
        if let code, code != 0 { throw SystemError("read", code) }
        return bytes
    }

    /// Writes everything; false when the other side is gone or the device is full.
    @discardableResult
    package static func write(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let wrote = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if wrote < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = rest.dropFirst(wrote)
        }
        return true
    }

    package static func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let descriptor = clinux_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { throw SystemError("open \(path)", errno) }
        defer { close(descriptor) }
        return try readAll(descriptor, limit: limit)
    }
}
