import CLinux
import Foundation

/// A step of a connection that failed.
struct TrafficFailed: Error, CustomStringConvertible {
    let step: String
    let code: Int32
    var description: String { "\(step): \(String(cString: strerror(code)))" }
}

/// Runs `body` on a thread of its own inside a network namespace: test threads stay where they are.
func inNamespace<T: Sendable>(_ namespace: String, _ body: @escaping @Sendable () throws -> T) throws -> T {
    let outcome = Outcome<T>()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        outcome.value = Result {
            let descriptor = clinux_open("/var/run/netns/\(namespace)", O_RDONLY, 0)
            guard descriptor >= 0 else { throw TrafficFailed(step: "open \(namespace)", code: errno) }
            defer { close(descriptor) }
            guard clinux_setns_net(descriptor) == 0 else { throw TrafficFailed(step: "setns", code: errno) }
            return try body()
        }
        done.signal()
    }
    thread.start()
    done.wait()
    guard let value = outcome.value else { throw TrafficFailed(step: "thread", code: EIO) }
    return try value.get()
}

private final class Outcome<T>: @unchecked Sendable { var value: Result<T, any Error>? }

/// Opens a TCP connection from `client` to an address of `server` and sends text both ways; returns the client's
/// address as the server saw it. Fails within five seconds if nothing arrives. `through`: what the client connects to,
/// where that is translated into the server's address and port.
func exchangeTCP(
    client: String, server: String, address: String, port: UInt16, through: (address: String, port: UInt16)? = nil
) throws -> String {
    let listener = try inNamespace(server) { try bound(address, port) }
    defer { close(listener) }
    let connection = try inNamespace(client) { try connected(through?.address ?? address, through?.port ?? port) }
    defer { close(connection) }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let accepted = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(listener, $0, &length) }
    }
    guard accepted >= 0 else { throw TrafficFailed(step: "accept", code: errno) }
    defer { close(accepted) }
    for (from, to) in [(connection, accepted), (accepted, connection)] {
        try limit(to)
        guard send(from, "martlet", 7, 0) == 7 else { throw TrafficFailed(step: "send", code: errno) }
        var buffer = [UInt8](repeating: 0, count: 7)
        guard recv(to, &buffer, 7, Int32(MSG_WAITALL)) == 7 else {
            throw TrafficFailed(step: "recv", code: errno)
        }
    }
    var name = [CChar](repeating: 0, count: 64)
    withUnsafePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            _ = getnameinfo($0, length, &name, 64, nil, 0, NI_NUMERICHOST)
        }
    }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private func limit(_ socket: Int32) throws {
    var wait = timeval(tv_sec: 5, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        guard setsockopt(socket, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size)) == 0 else {
            throw TrafficFailed(step: "setsockopt", code: errno)
        }
    }
}

/// Calls `body` with a numeric address as the system wants it.
private func withAddress(_ address: String, _ port: UInt16, _ body: (UnsafePointer<addrinfo>) -> Int32) throws -> Int32
{
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var info: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address, String(port), &hints, &info) == 0, let info else {
        throw TrafficFailed(step: "address \(address)", code: EINVAL)
    }
    defer { freeaddrinfo(info) }
    return body(info)
}

private func open(_ address: String, _ port: UInt16, _ step: String, _ use: (Int32, UnsafePointer<addrinfo>) -> Int32)
    throws -> Int32
{
    var descriptor: Int32 = -1
    let result = try withAddress(address, port) { info in
        descriptor = socket(info.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0, (try? limit(descriptor)) != nil else { return -1 }
        return use(descriptor, info)
    }
    guard result == 0 else {
        let code = errno
        if descriptor >= 0 { close(descriptor) }
        throw TrafficFailed(step: "\(step) \(address)", code: code)
    }
    return descriptor
}

private func bound(_ address: String, _ port: UInt16) throws -> Int32 {
    try open(address, port, "bind") { descriptor, info in
        // What an earlier exchange left waiting holds the port otherwise.
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        return bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 ? listen(descriptor, 4) : -1
    }
}

private func connected(_ address: String, _ port: UInt16) throws -> Int32 {
    try open(address, port, "connect") { connect($0, $1.pointee.ai_addr, $1.pointee.ai_addrlen) }
}
