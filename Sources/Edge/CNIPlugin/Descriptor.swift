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
    /// Reads to the end of file, or one octet more than `limit`.
    package static func readAll(_ descriptor: CInt, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let want = min(65_536, limit + 1 - bytes.count)
            let start = bytes.count
            bytes.append(contentsOf: repeatElement(0, count: want))
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress?.advanced(by: start), want) }
            let code = errno
            bytes.removeLast(want - max(0, got))
            if got == 0 { return bytes }
            if got < 0, code != EINTR { throw SystemError("read", code) }
        }
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
