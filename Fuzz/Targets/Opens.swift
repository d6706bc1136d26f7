import BGPSession
import BGPWire
import NetTypes

extension PeerConfiguration {
    /// A neighbour as somebody might configure it: also with numbers that make no sense.
    init(_ input: inout FuzzInput, localAS: ASNumber, remoteAS: ASNumber, routerID: RouterID) {
        let choice = input.byte()
        let holds: [Duration] = [.zero, .seconds(3), .seconds(9), .seconds(90), .seconds(65535), .seconds(100_000)]
        self.init(
            name: "peer", address: .v4(IPv4Address(rawValue: 0xc000_0202)), remoteAS: remoteAS, localAS: localAS,
            routerID: routerID, holdTime: input.choose(holds),
            keepaliveTime: choice & 1 == 0 ? nil : .seconds(Int64(input.byte())),
            sendHoldTime: choice & 2 == 0 ? nil : .seconds(Int64(input.short())),
            families: choice & 4 == 0 ? .all : choice & 8 == 0 ? .ipv4 : .ipv6, passive: choice & 16 != 0,
            connectRetryTime: .seconds(Int64(input.byte() & 7)),
            gracefulRestart: choice & 32 == 0 ? .init(restartTime: input.short()) : nil,
            hostName: choice & 64 == 0 ? nil : "node.example.net")
        extendedNextHop = choice & 128 != 0
    }
}

/// Two configurations meet, and then one of them meets the octets of an OPEN that nobody sane would send.
func fuzzOpen(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let numbers: [UInt32] = [65001, 65002, 23456, 4_200_000_000, 0]
    let (one, two) = (ASNumber(rawValue: input.choose(numbers)), ASNumber(rawValue: input.choose(numbers)))
    let (low, high) = (RouterID(rawValue: input.word()), RouterID(rawValue: 0xc000_0202))
    let left = PeerConfiguration(&input, localAS: one, remoteAS: two, routerID: low)
    let right = PeerConfiguration(&input, localAS: two, remoteAS: one, routerID: high)
    checkAgreement(left, right)
    checkAnswer(left, to: Array(input.take(.max)))
}

/// Starts a peer and lets TCP come up; its OPEN.
private func dial(_ peer: inout Peer, at now: Instant) -> (ConnectionID, Open)? {
    _ = peer.start(at: now)
    let (id, actions) = peer.accepted(at: now)
    for case .send(let to, .open(let open)) in actions where to == id { return (id, open) }
    return nil
}

private func negotiated(_ actions: [PeerAction]) -> Negotiated? {
    for case .established(_, let negotiated) in actions { return negotiated }
    return nil
}

/// Both sides take the other's OPEN or not; if both do, they understand the same.
private func checkAgreement(_ left: PeerConfiguration, _ right: PeerConfiguration) {
    let now = Instant(nanoseconds: 0)
    var (one, two) = (Peer(left, seed: 1), Peer(right, seed: 2))
    guard let (here, open) = dial(&one, at: now), let (there, other) = dial(&two, at: now) else { return }
    _ = one.received(.open(other), on: here, at: now)
    _ = two.received(.open(open), on: there, at: now)
    let up = negotiated(one.received(.keepalive, on: here, at: now))
    let down = negotiated(two.received(.keepalive, on: there, at: now))
    guard let up, let down else { return }
    mustHold(up.families == down.families && up.holdTime == down.holdTime, "they disagree")
    mustHold(up.fourOctetAS == down.fourOctetAS && up.extendedMessages == down.extendedMessages, "they disagree")
    mustHold(up.extendedNextHop == down.extendedNextHop, "they disagree on next hops")
    mustHold(up.gracefulRestart == down.gracefulRestart, "they disagree on graceful restart")
    mustHold(up.gracefulNotification == down.gracefulNotification, "they disagree on the N bit")
    mustHold(up.enhancedRouteRefresh == down.enhancedRouteRefresh, "they disagree on refresh")
    check(up, left)
    check(down, right)
}

private func check(_ session: Negotiated, _ configuration: PeerConfiguration) {
    mustHold(!session.families.isEmpty && session.families.isSubset(of: configuration.families), "families")
    mustHold(session.peerAS == configuration.remoteAS, "a wrong AS is taken")
    mustHold(session.holdTime == .zero || session.holdTime >= .seconds(3), "hold time \(session.holdTime)")
    mustHold(session.holdTime <= max(configuration.holdTime, .zero), "the hold time grows")
    mustHold((session.holdTime == .zero) == (session.keepaliveTime == .zero), "keepalive time")
    mustHold(session.keepaliveTime <= session.holdTime / 3, "keepalives are too rare")
    mustHold(session.sendHoldTime.map { $0 > session.holdTime } ?? true, "the send hold time is short")
}

/// The octets of an OPEN's body are refused with a reason, or make a session that holds to the rules.
private func checkAnswer(_ configuration: PeerConfiguration, to body: [UInt8]) {
    let now = Instant(nanoseconds: 0)
    var peer = Peer(configuration, seed: 3)
    guard let (id, _) = dial(&peer, at: now) else { return }
    let actions: [PeerAction]
    do throws(NotificationMessage) {
        let message = try Message.decode(type: 1, body: body.span.bytes, in: peer.decodeContext(on: id))
        _ = message.description
        actions = peer.received(message, on: id, at: now)
    } catch {
        actions = peer.malformed(error, on: id, at: now)
    }
    for case .send(_, .notification(let notification)) in actions {
        mustHold(notification.data.count <= 4075, "the answer does not fit")
    }
    if let session = negotiated(peer.received(.keepalive, on: id, at: now)) { check(session, configuration) }
    _ = peer.status(at: now)
    mustHold(peer.nextDeadline.map { $0 > now } ?? true, "a timer is in the past")
}
