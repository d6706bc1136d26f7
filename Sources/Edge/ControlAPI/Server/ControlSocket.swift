import CLinux
import DispatchIO
import Glibc

/// Why the control socket cannot be opened.
package enum ControlServerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another agent answers on it.
    case alreadyRunning(socket: String)
    /// A system call failed, or something else lies in the way.
    case cannotOpen(socket: String, reason: String)

    package var description: String {
        switch self {
        case .alreadyRunning(let socket):
            "another martletd answers on \(socket): stop it first, or set control.socket to another path"
        case .cannotOpen(let socket, let reason): "the socket \(socket) cannot be opened: \(reason)"
        }
    }
}

/// Where a server listens.
protocol ListeningSocket: Sendable {
    /// For messages.
    var name: String { get }
    var descriptor: Int32 { get }
    /// Takes away what the socket left in the file system; does not close the descriptor.
    func remove()
}

/// A listening TCP port.
struct TCPServerSocket: ListeningSocket {
    let name: String
    let descriptor: Int32
    /// The port, also where the kernel chose it.
    let port: UInt16

    init(_ address: SocketAddress) throws(ControlServerError) {
        name = "\(address)"
        do throws(SystemError) {
            descriptor = try TCPSocket.listen(on: address)
        } catch {
            throw .cannotOpen(socket: "\(address)", reason: "\(error)")
        }
        port = TCPSocket.localAddress(descriptor)?.port ?? address.port
    }

    func remove() {}
}

/// A listening UNIX socket in the file system that is removed again by whoever made it.
struct ControlSocket: ListeningSocket {
    let path: String
    var name: String { path }
    let descriptor: Int32
    private let device: dev_t
    private let inode: ino_t

    /// Binds and listens, with mode 0660. A stale socket is replaced, but only after nobody answered on it.
    init(path: String) throws(ControlServerError) {
        func fail(_ call: String) -> ControlServerError {
            .cannotOpen(socket: path, reason: "\(call): \(String(cString: strerror(errno)))")
        }
        guard let address = UnixAddress(path) else {
            throw .cannotOpen(socket: path, reason: "the path must have 1 to 107 bytes")
        }
        try Self.removeStale(path, address)
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw fail("socket") }
        // bind(2) gives the file the socket's own mode, so it is never more open than this; chmod undoes the umask.
        guard fchmod(descriptor, 0o660) == 0, address.withPointer({ bind(descriptor, $0, $1) }) == 0,
            chmod(path, 0o660) == 0, listen(descriptor, 64) == 0
        else {
            let error = fail("bind")
            close(descriptor)
            throw error
        }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            let error = fail("lstat")
            close(descriptor)
            throw error
        }
        (self.path, self.descriptor, device, inode) = (path, descriptor, status.st_dev, status.st_ino)
    }

    /// Removes the file, unless another agent has put its own there meanwhile. Does not close the descriptor.
    func remove() {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else { return }
        unlink(path)
    }

    private static func removeStale(_ path: String, _ address: UnixAddress) throws(ControlServerError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .cannotOpen(socket: path, reason: "something that is not a socket lies there; remove it")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw .cannotOpen(socket: path, reason: "socket: \(String(cString: strerror(errno)))") }
        defer { close(probe) }
        let connected = address.withPointer { connect(probe, $0, $1) } == 0
        switch errno {
        // EAGAIN: somebody listens, but its backlog is full.
        case _ where connected, EAGAIN: throw .alreadyRunning(socket: path)
        case ECONNREFUSED, ENOENT: break
        default: throw .cannotOpen(socket: path, reason: "connect: \(String(cString: strerror(errno)))")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .cannotOpen(socket: path, reason: "unlink: \(String(cString: strerror(errno)))")
        }
    }
}

/// The address of a UNIX socket in the file system.
package struct UnixAddress {
    private var storage = sockaddr_un()

    /// nil when the path is empty, longer than 107 octets, or has a zero byte.
    package init?(_ path: String) {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: storage.sun_path), !bytes.contains(0) else {
            return nil
        }
        storage.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: bytes) }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
