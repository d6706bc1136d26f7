import CLinux
import Glibc

/// A file operation of the store that failed.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package let operation: String
    package let code: CInt

    package var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

/// The files of the store, with an exclusive lock for as long as the value lives.
struct StoreDirectory: ~Copyable {
    let path: String
    private let lock: CInt

    private init(path: String, lock: CInt) {
        self.path = path
        self.lock = lock
    }

    /// Locks a directory, which is made if `create` is set; nil when it does not exist.
    static func open(_ path: String, create: Bool) throws(StoreError) -> StoreDirectory? {
        if create { try makeDirectories(path) }
        let name = "\(path)/lock"
        var lock = clinux_open(name, create ? O_RDWR | O_CREAT : O_RDWR, 0o600)
        // On a read-only file system a release still finds out that there is nothing to release.
        if lock < 0, errno == EROFS { lock = clinux_open(name, O_RDONLY, 0) }
        guard lock >= 0 else {
            if errno == ENOENT { return nil }
            throw StoreError(operation: "open \(name)", code: errno)
        }
        let directory = StoreDirectory(path: path, lock: lock)
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw StoreError(operation: "lock \(name)", code: errno) }
        }
        return directory
    }

    deinit { close(lock) }

    private static func makeDirectories(_ path: String) throws(StoreError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw StoreError(operation: "mkdir \(path)", code: errno)
        }
        try makeDirectories(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw StoreError(operation: "mkdir \(path)", code: errno)
        }
    }

    func exists(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    /// The text of a small file; nil when there is none.
    func read(_ name: String) throws(StoreError) -> String? {
        let descriptor = clinux_open("\(path)/\(name)", O_RDONLY, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENAMETOOLONG { return nil }
            throw StoreError(operation: "open \(name)", code: errno)
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let got = Glibc.read(descriptor, &buffer, buffer.count)
        guard got >= 0 else { throw StoreError(operation: "read \(name)", code: errno) }
        return String(decoding: buffer.prefix(got), as: UTF8.self)
    }

    /// Makes a complete file under a name that no reader looks at; a durable one is complete after a power cut too.
    func writeTemporary(_ name: String, _ text: String, isDurable: Bool = true) throws(StoreError) {
        let file = "\(path)/\(name)"
        // What a killed call left under this name may be an attachment's record under another: nobody writes into it.
        try remove(name)
        let descriptor = clinux_open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw StoreError(operation: "create \(file)", code: errno) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        let wrote = Glibc.write(descriptor, bytes, bytes.count)
        guard wrote == bytes.count, !isDurable || fsync(descriptor) == 0 else {
            let code = wrote >= 0 && wrote < bytes.count ? ENOSPC : errno
            unlink(file)
            throw StoreError(operation: "write \(file)", code: code)
        }
    }

    /// Gives a complete file another name, atomically and only if that name is free.
    func link(_ from: String, _ to: String) throws(StoreError) {
        guard Glibc.link("\(path)/\(from)", "\(path)/\(to)") == 0 else {
            throw StoreError(operation: "link \(to)", code: errno)
        }
    }

    func rename(_ from: String, _ to: String) throws(StoreError) {
        guard Glibc.rename("\(path)/\(from)", "\(path)/\(to)") == 0 else {
            throw StoreError(operation: "rename \(to)", code: errno)
        }
    }

    /// Removes a file; one that is not there is removed already.
    func remove(_ name: String) throws(StoreError) {
        guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
            throw StoreError(operation: "remove \(name)", code: errno)
        }
    }

    /// All names but `.` and `..`.
    func names() throws(StoreError) -> [String] {
        guard let handle = opendir(path) else { throw StoreError(operation: "opendir \(path)", code: errno) }
        defer { closedir(handle) }
        var result: [String] = []
        while let entry = readdir(handle) {
            // The name starts at a fixed offset and ends with a zero octet.
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
            let name = String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self))
            if name != ".", name != ".." { result.append(name) }
        }
        return result
    }
}
