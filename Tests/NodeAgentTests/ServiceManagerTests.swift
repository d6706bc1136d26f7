import Foundation
import Glibc
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

/// What systemd would hear.
struct ServiceManagerTests {
    /// A datagram socket that a test reads; with a name in the file system or without.
    private final class Listener {
        let name: String
        private let descriptor: CInt
        private let path: String?

        init(abstract: Bool) throws {
            let base = "martlet-notify-\(getpid())-\(UInt32.random(in: 0 ... .max))"
            name = abstract ? "@\(base)" : "/tmp/\(base)"
            path = abstract ? nil : name
            descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
            var time = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var octets = Array(name.utf8)
            if abstract { octets[0] = 0 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: octets) }
            let length = socklen_t(2 + octets.count)
            let descriptor = descriptor
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
            }
            try #require(result == 0)
        }

        deinit {
            close(descriptor)
            if let path { unlink(path) }
        }

        func next() -> String {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
    }

    @Test(arguments: [false, true]) func `states go to the named socket`(abstract: Bool) throws {
        let listener = try Listener(abstract: abstract)
        let environment = ["NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "3000000"]
        let manager = try #require(ServiceManager(environment: { environment[$0] }))
        #expect(manager.watchdogInterval == .milliseconds(1500))
        manager.ready("all\nwell")
        #expect(listener.next() == "READY=1\nSTATUS=all well")
        manager.reloading()
        let lines = listener.next().split(separator: "\n")
        #expect(lines.first == "RELOADING=1")
        let time = try #require(lines.first { $0.hasPrefix("MONOTONIC_USEC=") }.flatMap { Int64($0.dropFirst(15)) })
        #expect(time > 0)
        manager.alive()
        #expect(listener.next() == "WATCHDOG=1")
        manager.stopping("SIGTERM")
        #expect(listener.next() == "STOPPING=1\nSTATUS=SIGTERM")
        manager.extendStart(by: .seconds(2))
        #expect(listener.next() == "EXTEND_TIMEOUT_USEC=2000000")
    }

    @Test func `without a socket, or for another process, nobody is told`() {
        let nobody = ServiceManager(environment: { _ in nil })
        let elsewhere = ServiceManager(environment: { ["NOTIFY_SOCKET": "vsock:2:1"][$0] })
        #expect(nobody == nil && elsewhere == nil)
        let other = ["NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "10", "WATCHDOG_PID": "1"]
        let unwatched = ServiceManager(environment: { other[$0] })
        #expect(unwatched != nil && unwatched?.watchdogInterval == nil)
    }
}
