import BGPWire
import NetTypes
import RIB

@testable import BGPSession
@testable import BGPSpeaker

/// Whole routers on a network with a clock: each has its speaker and a session machine for every peer, and all that
/// they say travels as bytes over TCP connections that are late, break, fall silent, and overtake each other. A seed
/// decides everything.
///
/// This file is the world: members, links, connections, and time. `Fabric+Plans.swift` lays out the topologies,
/// `Fabric+Disturbance.swift` disturbs them, `Fabric+Check.swift` says what must be true when all is quiet.
final class Fabric {
    enum Role {
        /// Originates, and passes nothing on.
        case node
        /// Passes on all that it knows: ToR, spine, route server.
        case transit
        /// A route reflector: passes on by RFC 4456.
        case reflector
    }

    final class Member {
        let role: Role
        let number: UInt32
        let index: Int
        let clusterID: UInt32
        var own: Set<Prefix>
        var farewell = Farewell.none
        var isAlive = true
        var isTurnQueued = false
        /// When a timer of its own is due, or was before it was started anew.
        private(set) var deadline: Instant?
        var speaker: Speaker
        var sessions: [Session] = []

        init(_ role: Role, _ number: UInt32, _ index: Int, clusterID: UInt32?, own: Set<Prefix>) {
            (self.role, self.number, self.index, self.own) = (role, number, index, own)
            self.clusterID = clusterID ?? UInt32(index + 1)
            speaker = Self.speaker(number, index, self.clusterID, own)
        }

        private static func speaker(_ number: UInt32, _ index: Int, _ clusterID: UInt32, _ own: Set<Prefix>) -> Speaker
        {
            var policy = ImportPolicy.test(number, routerID: UInt32(index + 1), own: own.sorted())
            policy.clusterID = RouterID(rawValue: clusterID)
            return Speaker(policy: policy, maximumPaths: 16, seed: UInt64(index), at: .seconds(0))
        }

        func lookAtTimers() {
            var next = speaker.nextDeadline
            for session in sessions {
                guard let due = session.machine.nextDeadline else { continue }
                next = next.map { min($0, due) } ?? due
            }
            deadline = next
        }

        func reboot() { speaker = Self.speaker(number, index, clusterID, own) }

        var text: String { "192.0.2.\(index + 1)" }
    }

    /// A member's side of one link.
    struct Session {
        let link: Int
        let side: Int
        let isClient: Bool
        var id = PeerID.local
        var machine: Peer
        var isWanted = true
        var wires: [ConnectionID: Wire] = [:]
        var established: ConnectionID?
    }

    struct Wire {
        let connection: Int
        var framer = Framer()
    }

    struct Link {
        /// Member and index of its session, by side.
        var ends: [(member: Int, session: Int)]
        var isUp = true
        /// When it is down: calls vanish instead of being refused.
        var isSilent = false
        var delay: Int64
    }

    /// A TCP connection. By side: the identifier that its owner gave it, whether it is open there, when the last octet
    /// arrives there, and octets under way to there.
    struct Connection {
        let link: Int
        let dialer: Int
        var ids: [ConnectionID?] = [nil, nil]
        var isOpen = [false, false]
        var last = [Instant(nanoseconds: 0), Instant(nanoseconds: 0)]
        var underWay = [0, 0]
        /// Nothing arrives any more, and nobody is told.
        var isDead = false
    }

    enum Event {
        case call(connection: Int)
        case answer(connection: Int)
        case refusal(connection: Int)
        case data(connection: Int, side: Int, [UInt8])
        case end(connection: Int, side: Int)
        case turn(member: Int)
        case boot(member: Int, graceful: Bool)
        case disturbance
    }

    let seed: UInt64
    var random: SeededGenerator
    var members: [Member] = []
    var links: [Link] = []
    var connections: [Connection] = []
    var agenda = Agenda<Event>()
    var now = Instant(nanoseconds: 0)
    /// Octets under way beyond which a sender waits.
    private static let window = 3000

    init(_ plan: Plan, seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        lay(plan)
        for member in members { boot(member.index, graceful: false) }
    }

    // MARK: time

    /// Lets everything happen that happens until `end`.
    func run(until end: Instant) throws {
        while true {
            let timer = nextDeadline
            let event = agenda.next
            guard let next = [timer, event].compactMap(\.self).min(), next <= end else { break }
            now = max(now, next)
            if let event, event <= now, let due = agenda.pop() { try perform(due) } else { try tick() }
        }
        now = max(now, end)
    }

    private var nextDeadline: Instant? { members.compactMap { $0.isAlive ? $0.deadline : nil }.min() }

    private func tick() throws {
        for member in members where member.isAlive && member.deadline.map({ $0 <= now }) == true {
            for index in member.sessions.indices
            where member.sessions[index].machine.nextDeadline.map({ $0 <= now }) == true {
                if let id = member.sessions[index].established {
                    member.sessions[index].machine.sendProgress(on: id, at: now)
                }
                act(member.sessions[index].machine.tick(at: now), member, index)
            }
            member.speaker.expireRetained(at: now)
            queueTurn(member)
        }
    }

    private func perform(_ event: Event) throws {
        switch event {
        case .call(let connection): call(connection)
        case .answer(let connection): answer(connection)
        case .refusal(let connection): refuse(connection)
        case .data(let connection, let side, let bytes): try arrive(bytes, connection, side)
        case .end(let connection, let side): end(connection, side)
        case .turn(let member): turn(members[member])
        case .boot(let member, let graceful): boot(member, graceful: graceful)
        case .disturbance: disturb()
        }
    }

    // MARK: connections

    func end(of link: Int, _ side: Int) -> (member: Member, session: Int) {
        let end = links[link].ends[side]
        return (members[end.member], end.session)
    }

    /// When something sent now arrives at `side`: never before what was sent earlier.
    private func arrival(_ connection: Int, _ side: Int) -> Instant {
        let delay = links[connections[connection].link].delay
        let jitter = Int64.random(in: 0...delay, using: &random)
        let time = max(connections[connection].last[side], now + Duration.nanoseconds(delay + jitter))
        connections[connection].last[side] = time
        return time
    }

    private func dial(_ id: ConnectionID, _ member: Member, _ index: Int) {
        let session = member.sessions[index]
        var connection = Connection(link: session.link, dialer: session.side)
        connection.ids[session.side] = id
        connections.append(connection)
        member.sessions[index].wires[id] = Wire(connection: connections.count - 1)
        let time = arrival(connections.count - 1, 1 - session.side)
        agenda.push(.call(connection: connections.count - 1), at: time)
    }

    private func call(_ number: Int) {
        let connection = connections[number]
        let link = links[connection.link]
        let side = 1 - connection.dialer
        let (member, index) = end(of: connection.link, side)
        guard link.isUp || !link.isSilent else { return }
        guard link.isUp, member.isAlive else {
            return agenda.push(.refusal(connection: number), at: arrival(number, connection.dialer))
        }
        let (id, actions) = member.sessions[index].machine.accepted(at: now)
        connections[number].ids[side] = id
        connections[number].isOpen[side] = true
        member.sessions[index].wires[id] = Wire(connection: number)
        agenda.push(.answer(connection: number), at: arrival(number, connection.dialer))
        act(actions, member, index)
    }

    private func answer(_ number: Int) {
        let side = connections[number].dialer
        let (member, index) = end(of: connections[number].link, side)
        guard !connections[number].isDead else { return }
        guard let id = connections[number].ids[side], member.sessions[index].wires[id] != nil else {
            // It was given up meanwhile.
            return agenda.push(.end(connection: number, side: 1 - side), at: arrival(number, 1 - side))
        }
        connections[number].isOpen[side] = true
        act(member.sessions[index].machine.connected(id, at: now), member, index)
    }

    private func refuse(_ number: Int) {
        let side = connections[number].dialer
        let (member, index) = end(of: connections[number].link, side)
        guard let id = connections[number].ids[side], member.sessions[index].wires.removeValue(forKey: id) != nil else {
            return
        }
        act(member.sessions[index].machine.connectFailed(id, reason: "refused", at: now), member, index)
    }

    private func end(_ number: Int, _ side: Int) {
        guard connections[number].isOpen[side], let id = connections[number].ids[side] else { return }
        connections[number].isOpen[side] = false
        let (member, index) = end(of: connections[number].link, side)
        guard member.sessions[index].wires.removeValue(forKey: id) != nil else { return }
        act(member.sessions[index].machine.closed(id, reason: "end of stream", at: now), member, index)
    }

    private func hangUp(_ id: ConnectionID, _ member: Member, _ index: Int) {
        guard let wire = member.sessions[index].wires.removeValue(forKey: id) else { return }
        let side = member.sessions[index].side
        connections[wire.connection].isOpen[side] = false
        guard !connections[wire.connection].isDead else { return }
        agenda.push(.end(connection: wire.connection, side: 1 - side), at: arrival(wire.connection, 1 - side))
    }

    private func send(_ bytes: [UInt8], on id: ConnectionID, _ member: Member, _ index: Int) {
        guard let wire = member.sessions[index].wires[id], !bytes.isEmpty else { return }
        let side = 1 - member.sessions[index].side
        connections[wire.connection].underWay[side] += bytes.count
        guard !connections[wire.connection].isDead else { return }
        agenda.push(.data(connection: wire.connection, side: side, bytes), at: arrival(wire.connection, side))
    }

    private func arrive(_ bytes: [UInt8], _ number: Int, _ side: Int) throws {
        connections[number].underWay[side] -= bytes.count
        let (sender, _) = end(of: connections[number].link, 1 - side)
        queueTurn(sender)
        guard !connections[number].isDead, connections[number].isOpen[side], let id = connections[number].ids[side]
        else {
            return
        }
        let (member, index) = end(of: connections[number].link, side)
        member.sessions[index].wires[id]?.framer.append(bytes)
        try read(id, member, index)
    }

    // MARK: what the owner of the sockets does

    private func read(_ id: ConnectionID, _ member: Member, _ index: Int) throws {
        while member.sessions[index].wires[id] != nil {
            let context = member.sessions[index].machine.decodeContext(on: id)
            member.sessions[index].wires[id]?.framer.adopt(context)
            guard let message = try member.sessions[index].wires[id]?.framer.nextMessage(in: context) else { break }
            if case .update(let update) = message {
                faults += update.faults.map(\.reason)
                if member.sessions[index].machine.receivedUpdate(on: id, at: now) {
                    member.speaker.receive([update], from: member.sessions[index].id, at: now)
                    continue
                }
            }
            act(member.sessions[index].machine.received(message, on: id, at: now), member, index)
        }
        queueTurn(member)
    }

    /// Of our own UPDATEs; there must be none.
    var faults: [String] = []

    func act(_ actions: [PeerAction], _ member: Member, _ index: Int) {
        let peer = member.sessions[index].id
        for action in actions {
            switch action {
            case .connect(let id): dial(id, member, index)
            case .send(let id, let message):
                var writer = ByteWriter()
                message.encode(into: &writer, in: member.sessions[index].machine.decodeContext(on: id))
                send(writer.bytes, on: id, member, index)
            case .close(let id): hangUp(id, member, index)
            case .established(let id, let negotiated):
                member.sessions[index].established = id
                let addresses = SessionAddresses(ipv4: ip(member.text), ipv6: ip("2001:db8::\(member.index + 1)"))
                member.speaker.established(peer, negotiated, addresses, at: now)
            case .deliver(_, let update): member.speaker.receive([update], from: peer, at: now)
            case .refresh(let family): member.speaker.refresh(family, for: peer)
            case .refreshBegan(let family): member.speaker.refreshBegan(family, from: peer, at: now)
            case .refreshEnded(let family): member.speaker.refreshEnded(family, from: peer)
            case .down(let reason):
                member.sessions[index].established = nil
                member.speaker.down(peer, keepsRoutes: reason.keepsRoutes, at: now)
            case .stateChanged: break
            }
        }
        queueTurn(member)
    }

    func queueTurn(_ member: Member) {
        member.lookAtTimers()
        guard member.isAlive, !member.isTurnQueued, !member.speaker.isQuiet else { return }
        member.isTurnQueued = true
        agenda.push(
            .turn(member: member.index), at: now + Duration.nanoseconds(.random(in: 1000...5_000_000, using: &random)))
    }

    private func turn(_ member: Member) {
        member.isTurnQueued = false
        guard member.isAlive else { return }
        let limit = Int.random(in: 1...20, using: &random)
        member.speaker.work(limit: limit)
        _ = member.speaker.takeChanges(limit: limit, describing: false)
        var isBlocked = true
        for index in member.sessions.indices {
            guard let id = member.sessions[index].established, let wire = member.sessions[index].wires[id],
                connections[wire.connection].underWay[1 - member.sessions[index].side] < Self.window
            else { continue }
            isBlocked = false
            send(member.speaker.takeMessages(for: member.sessions[index].id, limit: limit), on: id, member, index)
        }
        if !isBlocked || member.speaker.hasChanges || member.speaker.hasWork { queueTurn(member) }
    }
}

/// What is to happen, by time and then in the order it was asked for.
struct Agenda<Event> {
    private var heap: [(time: Instant, number: Int, event: Event)] = []
    private var count = 0

    var next: Instant? { heap.first?.time }

    mutating func push(_ event: Event, at time: Instant) {
        count += 1
        heap.append((time, count, event))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Event? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first.event }
        heap[0] = last
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let child = children.min(by: precedes), precedes(child, parent) else { return first.event }
            heap.swapAt(child, parent)
            parent = child
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
    }
}
