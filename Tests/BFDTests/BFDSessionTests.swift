import NetTypes
import Testing

@testable import BFD

@Suite struct BFDSessionTests {
    private func up(
        _ left: BFDSettings = settings(50), _ right: BFDSettings = settings(50), keys: [PacketKey?] = [nil, nil]
    ) -> Pair {
        var pair = Pair(left, right, keys: keys)
        pair.run(.seconds(5))
        return pair
    }

    @Test func `two sides come up, and send by the slower wish of the two`() {
        var pair = up(settings(50), settings(80))
        #expect(pair.sessions.map(\.state) == [.up, .up])
        #expect(pair.changes.map(\.change.to).filter { $0 == .up }.count == 2)
        #expect(pair[.left].transmitInterval == .milliseconds(80))
        #expect(pair[.left].detectionTime == .milliseconds(240))
        let start = pair.now
        pair.run(.seconds(10))
        for side in Pair.Side.allCases {
            let times = pair.packets(of: side, after: start).map(\.at)
            let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
            #expect(gaps.allSatisfy { $0 >= .milliseconds(60) && $0 <= .milliseconds(80) })
            #expect(Set(gaps).count > 50, "jitter")
        }
        #expect(pair.sessions.map(\.state) == [.up, .up])
    }

    @Test func `until it is up nobody sends more than once a second`() {
        var pair = Pair(settings(10), settings(10))
        pair.isOpen = [false, false]
        pair.run(.seconds(20))
        for side in Pair.Side.allCases {
            let times = pair.packets(of: side, after: Instant(nanoseconds: -1)).map(\.at)
            #expect((20...28).contains(times.count))
            let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
            #expect(gaps.allSatisfy { $0 >= .milliseconds(750) && $0 <= .seconds(1) })
        }
        #expect(pair.sent.allSatisfy { $0.packet.desiredMinTx == 1_000_000 && $0.packet.state == .down })
    }

    @Test func `with a multiplier of one a tenth is always left`() {
        var pair = up(settings(50, 1), settings(50))
        let start = pair.now
        pair.run(.seconds(10))
        let times = pair.packets(of: .left, after: start).map(\.at)
        let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(gaps.allSatisfy { $0 >= .microseconds(37500) && $0 <= .milliseconds(45) })
        #expect(pair[.right].detectionTime == .milliseconds(50))
        #expect(pair.sessions.map(\.state) == [.up, .up])
    }

    @Test func `a silent peer is down after its multiplier times the interval, and is told so`() throws {
        var pair = up(settings(50), settings(50, 5))
        let start = pair.now
        pair.isOpen[Pair.Side.right.rawValue] = false
        pair.run(.milliseconds(400))
        let first = try #require(pair.changes.first { $0.at > start })
        #expect(first.side == .left && first.change.isFailure)
        #expect(first.change.event == .detectionTimeExpired)
        #expect(first.at - start <= .milliseconds(250) && first.at - start > .milliseconds(190))
        #expect(pair[.left].diagnostic == .detectionTimeExpired)
        // The other direction works: the peer hears it, and goes down as well.
        let second = try #require(pair.changes.first { $0.at > start && $0.side == .right })
        #expect(second.at == first.at && second.change.event == .peerDown && second.change.isFailure)
        #expect(second.change.peerDiagnostic == .detectionTimeExpired)
        #expect(pair[.left].peer == nil, "whoever speaks next may be another")
        pair.isOpen = [true, true]
        pair.run(.seconds(5))
        #expect(pair.sessions.map(\.state) == [.up, .up])
        #expect(pair[.left].counters.ups == 2 && pair[.left].counters.downs == 1)
    }

    @Test func `a peer that switches its session off has not failed`() throws {
        var pair = up()
        let start = pair.now
        pair.take(pair[.right].setEnabled(false, at: pair.now), .right)
        let change = try #require(pair.changes.last { $0.side == .left })
        #expect(change.change.from == .up && change.change.to == .down && !change.change.isFailure)
        pair.run(.seconds(5))
        #expect(pair.sessions.map(\.state) == [.down, .adminDown])
        #expect(pair.packets(of: .right, after: start).allSatisfy { $0.packet.state == .adminDown })
        #expect(pair[.right].diagnostic == .administrativelyDown)
        pair.take(pair[.right].setEnabled(true, at: pair.now), .right)
        pair.run(.seconds(5))
        #expect(pair.sessions.map(\.state) == [.up, .up])
    }

    @Test func `other intervals are asked for by a poll, and the session stays up`() {
        var pair = up()
        let start = pair.now
        pair[.left].change(settings(200, 4), key: nil, at: pair.now)
        #expect(pair[.left].transmitInterval == .milliseconds(50), "slower packets wait for the answer")
        #expect(pair[.left].detectionTime == .milliseconds(600), "more patience is allowed at once")
        pair.run(.seconds(2))
        let ours = pair.packets(of: .left, after: start).map(\.packet)
        #expect(ours.first?.poll == true && ours.first?.desiredMinTx == 200_000 && ours.first?.multiplier == 4)
        #expect(ours.last?.poll == false)
        #expect(pair.packets(of: .right, after: start).contains { $0.packet.final })
        #expect(!pair.sent.contains { $0.packet.poll && $0.packet.final })
        #expect(pair[.left].transmitInterval == .milliseconds(200))
        #expect(pair[.right].detectionTime == .milliseconds(800))
        pair[.left].change(settings(20), key: nil, at: pair.now)
        #expect(pair[.left].detectionTime == .milliseconds(600), "less patience waits for the answer")
        pair.run(.seconds(2))
        #expect(pair[.left].detectionTime == .milliseconds(150))
        #expect(pair.changes.allSatisfy { $0.at < start })
    }

    @Test func `a change during a poll is polled for again`() {
        var pair = up()
        pair.isOpen[Pair.Side.right.rawValue] = false
        pair[.left].change(settings(60), key: nil, at: pair.now)
        pair[.left].change(settings(70), key: nil, at: pair.now)
        pair.isOpen[Pair.Side.right.rawValue] = true
        let start = pair.now
        pair.run(.seconds(1))
        #expect(pair.packets(of: .left, after: start).filter(\.packet.poll).count >= 2)
        #expect(pair[.left].transmitInterval == .milliseconds(70))
        #expect(pair.sent.last { $0.side == .left }?.packet.poll == false)
    }

    @Test func `a passive side waits for the first word`() {
        var quiet = settings(50)
        quiet.isPassive = true
        var pair = Pair(quiet, quiet)
        pair.run(.seconds(5))
        #expect(pair.sent.isEmpty && pair[.left].nextDeadline == nil)
        var mixed = Pair(quiet, settings(50))
        mixed.run(.seconds(5))
        #expect(mixed.sessions.map(\.state) == [.up, .up])
        mixed.isOpen = [false, false]
        mixed.run(.seconds(5))
        let start = mixed.now
        mixed.run(.seconds(5))
        #expect(mixed.packets(of: .left, after: start).isEmpty)
    }

    @Test func `a peer in demand mode is left in peace but for polls`() throws {
        var session = BFDSession(settings(50), key: nil, discriminator: 11, seed: 1, at: Instant(nanoseconds: 0))
        var now = Instant(nanoseconds: 0)
        func receive(_ state: BFDState, demand: Bool, final: Bool = false) throws -> BFDSession.Reaction {
            var packet = ControlPacket(
                state: state, multiplier: 3, discriminator: 22, peerDiscriminator: 11, desiredMinTx: 50_000,
                requiredMinRx: 50_000)
            (packet.demand, packet.final) = (demand, final)
            var writer = ByteWriter()
            packet.encode(into: &writer)
            return try session.receive(packet, writer.bytes.span.bytes, hopLimit: 255, at: now)
        }
        _ = try receive(.initial, demand: false)
        #expect(session.state == .up)
        _ = try receive(.up, demand: true)
        // The poll of coming up is not answered yet: it goes on.
        var writer = ByteWriter()
        now = now + .milliseconds(60)
        #expect(session.tick(at: now).sends)
        let poll = session.nextPacket(isFinal: false, into: &writer, at: now)
        #expect(try ControlPacket.decode(poll.span.bytes).poll)
        _ = try receive(.up, demand: true, final: true)
        let quietUntil = now + .milliseconds(149)
        #expect(!session.tick(at: quietUntil).sends)
        var question = ControlPacket(
            state: .up, multiplier: 3, discriminator: 22, peerDiscriminator: 11, desiredMinTx: 50_000,
            requiredMinRx: 50_000)
        (question.demand, question.poll) = (true, true)
        writer.removeAll()
        question.encode(into: &writer)
        let answer = try session.receive(question, writer.bytes.span.bytes, hopLimit: 255, at: quietUntil)
        #expect(answer.sends && answer.isFinal)
    }

    @Test func `a peer that takes no packets gets none but what is new`() throws {
        var session = BFDSession(settings(50), key: nil, discriminator: 11, seed: 1, at: Instant(nanoseconds: 0))
        let packet = ControlPacket(
            state: .down, multiplier: 3, discriminator: 22, peerDiscriminator: 0, desiredMinTx: 50_000,
            requiredMinRx: 0)
        var writer = ByteWriter()
        packet.encode(into: &writer)
        let now = Instant(nanoseconds: 5)
        let reaction = try session.receive(packet, writer.bytes.span.bytes, hopLimit: 255, at: now)
        #expect(reaction.sends && reaction.change?.to == .initial)
        _ = session.nextPacket(isFinal: false, into: &writer, at: now)
        #expect(!session.tick(at: now + .milliseconds(149)).sends)
        // It is silent for its detection time: nobody knows any more what it takes.
        #expect(session.tick(at: now + .milliseconds(150)).change?.to == .down)
        #expect(session.nextDeadline != nil)
    }

    @Test func `what comes from further away than allowed is not heard`() {
        var pair = Pair(settings(50), settings(50))
        pair.hopLimit = 254
        pair.run(.seconds(5))
        #expect(pair.sessions.map(\.state) == [.down, .down])
        #expect(pair[.left].counters.discarded > 3 && pair[.left].counters.received == 0)
    }

    @Test func `the same seed and calls give the same packets`() {
        let runs = (0..<2).map { _ in
            var pair = up()
            pair.run(.seconds(3))
            return pair.sent.map(\.at)
        }
        #expect(runs[0] == runs[1])
    }
}
