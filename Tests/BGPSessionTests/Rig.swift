import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// One peer with a moved clock; every call returns its actions as lines, so that a test reads like a transcript.
struct Rig {
    var peer: Peer
    var now = Instant(nanoseconds: 0)

    init(_ configuration: PeerConfiguration = .test(), seed: UInt64 = 1) {
        peer = Peer(configuration, seed: seed)
    }

    mutating func start() -> [String] { lines(peer.start(at: now)) }
    mutating func stop(_ notification: NotificationMessage?) -> [String] { lines(peer.stop(notification, at: now)) }
    mutating func connected(_ id: UInt32) -> [String] { lines(peer.connected(ConnectionID(rawValue: id), at: now)) }
    mutating func accepted() -> [String] { lines(peer.accepted(at: now).1) }

    mutating func refused(_ id: UInt32) -> [String] {
        lines(peer.connectFailed(ConnectionID(rawValue: id), reason: "connection refused", at: now))
    }

    mutating func closed(_ id: UInt32) -> [String] {
        lines(peer.closed(ConnectionID(rawValue: id), reason: "connection reset by peer", at: now))
    }

    mutating func malformed(_ notification: NotificationMessage, on id: UInt32) -> [String] {
        lines(peer.malformed(notification, on: ConnectionID(rawValue: id), at: now))
    }

    mutating func received(_ message: Message, on id: UInt32) -> [String] {
        lines(peer.received(message, on: ConnectionID(rawValue: id), at: now))
    }

    /// `reads`: the peer takes what we send.
    mutating func tick(unreadInput: Bool = false, reads: Bool = true) -> [String] {
        if reads, let session = peer.session { peer.sendProgress(on: session, at: now) }
        return lines(peer.tick(at: now, unreadInput: unreadInput))
    }

    /// Moves the clock without running timers.
    mutating func wait(_ time: Duration) { now = now + time }

    /// Moves the clock to the next deadline and runs what is due; the time moved is the first of the result.
    mutating func next() -> (Duration, [String]) {
        guard let deadline = peer.nextDeadline else { return (.zero, []) }
        let moved = deadline - now
        now = max(now, deadline)
        return (moved, tick())
    }

    /// Brings the session up on the first connection, dialed by us.
    mutating func establish(_ open: Open = .test(), on id: UInt32 = 1) {
        _ = start()
        _ = connected(id)
        _ = received(.open(open), on: id)
        _ = received(.keepalive, on: id)
        #expect(peer.status(at: now).state == .established)
    }

    var status: PeerStatus { peer.status(at: now) }
}

func lines(_ actions: [PeerAction]) -> [String] {
    actions.map { action in
        switch action {
        case .connect(let id): "connect \(id)"
        case .send(let id, .notification(let notification)): "send \(id) \(notification.short)"
        case .send(let id, let message): "send \(id) \(message.name)"
        case .close(let id): "close \(id)"
        case .established(let id, _): "established \(id)"
        case .deliver(let id, _): "deliver \(id)"
        case .refresh(let family): "refresh \(family)"
        case .refreshBegan(let family): "refresh of \(family) begins"
        case .refreshEnded(let family): "refresh of \(family) ends"
        case .down(let reason): "down \(reason.kind)\(reason.keepsRoutes ? ", keeps routes" : "")"
        case .stateChanged(let from, let to, _): "\(from) -> \(to)"
        }
    }
}

extension NotificationMessage {
    var short: String {
        let octets = data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(code).\(subcode)\(octets.isEmpty ? "" : " " + octets)"
    }
}

extension PeerConfiguration {
    /// We are AS 64601 with identifier 10.0.0.1; the peer is AS 65001.
    static func test(
        remoteAS: UInt32 = 65001, localAS: UInt32 = 64601, routerID: UInt32 = 0x0a00_0001,
        holdTime: Duration = .seconds(90), keepaliveTime: Duration? = nil, families: FamilySet = .all,
        passive: Bool = false, gracefulRestart: GracefulRestartOptions? = nil, sendHoldTime: Duration? = nil
    ) -> Self {
        Self(
            name: "tor-1", address: .v4(IPv4Address(rawValue: 0xc000_0201)), remoteAS: ASNumber(rawValue: remoteAS),
            localAS: ASNumber(rawValue: localAS), routerID: RouterID(rawValue: routerID), holdTime: holdTime,
            keepaliveTime: keepaliveTime, sendHoldTime: sendHoldTime, families: families, passive: passive,
            gracefulRestart: gracefulRestart)
    }
}

extension Open {
    /// The peer's OPEN: AS 65001, identifier 10.0.0.2.
    static func test(
        version: UInt8 = 4, autonomousSystem: UInt16 = 65001, holdTime: UInt16 = 90, routerID: UInt32 = 0x0a00_0002,
        capabilities: [Capability] = [.multiprotocol(.ipv4), .multiprotocol(.ipv6), .routeRefresh]
    ) -> Self {
        Self(
            version: version, autonomousSystem: autonomousSystem, holdTime: holdTime,
            routerID: RouterID(rawValue: routerID), capabilities: capabilities)
    }

    /// The same with graceful restart.
    static func restarting(_ families: [AddressFamily] = [.ipv4, .ipv6], notification: Bool = false) -> Self {
        let listed = families.map { GracefulRestart.Family(afi: $0.afi, safi: 1, forwardingPreserved: true) }
        let restart = GracefulRestart(
            restarted: false, notification: notification, restartTime: 120, families: listed)
        return test(capabilities: test().capabilities + [.gracefulRestart(restart)])
    }
}

let update = Message.update(Update())
