import CLinux
import Foundation
import Logging
import PodWiring
import TestKit
import Testing

@testable import NodeAgent

/// A node's namespace with links as the plugin leaves them, and a sweeper.
final class SweeperRig: Sendable {
    let name = "mlt-sweep-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let directory: String
    let sweeper: PodSweeper

    init() throws {
        directory = NSTemporaryDirectory() + name
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        sweeper = PodSweeper(stateDirectory: directory, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try require("ip", "netns", "add", name)
    }

    deinit {
        _ = try? run(["ip", "netns", "del", name])
        try? FileManager.default.removeItem(atPath: directory)
    }

    func start() async throws { try await sweeper.start(namespace: "/run/netns/\(name)") }

    @discardableResult
    func ip(_ arguments: String) throws -> String {
        try require("ip", "-n", name, "-b", "-", input: arguments.replacingOccurrences(of: "; ", with: "\n") + "\n")
    }

    /// A pod's link as ADD makes it, its other end in the same namespace; returns its name.
    func makeLink(_ id: String) throws -> String {
        let host = PodIdentity(containerID: id, ifname: "eth0", network: "net").hostName
        try ip("link add \(host) type veth peer name p\(id)")
        try require("ip", "-n", name, "link", "set", host, "alias", "martlet \(id) eth0 net default/web")
        try ip("link set \(host) up; link set p\(id) up")
        return host
    }

    /// As a deferred DEL does it.
    func setAside(_ link: String) throws { try ip("link set \(link) down group \(PodLink.deletedGroup)") }

    var links: Set<String> {
        get throws {
            let lines = try require("ip", "-n", name, "-br", "link").split(separator: "\n")
            return Set(lines.compactMap { $0.split(whereSeparator: { $0 == " " || $0 == "@" }).first.map(String.init) })
                .subtracting(["lo"])
        }
    }

    /// Polls until the lock of a running sweeper is held or free.
    func expectLock(_ isHeld: Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        _ = try await poll(within: 10) { try isLocked == isHeld }
        #expect(try isLocked == isHeld, sourceLocation: sourceLocation)
    }

    private var isLocked: Bool {
        get throws {
            let descriptor = open("\(directory)/\(PodLink.agentLock)", O_RDONLY | O_CLOEXEC)
            try #require(descriptor >= 0)
            defer { close(descriptor) }
            return clinux_is_locked(descriptor) == 1
        }
    }

    /// Polls until these links are in the namespace, besides loopback.
    func expect(_ wanted: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        _ = try await poll(within: 10) { try links == wanted }
        #expect(try links == wanted, sourceLocation: sourceLocation)
    }
}
