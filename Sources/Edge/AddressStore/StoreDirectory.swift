import CLinux
import Glibc
import IPAM
import NetTypes

extension StoreError {
    /// Of a system call that has just failed.
    init(operation: String, code: CInt) {
        self.init(operation: operation, code: code, reason: String(cString: strerror(code)))
    }
}

/// The files of a store, with an exclusive lock for as long as the value lives, or for reading without one.
final class StoreDirectory: AddressFiles {
    let path: String
    /// Negative: none, we only read.
    let lock: CInt
    /// Whether the file system lets us write.
    let isWritable: Bool

    private init(path: String, lock: CInt, isWritable: Bool) {
        self.path = path
        self.lock = lock
        self.isWritable = isWritable
    }

    /// Without the lock: files are complete whenever they have a name.
    convenience init(reading path: String) { self.init(path: path, lock: -1, isWritable: false) }

    /// Locks a directory, which is made if `create` is set; nil when it does not exist.
    static func open(_ path: String, create: Bool) throws(StoreError) -> StoreDirectory? {
        let name = "\(path)/\(StoreName.lock)"
        var lock = clinux_open(name, create ? O_RDWR | O_CREAT : O_RDWR, 0o600)
        if lock < 0, errno == ENOENT, create {
            try makeDirectories(path)
            lock = clinux_open(name, O_RDWR | O_CREAT, 0o600)
        }
        // On a read-only file system a release still finds out that there is nothing to release.
        let isWritable = lock >= 0
        if lock < 0, errno == EROFS { lock = clinux_open(name, O_RDONLY, 0) }
        guard lock >= 0 else {
            if errno == ENOENT { return nil }
            throw StoreError(operation: "open \(name)", code: errno)
        }
        let directory = StoreDirectory(path: path, lock: lock, isWritable: isWritable)
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw StoreError(operation: "lock \(name)", code: errno) }
        }
        return directory
    }

    deinit { if lock >= 0 { close(lock) } }

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

    func write(_ name: String, _ text: String) throws(StoreError) {
        let file = "\(path)/\(name)"
        // What a killed call left under this name may be an attachment's record under another: nobody writes into it.
        var descriptor = clinux_open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        if descriptor < 0, errno == EEXIST {
            try remove(name)
            descriptor = clinux_open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        }
        guard descriptor >= 0 else { throw StoreError(operation: "create \(file)", code: errno) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        let wrote = Glibc.write(descriptor, bytes, bytes.count)
        guard wrote == bytes.count else {
            let code = wrote >= 0 ? ENOSPC : errno
            unlink(file)
            throw StoreError(operation: "write \(file)", code: code)
        }
    }

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

    func remove(_ name: String) throws(StoreError) {
        guard unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
            throw StoreError(operation: "remove \(name)", code: errno)
        }
    }

    var boot: String {
        let bytes = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = max(0, pread(lock, buffer.baseAddress, buffer.count, 0))
        }
        return Self.firstLine(bytes)
    }

    func setBoot(_ id: String) throws(StoreError) {
        let bytes = Array("\(id)\n".utf8)
        guard ftruncate(lock, 0) == 0, pwrite(lock, bytes, bytes.count, 0) == bytes.count, fsync(lock) == 0 else {
            throw StoreError(operation: "write \(path)/\(StoreName.lock)", code: errno)
        }
    }

    /// A file's first line; empty when it cannot be read.
    static func firstLine(of path: String) -> String {
        let descriptor = clinux_open(path, O_RDONLY, 0)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
        return firstLine(bytes)
    }

    private static func firstLine(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// All names but `.` and `..`; none where there is no directory.
    func names() throws(StoreError) -> [String] {
        guard let handle = opendir(path) else {
            if errno == ENOENT { return [] }
            throw StoreError(operation: "opendir \(path)", code: errno)
        }
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
