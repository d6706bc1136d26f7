import Dispatch
import Foundation
import Glibc
import NetTypes
import Testing

@testable import DispatchIO

/// A listener as the agent has one, on loopback, and what it accepted.
final class Server: @unchecked Sendable {
    let queue = DispatchQueue(label: "server")
    let address: SocketAddress
    private let listener: TCPListener
    private let gate = DispatchSemaphore(value: 0)
    private var accepted: [CInt] = []

    init(_ family: ListenerFamily) throws {
        let target = Slot<Server>()
        let listener = try TCPListener(on: SocketAddress(family.local, port: 0), queue: queue) { fd, _ in
            target.value?.take(fd)
        }
        self.listener = listener
        address = SocketAddress(family.peer, port: try #require(listener.localAddress).port)
        queue.sync { target.value = self }
    }

    deinit {
        listener.cancel()
        for fd in accepted { close(fd) }
    }

    private func take(_ fd: CInt) {
        accepted.append(fd)
        gate.signal()
    }

    func require(_ key: TCPKey?) throws { try queue.sync { try listener.setKey(key, for: address.address) } }

    func require(_ key: TCPKey?, of peers: Prefix) throws {
        try queue.sync { try listener.setKey(key, for: peers) }
    }

    func require(_ secret: TCPSecret) throws {
        let peers = Prefix(host: address.address)
        try queue.sync { try listener.setSecret(secret, for: peers, replacing: []) }
    }

    func require(hopLimit: UInt8) throws { try queue.sync { try listener.setMinimumHopLimit(hopLimit) } }

    /// The next connection.
    func next() throws -> CInt {
        try #require(gate.wait(timeout: .now() + .seconds(10)) == .success)
        return try #require(queue.sync { accepted.last })
    }
}

private final class Slot<Value: AnyObject>: @unchecked Sendable { weak var value: Value? }

/// An IPv6 socket knows IPv4 peers by mapped addresses: the third is the one that the agent has.
enum ListenerFamily: CaseIterable, Sendable {
    case ipv4, ipv6, ipv4OnDualStack

    var peer: IPAddress { self == .ipv6 ? IPAddress(leftAligned: 0, family: .ipv6).next : Loopback.address }
    var local: IPAddress { self == .ipv4 ? Loopback.address : IPAddress(leftAligned: 0, family: .ipv6) }
}

extension IPAddress {
    /// ::1 for the unspecified IPv6 address.
    fileprivate var next: IPAddress { IPAddress(bytes: bytes.dropLast() + [1]) ?? self }
}

/// A file that goes with its owner.
final class KeyFile {
    let path = "/tmp/martlet-key-\(getpid())-\(UUID().uuidString)"

    init(_ content: String) { write(content) }

    func write(_ content: String) { try? Data(content.utf8).write(to: URL(fileURLWithPath: path)) }

    deinit { unlink(path) }

    static func key(_ content: String) throws -> TCPKey {
        let file = KeyFile(content)
        return try withExtendedLifetime(file) { try TCPKey(file: file.path) }
    }
}

/// One after the other: the kernel's counters are shared.
@Suite(.serialized) struct TCPSecurityTests {
    private func connect(_ server: Server, _ options: TCPOptions = TCPOptions(), key: TCPKey? = nil) throws -> CInt {
        try TCPSocket.connect(to: server.address, from: nil, options: options, key: key)
    }

    private func isUp(_ fd: CInt, within milliseconds: CInt = 10_000) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) == 1 && TCPSocket.pendingError(fd) == nil
    }

    private func expectUp(_ fd: CInt, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(isUp(fd), sourceLocation: sourceLocation)
        close(fd)
    }

    /// The kernel counts a dropped segment, and the connection is not up.
    private func expectDropped(
        _ counter: KeyPath<TCPCounters, UInt64>, sourceLocation: SourceLocation = #_sourceLocation,
        _ connect: () throws -> CInt
    ) throws {
        let before = try #require(TCPCounters.read())
        let fd = try connect()
        defer { close(fd) }
        let end = Date(timeIntervalSinceNow: 10)
        while Date() < end, !isUp(fd, within: 20) {
            if try #require(TCPCounters.read()).since(before)[keyPath: counter] > 0 { break }
        }
        #expect(try #require(TCPCounters.read()).since(before)[keyPath: counter] > 0, sourceLocation: sourceLocation)
        #expect(!isUp(fd, within: 0), sourceLocation: sourceLocation)
    }

    // MARK: interfaces

    @Test func `a connection that is bound to an interface leaves by no other`() throws {
        let server = try Server(.ipv4)
        var options = TCPOptions()
        options.interface = "lo"
        expectUp(try connect(server, options))
        options.interface = "nowhere"
        #expect(throws: SystemError("bind to interface nowhere", code: ENODEV)) { try connect(server, options) }
    }

    // MARK: passwords

    /// The address of the peer and its neighbours.
    private func range(_ family: ListenerFamily, length: Int) throws -> Prefix {
        try #require(Prefix(family.peer, length: length))
    }

    @Test(arguments: ListenerFamily.allCases)
    func `a password may be a whole prefix's, and a longer one goes first`(family: ListenerFamily) throws {
        let server = try Server(family)
        try server.require(try KeyFile.key("swordfish"), of: try range(family, length: 16))
        expectUp(try connect(server, key: try KeyFile.key("swordfish")))
        try expectDropped(\.missingSignature) { try connect(server) }
        try server.require(try KeyFile.key("sesame"), of: try range(family, length: 24))
        expectUp(try connect(server, key: try KeyFile.key("sesame")))
        try expectDropped(\.wrongSignature) { try connect(server, key: try KeyFile.key("swordfish")) }
        try server.require(nil, of: try range(family, length: 24))
        try server.require(nil, of: try range(family, length: 16))
        expectUp(try connect(server))
    }

    @Test(arguments: ListenerFamily.allCases)
    func `only who has the listener's password is heard`(family: ListenerFamily) throws {
        let server = try Server(family)
        try server.require(try KeyFile.key("swordfish\n"))
        expectUp(try connect(server, key: try KeyFile.key("swordfish")))
        try expectDropped(\.wrongSignature) { try connect(server, key: try KeyFile.key("Swordfish")) }
        try expectDropped(\.missingSignature) { try connect(server) }
    }

    @Test(arguments: ListenerFamily.allCases)
    func `a new password replaces the old one, and none lets unsigned callers in only`(family: ListenerFamily) throws {
        let server = try Server(family)
        try server.require(try KeyFile.key("one"))
        try server.require(try KeyFile.key("two"))
        try expectDropped(\.wrongSignature) { try connect(server, key: try KeyFile.key("one")) }
        expectUp(try connect(server, key: try KeyFile.key("two")))
        try server.require(nil)
        try server.require(nil)
        expectUp(try connect(server))
        try expectDropped(\.unexpectedSignature) { try connect(server, key: try KeyFile.key("two")) }
    }

    @Test(arguments: ListenerFamily.allCases)
    func `a live connection goes on with another password once both sides have it`(family: ListenerFamily) throws {
        let server = try Server(family)
        try server.require(try KeyFile.key("old"))
        let near = try connect(server, key: try KeyFile.key("old"))
        defer { close(near) }
        #expect(isUp(near))
        let far = try server.next()
        #expect(try exchange(near, far, "before"))
        try TCPSocket.setKey(try KeyFile.key("new"), on: near, for: server.address.address)
        let before = try #require(TCPCounters.read())
        #expect(send(near, "between", 7, 0) == 7)
        #expect(!readable(far, within: 100))
        #expect(try #require(TCPCounters.read()).since(before).wrongSignature > 0)
        let caller = try #require(TCPSocket.remoteAddress(far)).address
        try TCPSocket.setKey(try KeyFile.key("new"), on: far, for: caller)
        #expect(try exchange(far, near, "after"))
        #expect(try receive(far, 7) == "between")
    }

    @Test(arguments: ListenerFamily.allCases)
    func `an unsigned connection that was accepted before its key is never heard again`(family: ListenerFamily) throws {
        let server = try Server(family)
        let near = try connect(server)
        defer { close(near) }
        #expect(isUp(near))
        let far = try server.next()
        let caller = try #require(TCPSocket.remoteAddress(far)).address
        try TCPSocket.setKey(try KeyFile.key("late"), on: far, for: caller)
        let before = try #require(TCPCounters.read())
        #expect(send(near, "x", 1, 0) == 1)
        #expect(!readable(far, within: 100))
        #expect(try #require(TCPCounters.read()).since(before).missingSignature > 0)
    }

    // MARK: hop limits and timeouts

    @Test(arguments: ListenerFamily.allCases)
    func `calls from too far away are not answered`(family: ListenerFamily) throws {
        let server = try Server(family)
        try server.require(hopLimit: 255)
        try expectDropped(\.lowHopLimit) { try connect(server, TCPOptions(hopLimit: 254)) }
        expectUp(try connect(server, TCPOptions(hopLimit: 255, minimumHopLimit: 255)))
        try server.require(hopLimit: 0)
        expectUp(try connect(server, TCPOptions(hopLimit: 1)))
    }

    @Test(arguments: ListenerFamily.allCases)
    func `a secured connection does not hear what comes from too far away`(family: ListenerFamily) throws {
        let server = try Server(family)
        let near = try connect(server, TCPOptions(hopLimit: 254))
        defer { close(near) }
        #expect(isUp(near))
        let far = try server.next()
        try TCPSocket.apply(TCPOptions(hopLimit: 255, minimumHopLimit: 255), to: far)
        let before = try #require(TCPCounters.read())
        #expect(send(near, "x", 1, 0) == 1)
        #expect(!readable(far, within: 100))
        #expect(try #require(TCPCounters.read()).since(before).lowHopLimit > 0)
    }

    @Test(arguments: ListenerFamily.allCases)
    func `accepted connections are marked and limited as our own are`(family: ListenerFamily) throws {
        let server = try Server(family)
        let options = TCPOptions(hopLimit: 7, minimumHopLimit: 200, userTimeout: .milliseconds(8500))
        let near = try connect(server, TCPOptions(hopLimit: 7, minimumHopLimit: 200, userTimeout: .milliseconds(8500)))
        defer { close(near) }
        #expect(isUp(near))
        let far = try server.next()
        try TCPSocket.apply(options, to: far)
        for fd in [near, far] {
            #expect(TCPSocket.value(fd, SOL_SOCKET, SO_PRIORITY) == 6)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_TCP), TCP_NODELAY) == 1)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT) == 8500)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IP), IP_TTL) == 7)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IP), IP_MINTTL) == 200)
            // The two low bits are the kernel's, for ECN.
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IP), IP_TOS).map { $0 & 0xfc } == 0xc0)
            guard TCPSocket.domain(of: fd) == AF_INET6 else { continue }
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IPV6), IPV6_UNICAST_HOPS) == 7)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IPV6), IPV6_MINHOPCOUNT) == 200)
            #expect(TCPSocket.value(fd, CInt(IPPROTO_IPV6), IPV6_TCLASS).map { $0 & 0xfc } == 0xc0)
        }
    }

    @Test func `a peer that acknowledges nothing is given up after the user timeout`() throws {
        let server = try Server(.ipv4)
        let recorder = Recorder()
        let fd = try connect(server)
        let connection = recorder.queue.sync {
            TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
        }
        #expect(recorder.wait { $0.connectedCount == 1 })
        // Deaf from here on, as if its host were gone.
        try TCPSocket.setKey(try KeyFile.key("deaf"), on: try server.next(), for: Loopback.address)
        try recorder.queue.sync {
            try connection.setUserTimeout(.milliseconds(700))
            connection.send([1, 2, 3])
        }
        let start = Date()
        #expect(recorder.wait { !$0.closedReasons.isEmpty })
        #expect(recorder.queue.sync { recorder.closedReasons } == ["Connection timed out"])
        #expect(Date().timeIntervalSince(start) > 0.5)
    }

    @Test func `a peer that only reads slowly is not given up by the kernel`() throws {
        let server = try Server(.ipv4)
        let recorder = Recorder()
        let fd = try connect(server)
        let connection = recorder.queue.sync {
            TCPConnection(fd: fd, connecting: true, queue: recorder.queue, handlers: recorder.handlers())
        }
        #expect(recorder.wait { $0.connectedCount == 1 })
        func userTimeout() -> CInt? { TCPSocket.value(fd, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT) }
        let bytes = pattern(10_000_000)
        try recorder.queue.sync {
            try connection.setUserTimeout(.seconds(9))
            #expect(userTimeout() == 9000)
            connection.send(bytes)
            #expect(connection.isFull && userTimeout() == 0)
        }
        let far = try server.next()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var total = 0
        while total < bytes.count, readable(far, within: 10_000) {
            total += max(0, recv(far, &buffer, buffer.count, 0))
        }
        #expect(total == bytes.count)
        #expect(recorder.wait { _ in connection.backlog == 0 && userTimeout() == 9000 })
        recorder.queue.sync { connection.cancel() }
    }

    // MARK: helpers

    private func readable(_ fd: CInt, within milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }

    private func receive(_ fd: CInt, _ count: Int) throws -> String {
        var bytes = [UInt8](repeating: 0, count: count)
        try #require(readable(fd, within: 10_000))
        let length = recv(fd, &bytes, count, 0)
        return String(decoding: bytes.prefix(max(0, length)), as: UTF8.self)
    }

    private func exchange(_ from: CInt, _ to: CInt, _ text: String) throws -> Bool {
        #expect(send(from, text, text.utf8.count, 0) == text.utf8.count)
        return try receive(to, text.utf8.count) == text
    }
}
