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
    /// Reads to the end of file, or one octet more than `limit`. The buffer on the stack is small on purpose: every
    /// page that a plugin touches is a page fault, and faults are most of its run time.
    package static func readAll(_ descriptor: CInt, limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let want = min(8192, limit + 1 - bytes.count)
            let code = withUnsafeTemporaryAllocation(byteCount: want, alignment: 1) { buffer -> CInt? in
                let got = Glibc.read(descriptor, buffer.baseAddress, want)
                guard got > 0 else { return got == 0 ? 0 : errno }
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                return nil
            }
            if code == 0 { return bytes }
            if let code, code != EINTR { throw SystemError("read", code) }
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
