import DispatchIO
import Glibc

/// Small files of the state directory.
enum StateFile {
    /// Writes a file so that a reader sees the old one or the new one, never half of one; `synced`: also after the
    /// machine crashed.
    static func write(_ bytes: [UInt8], to path: String, synced: Bool = false) throws(SystemError) {
        let temporary = "\(path).\(getpid())"
        let fd = try check("open \(temporary)") { open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) }
        defer { close(fd) }
        var offset = 0
        while offset < bytes.count {
            offset += try check("write \(temporary)") {
                bytes[offset...].withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) }
            }
        }
        if synced { _ = try check("fsync \(temporary)") { fsync(fd) } }
        _ = try check("rename \(path)") { rename(temporary, path) }
    }

    /// The bytes of a regular file that is no larger than `limit`; nil otherwise.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var status = stat()
        guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(fd, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            guard count > 0 else { return nil }
            filled += count
        }
        return bytes
    }
}
