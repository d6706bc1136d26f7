import CLinux
import Dispatch
import Glibc

/// Tells when one of some files was written, moved into place, or comes from elsewhere: also when a link on the way
/// there is exchanged, as Kubernetes does with ConfigMaps and secrets (`..data`).
///
/// Directories are watched and not files: an editor puts a new file in the place of the old one.
package final class FileWatcher {
    /// Finished writing, or put in place. Not each write: half of a file is nobody's configuration.
    private static let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_ONLYDIR)
    /// Changes in so short a time are one.
    private static let gathering = DispatchTimeInterval.milliseconds(15)

    private let descriptor: CInt
    private let source: any DispatchSourceRead
    private let timer: any DispatchSourceTimer
    private var names: Set<String> = []
    private var directories: [String: CInt] = [:]
    private var isArmed = false

    /// `handler` runs on `queue`, which also must be the caller's of `watch`.
    package init(queue: DispatchQueue, handler: @escaping () -> Void) throws(SystemError) {
        let descriptor = try check("inotify") { inotify_init1(CInt(O_NONBLOCK) | CInt(O_CLOEXEC)) }
        self.descriptor = descriptor
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in
            self?.isArmed = false
            handler()
        }
        timer.schedule(deadline: .distantFuture)
        timer.activate()
        source.setEventHandler { [weak self] in self?.read() }
        source.setCancelHandler { close(descriptor) }
        source.activate()
    }

    deinit {
        source.cancel()
        timer.cancel()
    }

    /// Watches these files from now on, and no others. False when one of their directories cannot be watched.
    @discardableResult
    package func watch(_ files: [String]) -> Bool {
        var names: Set<String> = ["..data"]
        var wanted: Set<String> = []
        for file in files {
            for path in [file, Self.resolved(file)].compactMap({ $0 }) {
                let (directory, name) = Self.split(path)
                names.insert(name)
                wanted.insert(directory)
            }
        }
        self.names = names
        for (directory, watch) in directories where !wanted.contains(directory) {
            inotify_rm_watch(descriptor, watch)
            directories[directory] = nil
        }
        for directory in wanted where directories[directory] == nil {
            let watch = inotify_add_watch(descriptor, directory, Self.events)
            if watch >= 0 { directories[directory] = watch }
        }
        return wanted.allSatisfy { directories[$0] != nil }
    }

    package func cancel() {
        source.cancel()
        timer.cancel()
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return }
            take(buffer.prefix(count))
        }
    }

    /// `struct inotify_event`: watch, mask, cookie, length of the name, name.
    private func take(_ octets: ArraySlice<UInt8>) {
        var rest = octets
        while rest.count >= 16 {
            let (watch, mask) = (Self.word(rest, 0), Self.word(rest, 4))
            let length = min(Int(Self.word(rest, 12)), rest.count - 16)
            let name = String(decoding: rest.dropFirst(16).prefix(length).prefix { $0 != 0 }, as: UTF8.self)
            rest = rest.dropFirst(16 + length)
            if mask & UInt32(IN_IGNORED) != 0 {
                // The directory is gone; the next `watch` tries again.
                directories = directories.filter { $0.value != CInt(bitPattern: watch) }
            }
            let isNews =
                names.contains(name) && (mask & UInt32(IN_CREATE) == 0 || isLink(name, CInt(bitPattern: watch)))
            if isNews || mask & UInt32(IN_Q_OVERFLOW) != 0 { arm() }
        }
    }

    /// A new file is still empty, a new link leads to a whole one.
    private func isLink(_ name: String, _ watch: CInt) -> Bool {
        guard let directory = directories.first(where: { $0.value == watch })?.key else { return false }
        var status = stat()
        return lstat("\(directory)/\(name)", &status) == 0
            && (status.st_mode & S_IFMT == S_IFLNK || status.st_nlink > 1)
    }

    private func arm() {
        guard !isArmed else { return }
        isArmed = true
        timer.schedule(deadline: .now() + Self.gathering)
    }

    /// In the order of this machine, which is the little-endian one of all that Swift runs Linux on.
    private static func word(_ octets: ArraySlice<UInt8>, _ offset: Int) -> UInt32 {
        octets.dropFirst(offset).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = String(path[..<slash])
        return (directory.isEmpty ? "/" : directory, String(path[path.index(after: slash)...]))
    }
}
