import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// The table of one connection alone, also where `Peer` never takes it.
@Suite struct ConnectionTests {
    private static let start = Instant(nanoseconds: 0)

    private static let events: [Connection.Event] = [
        .start, .connected(.test()), .connectFailed("refused"), .received(.open(.test())), .received(update),
        .received(.keepalive), .received(.notification(NotificationMessage(6, 4))),
        .received(.routeRefresh(RouteRefresh(afi: 1, safi: 1))), .malformed(NotificationMessage(1, 3)),
        .closed("reset"), .expired(.hold), .expired(.keepalive), .expired(.sendHold), .release,
        .stop(Failure(.administrative(nil))),
        .stop(Failure(.collision, "collision")),
    ]

    private func connection(in state: PeerState, _ direction: Direction) -> Connection {
        var connection = Connection(
            ConnectionID(rawValue: 1), direction, .test(), random: SplitMix(seed: 1))
        let path: [Connection.Event] = [
            .start, .connected(.test()), .received(.open(.test())), .release, .received(.keepalive),
        ]
        for event in path where connection.state < state { _ = connection.handle(event, at: Self.start) }
        return connection
    }

    @Test func `every event in every state leaves a state of the table, and the end comes last and once`() {
        for direction in [Direction.outgoing, .incoming] {
            for state in PeerState.allCases where state != (direction == .outgoing ? .active : .connect) {
                for event in Self.events {
                    var connection = connection(in: state, direction)
                    #expect(connection.state == state)
                    let effects = connection.handle(event, at: Self.start)
                    let ends = effects.indices.filter { if case .failed = effects[$0] { true } else { false } }
                    let closes = effects.count { if case .close = $0 { true } else { false } }
                    #expect(ends.isEmpty || ends == [effects.count - 1], "\(state), \(event)")
                    #expect(closes <= ends.count, "\(state), \(event)")
                    #expect(connection.state == .idle ? connection.timers.next == nil : ends.isEmpty)
                    #expect(state == .idle || (connection.state == .idle) == !ends.isEmpty, "\(state), \(event)")
                    #expect(connection.state >= state || connection.state == .idle, "\(state), \(event)")
                }
            }
        }
    }

    @Test func `a connection that has ended stays silent`() {
        for event in Self.events.dropFirst() {
            var connection = connection(in: .established, .incoming)
            _ = connection.handle(.closed("reset"), at: Self.start)
            #expect(connection.handle(event, at: Self.start).isEmpty)
            #expect(connection.state == .idle)
        }
    }

    @Test func `an OPEN is waited for four minutes`() {
        var connection = connection(in: .openSent, .incoming)
        #expect(connection.timers.next == Self.start + .seconds(240))
        let effects = connection.handle(.expired(.hold), at: Self.start + .seconds(240))
        guard case .send(.notification(let notification)) = effects.first else {
            Issue.record("no NOTIFICATION in \(effects)")
            return
        }
        #expect(notification == NotificationMessage(4, 0))
    }
}
