import CLinux
import Glibc
import NetTypes

/// The password of a TCP MD5 session (RFC 2385), read from a file straight into a page of its own that core dumps leave
/// out and that is wiped when the key is let go. Nothing prints it: there is no way to its octets from outside.
package final class TCPKey: CustomReflectable {
    /// Octets that the kernel takes.
    package static let lengths = 1...Int(TCP_MD5SIG_MAXKEYLEN)

    /// Why a file gives no key; the words name no content.
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case unreadable(SystemError)
        case notAFile
        case empty
        case tooLong
        /// A file of TCP-AO keys: the line that is none, or that repeats an identifier.
        case badLine(Int)
        case takenID(Int)

        package var description: String {
            switch self {
            case .unreadable(let error): "cannot be read: \(error.reason)"
            case .notAFile: "is not a regular file"
            case .empty: "is empty; write the password into it"
            case .tooLong: "has more than \(TCPKey.lengths.upperBound) octets; TCP MD5 takes no longer password"
            case .badLine(let line):
                "has no key in line \(line); write ID SECRET, or SENDID/RECEIVEID SECRET, with numbers up to 255"
            case .takenID(let line): "has an identifier in line \(line) that another key has, or over 16 keys"
            }
        }
    }

    /// Tells one state of a file from another, without its content.
    package struct Stamp: Hashable, Sendable {
        private let device, inode: UInt64
        private let size: Int64
        private let modified, changed: Int64
        /// The permission bits.
        package let mode: UInt32

        /// Whether users that are neither the owner nor of the group may read the file.
        package var isReadableByOthers: Bool { mode & 0o004 != 0 }

        /// nil: there is no such file.
        package init?(file path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
            (size, mode) = (Int64(status.st_size), UInt32(status.st_mode) & 0o7777)
            modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
            changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
        }
    }

    private static let pageSize = 4096
    /// TCP_MD5SIG_EXT and TCP_MD5SIG_FLAG_PREFIX of linux/tcp.h.
    private static let extendedOption: CInt = 32
    private static let hasPrefixLength: UInt8 = 1

    private let page: UnsafeMutableRawBufferPointer
    /// In the page: what the kernel wants, with the password.
    let signature: UnsafeMutablePointer<tcp_md5sig>

    /// Reads 1...80 octets; one newline at the end is not part of the password.
    package init(file path: String) throws(Problem) {
        let base: UnsafeMutableRawPointer
        do throws(SystemError) {
            base = try Self.makePage()
        } catch {
            throw .unreadable(error)
        }
        page = UnsafeMutableRawBufferPointer(start: base, count: Self.pageSize)
        signature = base.bindMemory(to: tcp_md5sig.self, capacity: 1)
        let text = UnsafeMutableRawBufferPointer(rebasing: page[MemoryLayout<tcp_md5sig>.stride...])
        // From here on a throw runs `deinit`.
        let length = try Self.read(path, into: text)
        signature.pointee.tcpm_keylen = UInt16(clamping: length)
        withUnsafeMutableBytes(of: &signature.pointee.tcpm_key) {
            $0.copyBytes(from: text.prefix(min(length, $0.count)))
        }
    }

    deinit { Self.wipe(page) }

    package var customMirror: Mirror { Mirror(self, children: []) }

    /// A page for secrets.
    static func makeBuffer() throws(SystemError) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: try makePage(), count: pageSize)
    }

    private static func makePage() throws(SystemError) -> UnsafeMutableRawPointer {
        let address = mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else { throw SystemError("mmap") }
        // Best effort: a limit on locked memory must not keep a session down.
        madvise(address, pageSize, CInt(MADV_DONTDUMP))
        mlock(address, pageSize)
        return address
    }

    static func wipe(_ page: UnsafeMutableRawBufferPointer) {
        guard let address = page.baseAddress else { return }
        explicit_bzero(address, page.count)
        munmap(address, page.count)
    }

    /// The file's octets, as many as there is room for.
    static func readOctets(_ path: String, into target: UnsafeMutableRawBufferPointer) throws(Problem) -> Int {
        // Not blocking: opening a pipe would otherwise wait for its writer.
        let fd = clinux_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard fd >= 0 else { throw .unreadable(SystemError("open")) }
        defer { close(fd) }
        var status = stat()
        guard fstat(fd, &status) == 0 else { throw .unreadable(SystemError("stat")) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        var length = 0
        while length < target.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[length...])
            let count = Glibc.read(fd, rest.baseAddress, rest.count)
            if count == 0 { break }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .unreadable(SystemError("read")) }
            length += count
        }
        return length
    }

    private static func read(_ path: String, into target: UnsafeMutableRawBufferPointer) throws(Problem) -> Int {
        var length = try readOctets(path, into: target)
        if length > 0, target[length - 1] == UInt8(ascii: "\n") { length -= 1 }
        if length > 0, target[length - 1] == UInt8(ascii: "\r") { length -= 1 }
        guard length > 0 else { throw .empty }
        guard lengths.contains(length) else { throw .tooLong }
        return length
    }

    /// Signs and checks what `fd` exchanges with `peers`, or what a listening `fd` will; replaces an earlier key.
    func set(on fd: CInt, for peers: Prefix) throws(SystemError) {
        try Self.set(signature, on: fd, for: peers)
    }

    /// Takes the key for `peers` away from `fd`; fine when it has none.
    static func remove(from fd: CInt, for peers: Prefix) throws(SystemError) {
        var none = tcp_md5sig()
        do throws(SystemError) {
            try set(&none, on: fd, for: peers)
        } catch {
            if error.code != ENOENT { throw error }
        }
    }

    private static func set(
        _ signature: UnsafeMutablePointer<tcp_md5sig>, on fd: CInt, for peers: Prefix
    ) throws(SystemError) {
        withUnsafeMutableBytes(of: &signature.pointee.tcpm_addr) { target in
            TCPSocket.sockaddrBytes(of: peers.address, on: fd) { target.copyBytes(from: $0) }
        }
        // The plain option is for one address; the extended one takes a length, which is that of the family also where
        // an IPv6 socket knows IPv4 peers by mapped addresses.
        signature.pointee.tcpm_flags = peers.isHost ? 0 : Self.hasPrefixLength
        signature.pointee.tcpm_prefixlen = peers.isHost ? 0 : peers.length
        _ = try check("set the TCP MD5 key for \(peers.isHost ? peers.address.description : peers.description)") {
            setsockopt(
                fd, CInt(IPPROTO_TCP), peers.isHost ? TCP_MD5SIG : Self.extendedOption, signature,
                socklen_t(MemoryLayout<tcp_md5sig>.size))
        }
    }
}
