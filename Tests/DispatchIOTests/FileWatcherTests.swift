import Dispatch
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DispatchIO

/// A directory, a watcher of files in it, and how often it told of them.
private final class WatchRig {
    let directory: String
    private let queue = DispatchQueue(label: "test.watch")
    private let watcher: FileWatcher
    private let counter = Counter()

    private final class Counter: Sendable {
        private let value = Mutex(0)
        func add() { value.withLock { $0 += 1 } }
        var count: Int { value.withLock { $0 } }
    }

    init() throws {
        var template = Array("/tmp/martlet-watch-\(getpid())-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SystemError("mkdtemp") }
        directory = String(cString: path)
        let counter = counter
        watcher = try FileWatcher(queue: queue) { counter.add() }
    }

    deinit {
        queue.sync { watcher.cancel() }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func watch(_ names: String...) -> Bool { queue.sync { watcher.watch(names.map { "\(directory)/\($0)" }) } }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
    }

    /// Does something, and waits until the watcher has told of it.
    func tells(_ body: () throws -> Void) rethrows -> Bool {
        let before = counter.count
        try body()
        let deadline = DispatchTime.now() + .seconds(10)
        while DispatchTime.now() < deadline {
            if counter.count > before { return true }
            _ = poll(nil, 0, 2)
        }
        return false
    }

    var count: Int { counter.count }
}

struct FileWatcherTests {
    @Test func `a file that is written, or put in its place, is told of`() throws {
        let rig = try WatchRig()
        try rig.write("f", "a")
        #expect(rig.watch("f"))
        #expect(try rig.tells { try rig.write("f", "b") })
        let isMoved = try rig.tells {
            try rig.write("new", "c")
            guard rename("\(rig.directory)/new", "\(rig.directory)/f") == 0 else { throw SystemError("rename") }
        }
        #expect(isMoved)
        unlink("\(rig.directory)/f")
        #expect(try rig.tells { try rig.write("f", "again") })
    }

    @Test func `a ConfigMap's links are exchanged as Kubernetes does it`() throws {
        let rig = try WatchRig()
        for name in ["..one", "..two"] {
            #expect(mkdir("\(rig.directory)/\(name)", 0o755) == 0)
            try rig.write("\(name)/f", name)
        }
        #expect(symlink("..one", "\(rig.directory)/..data") == 0)
        #expect(symlink("..data/f", "\(rig.directory)/f") == 0)
        #expect(rig.watch("f"))
        let isExchanged = try rig.tells {
            let (new, data) = ("\(rig.directory)/..data_tmp", "\(rig.directory)/..data")
            guard symlink("..two", new) == 0, rename(new, data) == 0 else { throw SystemError("rename") }
        }
        #expect(isExchanged)
        #expect(try String(contentsOfFile: "\(rig.directory)/f", encoding: .utf8) == "..two")
    }

    @Test func `where a link leads to is watched as well`() throws {
        let (rig, other) = (try WatchRig(), try WatchRig())
        try other.write("real", "a")
        #expect(symlink("\(other.directory)/real", "\(rig.directory)/f") == 0)
        #expect(rig.watch("f"))
        #expect(try rig.tells { try other.write("real", "b") })
    }

    @Test func `other files beside it are nobody's business`() throws {
        let rig = try WatchRig()
        try rig.write("f", "a")
        #expect(rig.watch("f"))
        for number in 0..<50 { try rig.write("other-\(number)", "x") }
        #expect(try rig.tells { try rig.write("f", "b") })
        #expect(rig.count == 1)
        #expect(!rig.watch("missing/f"), "a directory that is not there cannot be watched")
    }
}
