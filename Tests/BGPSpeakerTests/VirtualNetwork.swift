import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSession
@testable import BGPSpeaker

/// Speakers wired through the bytes they send: nodes, ToRs that are in transit, and perhaps one AS of a reflector and
/// its clients. Bytes are late, arrive in pieces, and wait at slow readers; links fail and come back.
final class VirtualNetwork {
    private enum Role {
        case node, tor, reflector, client
    }

    private final class Member {
        let role: Role
        let number: UInt32
        let index: Int
        var own: Set<Prefix>
        var speaker: Speaker

        init(_ role: Role, _ number: UInt32, _ index: Int, own: Set<Prefix>) {
            (self.role, self.number, self.index, self.own) = (role, number, index, own)
            speaker = Speaker(
                policy: .test(number, routerID: UInt32(index + 1), own: own.sorted()), maximumPaths: 16,
                seed: UInt64(index), at: .seconds(0))
            speaker.originate(own, at: .seconds(0))
        }

        var isTransit: Bool { role == .tor || role == .reflector }
        var text: String { "192.0.2.\(index + 1)" }
    }

    /// One direction of a link: bytes under way, and what the receiver has cut of them.
    private struct Pipe {
        var bytes: [UInt8] = []
        var framer = Framer()
        var ends: [AddressFamily] = []
    }

    private struct Link {
        let ends: [Int]
        let ids: [PeerID]
        var isUp = false
        /// By sender.
        var pipes = [Pipe(), Pipe()]
    }

    private let seed: UInt64
    private var random: SeededGenerator
    private var members: [Member] = []
    private var links: [Link] = []
    private var clock: Int64 = 0

    /// Bytes under way beyond which a sender waits for the reader.
    private static let window = 600

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let tors = (0..<Int.random(in: 1...3, using: &random)).map { add(.tor, 65001 + UInt32($0)) }
        for (index, tor) in tors.enumerated() {
            for other in tors[..<index] where Bool.random(using: &random) { connect(tor, other) }
        }
        for index in 0..<Int.random(in: 2...4, using: &random) {
            let node = add(.node, 64601 + UInt32(index))
            connectToSome(node, tors)
        }
        if Bool.random(using: &random) {
            let reflector = add(.reflector, 64800)
            connectToSome(reflector, tors)
            for _ in 0..<2 { connect(add(.client, 64800), reflector) }
        }
        for index in links.indices where UInt8.random(in: 0..<4, using: &random) > 0 { raise(index) }
    }

    // MARK: making

    private func add(_ role: Role, _ number: UInt32) -> Int {
        let index = members.count
        let own: Set<Prefix> =
            role == .node || role == .client
            ? [cidr("10.244.\(index + 1).0/24"), cidr("fd00:10:244:\(index + 1)::/64")] : []
        members.append(Member(role, number, index, own: own))
        return index
    }

    private func connectToSome(_ member: Int, _ tors: [Int]) {
        guard let first = tors.randomElement(using: &random) else { return }
        for tor in tors where tor == first || Bool.random(using: &random) { connect(member, tor) }
    }

    private func connect(_ a: Int, _ b: Int) {
        links.append(Link(ends: [a, b], ids: [addPeer(b, to: a), addPeer(a, to: b)]))
    }

    private func addPeer(_ peer: Int, to member: Int) -> PeerID {
        let (peer, member) = (members[peer], members[member])
        return member.speaker.addPeer(
            SpeakerPeer(
                name: peer.text, address: ip(peer.text), asNumber: asn(peer.number),
                isExternal: peer.number != member.number,
                importMode: member.isTransit ? .all : .safe, exportMode: member.isTransit ? .all : .localOnly,
                isClient: member.role == .reflector && peer.role == .client))
    }

    // MARK: events

    private func raise(_ index: Int) {
        links[index].isUp = true
        links[index].pipes = [Pipe(), Pipe()]
        for side in 0...1 {
            let (own, other) = (members[links[index].ends[side]], members[links[index].ends[1 - side]])
            own.speaker.established(
                links[index].ids[side],
                .test(
                    peerAS: other.number, routerID: UInt32(other.index + 1), isExternal: own.number != other.number),
                SessionAddresses(ipv4: ip(own.text), ipv6: ip("2001:db8::\(own.index + 1)")), at: .seconds(0))
        }
    }

    private func cut(_ index: Int) {
        links[index].isUp = false
        for side in 0...1 {
            members[links[index].ends[side]].speaker.down(
                links[index].ids[side], keepsRoutes: false, at: .seconds(0))
        }
    }

    private func flip(_ index: Int) {
        if links[index].isUp { cut(index) } else { raise(index) }
    }

    private func changePrefixes() {
        guard let node = members.filter({ $0.role == .node }).randomElement(using: &random) else { return }
        let extra = cidr("10.244.\(100 + node.index).0/24")
        if node.own.remove(extra) == nil { node.own.insert(extra) }
        node.speaker.originate(node.own, at: .seconds(clock))
        node.speaker.importPolicy.ownPodCIDRs = node.own.sorted()
    }

    /// A few random things happen.
    func disturb(_ steps: Int) throws {
        for _ in 0..<steps {
            clock += 1
            switch UInt8.random(in: 0..<40, using: &random) {
            case 0, 1: if let index = links.indices.randomElement(using: &random) { flip(index) }
            case 2: changePrefixes()
            case 3: askForRefresh()
            default: try deliver(pieces: 3)
            }
        }
    }

    private func askForRefresh() {
        guard let index = links.indices.randomElement(using: &random), links[index].isUp else { return }
        members[links[index].ends[0]].speaker.refresh(.ipv4, for: links[index].ids[0])
    }

    /// Lets `pieces` random directions send and arrive.
    private func deliver(pieces: Int) throws {
        for _ in 0..<pieces {
            guard let index = links.indices.randomElement(using: &random) else { return }
            let side = Int.random(in: 0...1, using: &random)
            send(index, side, limit: Int.random(in: 1...5, using: &random))
            try arrive(index, side, most: Int.random(in: 1...200, using: &random))
        }
    }

    private func send(_ index: Int, _ side: Int, limit: Int) {
        let sender = members[links[index].ends[side]]
        _ = sender.speaker.takeChanges(limit: limit, describing: false)
        guard links[index].isUp, links[index].pipes[side].bytes.count < Self.window else { return }
        links[index].pipes[side].bytes += sender.speaker.takeMessages(for: links[index].ids[side], limit: limit)
    }

    private func arrive(_ index: Int, _ side: Int, most: Int) throws {
        guard links[index].isUp, !links[index].pipes[side].bytes.isEmpty else { return }
        let receiver = members[links[index].ends[1 - side]]
        let isExternal = receiver.number != members[links[index].ends[side]].number
        let piece = links[index].pipes[side].bytes.prefix(most)
        links[index].pipes[side].bytes.removeFirst(piece.count)
        links[index].pipes[side].framer.append(piece)
        var updates: [Update] = []
        while let message = try links[index].pipes[side].framer.nextMessage(in: DecodeContext(isExternal: isExternal)) {
            guard case .update(let update) = message else { continue }
            #expect(update.faults.isEmpty, "seed \(seed)")
            if let family = update.endOfRIB { links[index].pipes[side].ends.append(family) }
            updates.append(update)
        }
        receiver.speaker.receive(UpdateBatch(updates), from: links[index].ids[1 - side], at: .seconds(clock))
    }

    /// Whatever is under way arrives.
    func settle() throws {
        var rounds = 0
        repeat {
            rounds += 1
            try #require(rounds < 1000, "seed \(seed): it never becomes quiet")
            for index in links.indices {
                for side in 0...1 {
                    send(index, side, limit: 50)
                    try arrive(index, side, most: .max)
                }
            }
        } while !isQuiet
    }

    private var isQuiet: Bool {
        members.allSatisfy { !$0.speaker.hasChanges }
            && links.allSatisfy { link in
                !link.isUp
                    || (0...1).allSatisfy { side in
                        link.pipes[side].bytes.isEmpty
                            && !members[link.ends[side]].speaker.hasMessages(for: link.ids[side])
                    }
            }
    }

    func raiseAll() {
        for index in links.indices where !links[index].isUp { raise(index) }
    }
}

// MARK: - What must be true when all is quiet

extension VirtualNetwork {
    /// AS hops from each member to `origin` over links that are up, through ToRs and the reflector only.
    private func distances(to origin: Int) -> [Int?] {
        var distance = [Int?](repeating: nil, count: members.count)
        distance[origin] = 0
        // As often as there are members: nothing is longer than that (Bellman and Ford).
        for _ in members {
            for link in links where link.isUp {
                for side in 0...1 {
                    let (from, to) = (link.ends[side], link.ends[1 - side])
                    guard let known = distance[from], from == origin || members[from].isTransit else { continue }
                    let next = known + (members[from].number == members[to].number ? 0 : 1)
                    if next < distance[to] ?? .max { distance[to] = next }
                }
            }
        }
        return distance
    }

    func check() {
        for origin in members.indices {
            let distance = distances(to: origin)
            for prefix in members[origin].own {
                for member in members.indices { check(prefix, of: origin, at: member, distance) }
            }
        }
        checkNobodyElseIsInTransit()
        checkEndsOfRIB()
    }

    private func check(_ prefix: Prefix, of origin: Int, at member: Int, _ distance: [Int?]) {
        let views = members[member].speaker.paths(PathQuery(.usable, prefix: prefix))
        let best = views.filter { if case .best = $0.standing { true } else { false } }
        let where_: Comment = "seed \(seed): \(prefix) of \(origin) at \(member)"
        if member == origin {
            #expect(views.map(\.peer) == [.local], where_)
            return
        }
        #expect(best.first.map { Int($0.attributes.summary.asPathLength) } == distance[member], where_)
        #expect(best.count == (distance[member] == nil ? 0 : 1), where_)
        let sources = best + views.filter { if case .multipath = $0.standing { true } else { false } }
        let expected = links.flatMap { link in
            (0...1).compactMap { side -> PeerID? in
                let (from, to) = (link.ends[side], link.ends[1 - side])
                guard link.isUp, to == member, from == origin || members[from].isTransit, let known = distance[from],
                    known + (members[from].number == members[to].number ? 0 : 1) == distance[member]
                else { return nil }
                return link.ids[1 - side]
            }
        }
        // Between ToRs a neighbour may itself come through us; nodes and clients are at the edge and have all of them.
        if !members[member].isTransit { #expect(Set(sources.map(\.peer)) == Set(expected), where_) }
    }

    private func checkNobodyElseIsInTransit() {
        for member in members {
            for view in member.speaker.paths(PathQuery(.usable)) where view.peer != .local {
                let path = AttributeFields(view.attributes).asPath.segments.flatMap(\.numbers)
                let inside = path.dropLast().map(\.rawValue)
                #expect(inside.allSatisfy { $0 > 64700 }, "seed \(seed): \(path) at \(member.index)")
                #expect(!member.own.contains(view.prefix), "seed \(seed): own prefix at \(member.index)")
            }
        }
    }

    private func checkEndsOfRIB() {
        for link in links where link.isUp {
            for pipe in link.pipes {
                #expect(pipe.ends.sorted { $0.rawValue < $1.rawValue } == [.ipv4, .ipv6], "seed \(seed)")
            }
        }
        if links.allSatisfy(\.isUp) { #expect(members.allSatisfy { $0.speaker.isConverged }, "seed \(seed)") }
    }
}
