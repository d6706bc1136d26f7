import BGPSession
import BGPSpeaker
import BGPWire
import NetTypes
import RIB

/// An input is a list of events at a speaker with two peers; what must be true of it is looked at all the way.
func fuzzSession(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let world = SessionWorld(&input)
    while !input.isAtEnd { world.step(&input) }
    world.end()
}

/// A speaker, the session machines of its peers, and what the peers hold of what they were told.
final class SessionWorld {
    /// A peer: its machine here, and its octets there.
    struct Member {
        let id: PeerID
        let maker: MessageMaker
        let families: FamilySet
        var machine: Peer
        /// What has arrived on each connection.
        var wires: [ConnectionID: Framer] = [:]
        var dialing: Set<ConnectionID> = []
        var session: ConnectionID?
        var negotiated: Negotiated?
        /// Its Adj-RIB-In, made of our octets.
        var told = ToldTable()
        /// The last session was lost in a way that keeps routes.
        var keepsRoutes = false
    }

    static let localAS: UInt32 = 65000
    private static let own = ["10.244.200.0/24", "fd00:10:244:200::/64", "10.244.201.0/24"].compactMap {
        Prefix(strict: $0)
    }

    var speaker: Speaker
    var members: [Member] = []
    var now = Instant(nanoseconds: 1)

    init(_ input: inout FuzzInput) {
        var policy = ImportPolicy(
            localAS: ASNumber(rawValue: Self.localAS), routerID: RouterID(rawValue: 0xc000_0201))
        policy.clusterCIDRs = ["10.244.0.0/16", "fd00:10:244::/48"].compactMap { Prefix(strict: $0) }
        policy.requiresConnectedNextHop = false
        speaker = Speaker(policy: policy, maximumPaths: 4, seed: 1, at: now)
        speaker.originate(Set(Self.own.prefix(2)), at: now)
        for index in 0..<2 { add(UInt32(index), &input) }
    }

    private func add(_ index: UInt32, _ input: inout FuzzInput) {
        let choice = input.byte()
        let isExternal = choice & 1 == 0
        let number = ASNumber(rawValue: isExternal ? 65001 + index : Self.localAS)
        let address = IPAddress.v4(IPv4Address(rawValue: 0xc000_020a + index))
        var configuration = PeerConfiguration(
            name: "peer", address: address, remoteAS: number, localAS: ASNumber(rawValue: Self.localAS),
            routerID: RouterID(rawValue: 0xc000_0201), holdTime: choice & 2 == 0 ? .seconds(90) : .zero,
            families: choice & 4 == 0 ? .all : .ipv4, passive: choice & 8 != 0,
            gracefulRestart: choice & 16 == 0 ? .init() : nil)
        let paths = input.byte()
        configuration.takesPathIDs = paths & 1 != 0
        configuration.sendsPathIDs = paths & 2 != 0
        configuration.extendedNextHop = paths & 16 != 0
        if paths & 32 != 0 { configuration.longLivedStaleTime = .seconds(60) }
        var peer = SpeakerPeer(
            name: "peer", address: address, asNumber: number, isExternal: isExternal,
            importMode: choice & 32 == 0 ? .all : .safe, exportMode: choice & 64 == 0 ? .all : .localOnly,
            isClient: choice & 128 != 0 && !isExternal)
        peer.isRouteServerClient = isExternal && paths & 64 != 0
        peer.sendsLongLivedStale = paths & 128 != 0
        peer.mostPaths = paths & 192 == 192 ? 4 : nil
        peer.pathSelection = [.best, .all, .most(2), .most(1)][Int(paths >> 2 & 3)]
        let id = speaker.addPeer(peer)
        members.append(
            Member(
                id: id, maker: MessageMaker(asNumber: number, isExternal: isExternal),
                families: configuration.families, machine: Peer(configuration, seed: UInt64(index))))
        perform(members[Int(index)].machine.start(at: now), of: Int(index))
    }

    // MARK: events

    func step(_ input: inout FuzzInput) {
        let choice = input.byte()
        let index = Int(choice >> 7)
        switch choice & 15 {
        case 0, 1: establish(index, &input)
        case 2: connect(index, accepts: choice & 16 == 0)
        case 3: lose(index, choice)
        case 4: say(.open(members[index].maker.open(&input)), index, choice)
        case 5: say(.keepalive, index, choice)
        case 6, 7, 8: announce(index, choice, &input)
        case 9: sayRaw(index, choice, &input)
        case 10: say(.routeRefresh(.init(afi: UInt16(input.byte()), subtype: input.byte(), safi: 1)), index, choice)
        case 11: say(.notification(.init(input.byte(), input.byte(), Array(input.take(3)))), index, choice)
        case 12, 13: wait(&input, peerReads: choice & 16 == 0)
        case 14: work(limit: Int(choice >> 4 & 7) * 4 + 1)
        default: change(index, &input)
        }
        checkTimers()
    }

    /// The whole way up, where it is free.
    private func establish(_ index: Int, _ input: inout FuzzInput) {
        let id = connect(index, accepts: true)
        guard members[index].wires[id] != nil else { return }
        arrive(.open(members[index].maker.open(&input)), index, id)
        arrive(.keepalive, index, id)
    }

    @discardableResult
    private func connect(_ index: Int, accepts: Bool) -> ConnectionID {
        if !accepts, let id = oldestCall(index) {
            members[index].dialing.remove(id)
            members[index].wires[id] = Framer()
            perform(members[index].machine.connected(id, at: now), of: index)
            return id
        }
        let (id, actions) = members[index].machine.accepted(at: now)
        members[index].wires[id] = Framer()
        perform(actions, of: index)
        return id
    }

    /// A connection that is up, chosen by its age.
    private func wire(_ index: Int, _ choice: UInt8) -> ConnectionID? {
        let ids = members[index].wires.keys.sorted { $0.rawValue < $1.rawValue }
        return choice & 32 == 0 ? ids.last : ids.first
    }

    private func oldestCall(_ index: Int) -> ConnectionID? {
        members[index].dialing.min { $0.rawValue < $1.rawValue }
    }

    private func lose(_ index: Int, _ choice: UInt8) {
        if choice & 16 == 0, let id = wire(index, choice) {
            members[index].wires[id] = nil
            perform(members[index].machine.closed(id, reason: "reset", at: now), of: index)
        } else if let id = oldestCall(index) {
            members[index].dialing.remove(id)
            perform(members[index].machine.connectFailed(id, reason: "refused", at: now), of: index)
        }
    }

    private func say(_ message: Message, _ index: Int, _ choice: UInt8) {
        guard let id = wire(index, choice) else { return }
        arrive(message, index, id)
    }

    private func arrive(_ message: Message, _ index: Int, _ id: ConnectionID) {
        var writer = ByteWriter()
        message.encode(into: &writer, in: members[index].machine.decodeContext(on: id))
        received(writer.bytes[...], index, id)
    }

    private func announce(_ index: Int, _ choice: UInt8, _ input: inout FuzzInput) {
        guard let id = wire(index, choice) else { return }
        let body = members[index].maker.update(&input, in: members[index].machine.decodeContext(on: id))
        received(framed(2, body), index, id)
    }

    private func sayRaw(_ index: Int, _ choice: UInt8, _ input: inout FuzzInput) {
        guard let id = wire(index, choice) else { return }
        let type = input.byte()
        let octets = Array(input.take(Int(input.byte())))
        received(choice & 16 == 0 ? framed(type % 8, octets) : octets[...], index, id)
    }

    private func framed(_ type: UInt8, _ body: [UInt8]) -> ArraySlice<UInt8> {
        let length = body.count + 19
        let header = [UInt8](repeating: 0xff, count: 16)
        return (header + [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length), type] + body)[...]
    }

    /// Time passes: to the next timer, or some seconds.
    private func wait(_ input: inout FuzzInput, peerReads: Bool) {
        let choice = input.byte()
        let next = (members.compactMap(\.machine.nextDeadline) + [speaker.nextDeadline].compactMap(\.self)).min()
        now = choice & 1 == 0 ? max(now, next ?? now) : now + .seconds(Int64(choice))
        for index in members.indices {
            if peerReads, let session = members[index].session {
                members[index].machine.sendProgress(on: session, at: now)
            }
            perform(members[index].machine.tick(at: now, unreadInput: choice & 2 != 0), of: index)
            mustHold(members[index].machine.nextDeadline.map { $0 > now } ?? true, "a timer is due for ever")
        }
        speaker.expireRetained(at: now)
        mustHold(speaker.nextDeadline.map { $0 > now } ?? true, "stale paths are due for ever")
    }

    /// What an operator does.
    private func change(_ index: Int, _ input: inout FuzzInput) {
        let choice = input.byte()
        switch choice & 7 {
        case 0: speaker.originate(Set(Self.own.filter { _ in input.byte() & 1 == 0 }), at: now)
        case 1: speaker.setFarewell([.none, .announced, .withdrawn][Int(choice >> 4) % 3])
        case 2: speaker.importPolicy.ownPodCIDRs = choice & 16 == 0 ? [] : Self.own
        case 3: speaker.importPolicy.allowDefault.toggle()
        case 4:
            let family: AddressFamily = choice & 16 == 0 ? .ipv4 : .ipv6
            perform(members[index].machine.requestRefresh(family), of: index)
        case 5: speaker.setAddresses(addresses(choice), for: members[index].id)
        case 6:
            let notification = NotificationMessage.cease(.administrativeShutdown, text: "bye")
            perform(members[index].machine.stop(choice & 16 == 0 ? notification : nil, at: now), of: index)
        default: perform(members[index].machine.start(at: now), of: index)
        }
    }

    private func addresses(_ choice: UInt8) -> SessionAddresses {
        SessionAddresses(
            ipv4: choice & 32 == 0 ? IPAddress("192.0.2.1") : nil, ipv6: IPAddress("2001:db8::1"),
            ipv6LinkLocal: choice & 64 == 0 ? nil : IPv6Address(rawValue: 0xfe80 << 112 | 1))
    }

    // MARK: what the owner of the sockets does

    private func received(_ bytes: ArraySlice<UInt8>, _ index: Int, _ id: ConnectionID) {
        members[index].wires[id]?.append(bytes)
        while members[index].wires[id] != nil {
            let context = members[index].machine.decodeContext(on: id)
            members[index].wires[id]?.adopt(context)
            do throws(NotificationMessage) {
                guard let message = try members[index].wires[id]?.nextMessage(in: context) else { return }
                handle(message, index, id)
            } catch {
                perform(members[index].machine.malformed(error, on: id, at: now), of: index)
                return
            }
        }
    }

    private func handle(_ message: Message, _ index: Int, _ id: ConnectionID) {
        if case .update(let update) = message, members[index].machine.receivedUpdate(on: id, at: now) {
            speaker.receive([update], from: members[index].id, at: now)
        } else {
            perform(members[index].machine.received(message, on: id, at: now), of: index)
        }
    }

    func perform(_ actions: [PeerAction], of index: Int) {
        for action in actions {
            switch action {
            case .connect(let id): members[index].dialing.insert(id)
            case .send(let id, let message): checkSent(message, index, id)
            case .close(let id):
                members[index].wires[id] = nil
                members[index].dialing.remove(id)
            case .established(let id, let negotiated): established(index, id, negotiated)
            case .deliver(_, let update): speaker.receive([update], from: members[index].id, at: now)
            case .refresh(let family): speaker.refresh(family, for: members[index].id)
            case .refreshBegan(let family): speaker.refreshBegan(family, from: members[index].id, at: now)
            case .refreshEnded(let family): speaker.refreshEnded(family, from: members[index].id)
            case .down(let reason): down(index, reason)
            case .stateChanged: break
            }
        }
    }

    private func established(_ index: Int, _ id: ConnectionID, _ negotiated: Negotiated) {
        mustHold(members[index].session == nil, "established twice")
        members[index].session = id
        members[index].negotiated = negotiated
        var context = negotiated.decodeContext
        context.pathIDs = negotiated.pathIDsSent
        context.extendedNextHop = negotiated.extendedNextHop
        members[index].told = ToldTable(context)
        speaker.established(members[index].id, negotiated, addresses(0), at: now)
    }

    private func down(_ index: Int, _ reason: DownReason) {
        mustHold(members[index].session != nil, "down without a session")
        members[index].session = nil
        members[index].keepsRoutes = reason.keepsRoutes
        speaker.down(members[index].id, keepsRoutes: reason.keepsRoutes, at: now)
    }

    func work(limit: Int) {
        speaker.work(limit: limit)
        _ = speaker.takeChanges(limit: limit, describing: true)
        for index in members.indices where members[index].session != nil {
            members[index].told.receive(speaker.takeMessages(for: members[index].id, limit: limit))
        }
        check()
    }
}
