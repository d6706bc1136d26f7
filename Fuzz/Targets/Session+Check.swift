import BGPSession
import BGPSpeaker
import BGPWire
import NetTypes
import RIB

/// What a peer holds of us: our octets, read as it reads them.
struct ToldTable {
    private(set) var routes: [Prefix: PathAttributes] = [:]
    private let context: DecodeContext
    private var framer = Framer()
    /// Not repeated yet, between begin and end of a refresh (RFC 7313).
    private var stale: [AddressFamily: Set<Prefix>] = [:]

    init(_ context: DecodeContext = DecodeContext()) {
        self.context = context
        framer.adopt(context)
    }

    mutating func receive(_ bytes: [UInt8]) {
        framer.append(bytes)
        do throws(NotificationMessage) {
            while let message = try framer.nextMessage(in: context) { read(message) }
        } catch {
            fatalError("our own octets are refused: \(error)")
        }
        mustHold(framer.pending == 0, "half a message is sent")
    }

    private mutating func read(_ message: Message) {
        switch message {
        case .update(let update):
            mustHold(update.faults.isEmpty, "our own UPDATE has faults: \(update.faults.map(\.reason))")
            for prefix in update.withdrawn { routes[prefix] = nil }
            for announcement in update.announced {
                for prefix in announcement.prefixes {
                    routes[prefix] = announcement.attributes
                    stale[prefix.family]?.remove(prefix)
                }
            }
        case .routeRefresh(let refresh): read(refresh)
        default: fatalError("\(message) among UPDATEs")
        }
    }

    private mutating func read(_ refresh: RouteRefresh) {
        guard let family = AddressFamily(afi: refresh.afi) else { fatalError("a refresh of no family") }
        if refresh.subtype == RouteRefresh.begin {
            stale[family] = Set(routes.keys.filter { $0.family == family })
        } else {
            guard let gone = stale.removeValue(forKey: family) else { fatalError("an end without begin") }
            for prefix in gone { routes[prefix] = nil }
        }
    }
}

// MARK: - What must be true

extension SessionWorld {
    func checkTimers() {
        for member in members {
            mustHold(member.wires.count <= 2, "\(member.wires.count) connections")
            _ = member.machine.status(at: now)
        }
    }

    /// What we send on a connection can be read by whoever has the same OPENs before him.
    func checkSent(_ message: Message, _ index: Int, _ id: ConnectionID) {
        let context = members[index].machine.decodeContext(on: id)
        var writer = ByteWriter()
        message.encode(into: &writer, in: context)
        var framer = Framer()
        framer.adopt(context)
        framer.append(writer.bytes)
        mustHold((try? framer.nextMessage(in: context)) == message, "\(message) is sent and cannot be read")
    }

    /// At any moment.
    func check() {
        for member in members {
            let received = speaker.paths(PathQuery(.received(member.id)))
            checkCounts(member, received)
            guard member.session == nil else { continue }
            mustHold(received.allSatisfy(\.isStale), "a live path of a peer that is down")
            mustHold(received.isEmpty || member.keepsRoutes, "a path is kept of a peer that asked for nothing")
            mustHold(speaker.paths(PathQuery(.advertised(member.id))).isEmpty, "nobody was told this")
        }
    }

    private func checkCounts(_ member: Member, _ received: [PathView]) {
        for summary in speaker.summaries(member.id) {
            let mine = received.filter { $0.prefix.family == summary.family }
            mustHold(summary.paths.received == mine.count, "received paths are counted wrong")
            mustHold(summary.paths.stale == mine.count { $0.isStale }, "stale paths are counted wrong")
            mustHold(summary.paths.rejected == mine.count { $0.isRejected }, "rejected paths are counted wrong")
            mustHold(summary.paths.best == mine.count { $0.isBest }, "best paths are counted wrong")
        }
    }

    /// When nothing is left to say: the peers hold what we think that they hold, and all of it is in the Loc-RIB.
    func checkQuiet() {
        var rounds = 0
        while speaker.hasChanges || members.contains(where: { speaker.hasMessages(for: $0.id) }) {
            rounds += 1
            mustHold(rounds < 10_000, "it never becomes quiet")
            work(limit: 1000)
        }
        let best = Set(speaker.paths(PathQuery(.usable)).filter(\.isBest).map(\.prefix))
        for member in members where member.session != nil {
            let advertised = speaker.paths(PathQuery(.advertised(member.id)))
            mustHold(advertised.count == member.told.routes.count, "the peer holds something else")
            for view in advertised {
                mustHold(best.contains(view.prefix), "\(view.prefix) is announced and not in the Loc-RIB")
                guard let told = member.told.routes[view.prefix] else {
                    fatalError("\(view.prefix) never reached the peer")
                }
                mustHold(told == view.attributes || member.negotiated?.fourOctetAS == false, "other attributes")
            }
        }
    }

    /// All sessions end, all peers go: nothing may be left.
    func end() {
        checkQuiet()
        for index in members.indices {
            perform(members[index].machine.stop(nil, at: now), of: index)
            mustHold(members[index].wires.isEmpty && members[index].dialing.isEmpty, "a connection is left")
            mustHold(members[index].machine.nextDeadline == nil, "a stopped peer has a timer")
        }
        check()
        for member in members { speaker.removePeer(member.id) }
        speaker.originate([], at: now)
        while speaker.hasChanges { _ = speaker.takeChanges(limit: 1000, describing: true) }
        mustHold(speaker.tableSizes == (0, 0, 0), "\(speaker.tableSizes) is left in the tables")
        mustHold(speaker.nextDeadline == nil, "a deadline without a peer")
    }
}

extension PathView {
    fileprivate var isRejected: Bool {
        if case .rejected = standing { true } else { false }
    }

    fileprivate var isBest: Bool {
        if case .best = standing { true } else { false }
    }
}
