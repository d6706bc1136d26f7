import CLinux
import CNIPlugin
import Glibc

/// Changes of files that a reader sees as a whole or not at all.
enum FileChange {
    /// Larger than any plugin.
    private static let limit = 1 << 28

    static func read(_ path: String) throws(InstallError) -> [UInt8] {
        do { return try Descriptor.readFile(path, limit: limit) } catch {
            throw InstallError("\(error); name another with the options")
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Writes a file by a temporary one in the same directory: containerd takes no notice of a file that is
    /// moved in from elsewhere, and a program that runs cannot be written into. False when it was so already.
    static func write(_ bytes: [UInt8], to directory: String, _ name: String, mode: mode_t) throws(InstallError) -> Bool
    {
        let path = "\(directory)/\(name)"
        var status = stat()
        if stat(path, &status) == 0, status.st_size == bytes.count, status.st_mode & 0o7777 == mode,
            let old = try? Descriptor.readFile(path, limit: limit), old == bytes
        {
            return false
        }
        // Its end is none that runtimes look for.
        let temporary = "\(directory)/.\(name).\(getpid()).tmp"
        unlink(temporary)
        let descriptor = clinux_open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode)
        guard descriptor >= 0 else { throw problem("create \(temporary)") }
        defer { close(descriptor) }
        guard Descriptor.write(bytes, to: descriptor), fchmod(descriptor, mode) == 0, fsync(descriptor) == 0,
            rename(temporary, path) == 0
        else {
            let problem = problem("write \(path)")
            unlink(temporary)
            throw problem
        }
        return true
    }

    /// Removes a file; false when there was none.
    static func remove(_ path: String) throws(InstallError) -> Bool {
        if unlink(path) == 0 { return true }
        guard errno == ENOENT else { throw problem("remove \(path)") }
        return false
    }

    static func makeDirectory(_ path: String) throws(InstallError) {
        if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw problem("mkdir \(path)")
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw problem("mkdir \(path)") }
    }

    /// Names in a directory, in the order in which runtimes take them.
    static func names(_ directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
            names.append(
                String(cString: UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)))
        }
        return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    /// Of a system call that has just failed.
    private static func problem(_ what: String) -> InstallError {
        InstallError("\(what): \(String(cString: strerror(errno))); is the directory mounted and writable?")
    }
}
