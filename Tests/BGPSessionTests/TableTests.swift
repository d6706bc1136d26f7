import BGPWire
import NetTypes
import Testing

@testable import BGPSession

/// Every state meets every event.
@Suite struct TableTests {
    /// Connection #1 brought to a state, in a peer that is brought there by its own calls.
    static func rig(in state: PeerState) -> Rig {
        var rig = Rig(.test(passive: state == .active))
        guard state != .idle else { return rig }
        _ = rig.start()
        guard state >= .openSent else { return rig }
        _ = rig.connected(1)
        guard state >= .openConfirm else { return rig }
        _ = rig.received(.open(.test()), on: 1)
        guard state == .established else { return rig }
        _ = rig.received(.keepalive, on: 1)
        return rig
    }

    private static let messages: [(name: String, message: Message)] = [
        ("OPEN", .open(.test())), ("OPEN of another AS", .open(.test(autonomousSystem: 1))),
        ("OPEN without capabilities", .open(.test(capabilities: []))), ("UPDATE", update), ("KEEPALIVE", .keepalive),
        ("NOTIFICATION 6.2", .notification(NotificationMessage(6, 2))),
        ("NOTIFICATION 2.2", .notification(NotificationMessage(2, 2))),
        ("ROUTE-REFRESH", .routeRefresh(RouteRefresh(afi: 1, safi: 1))),
    ]

    struct Step: Sendable {
        let name: String
        let run: @Sendable (inout Rig) -> [String]

        init(_ name: String, _ run: @escaping @Sendable (inout Rig) -> [String]) {
            self.name = name
            self.run = run
        }

        static func silence(_ name: String, unreadInput: Bool) -> Self {
            Self(name) { rig in
                rig.wait(.seconds(1000))
                return rig.tick(unreadInput: unreadInput)
            }
        }
    }

    static let steps: [Step] =
        messages.map { entry in Step("received \(entry.name)") { $0.received(entry.message, on: 1) } } + [
            Step("start") { $0.start() }, Step("stop") { $0.stop(nil) },
            Step("stop with Cease") { $0.stop(NotificationMessage(6, 2)) }, Step("accepted") { $0.accepted() },
            Step("connected") { $0.connected(1) }, Step("connectFailed") { $0.refused(1) },
            Step("closed") { $0.closed(1) }, Step("malformed") { $0.malformed(NotificationMessage(1, 1), on: 1) },
            Step("tick") { $0.tick() }, Step("next deadline") { $0.next().1 },
            .silence("silence", unreadInput: false), .silence("unread input", unreadInput: true),
            Step("reset") { lines($0.peer.reset(.cease(.administrativeReset), at: $0.now)) },
            Step("link came up") { lines($0.peer.linkCameUp(at: $0.now)) },
            Step("event of an unknown connection") { $0.received(.keepalive, on: 99) },
        ]

    @Test func `each state is reached`() {
        for state in PeerState.allCases { #expect(Self.rig(in: state).status.state == state) }
    }

    @Test func `any three events in any state close a connection at most once and keep status and actions in step`() {
        for state in PeerState.allCases {
            for first in Self.steps {
                for second in Self.steps {
                    for third in Self.steps {
                        check(state, [first, second, third])
                    }
                }
            }
        }
    }

    private func check(_ state: PeerState, _ steps: [Step]) {
        var rig = Self.rig(in: state)
        var shown = state
        var up = state == .established ? 1 : 0
        var closed: Set<String> = []
        for step in steps {
            for line in step.run(&rig) {
                if line.hasPrefix("close ") {
                    #expect(closed.insert(line).inserted, "\(line) twice: \(state), \(steps.map(\.name))")
                }
                let isLate = line.hasPrefix("send ") && closed.contains("close " + line.split(separator: " ")[1])
                #expect(!isLate, "\(line) after close: \(state), \(steps.map(\.name))")
                if line.hasPrefix("established ") { up += 1 }
                if line.hasPrefix("down ") { up -= 1 }
                #expect((0...1).contains(up), "\(line): \(state), \(steps.map(\.name))")
                if line.hasPrefix("\(shown) -> ") {
                    shown = PeerState.allCases.first { line.hasSuffix("-> \($0)") } ?? shown
                }
            }
        }
        #expect(rig.status.state == shown, "\(state), \(steps.map(\.name))")
        #expect((rig.status.state == .established) == (up == 1), "\(state), \(steps.map(\.name))")
        #expect(rig.peer.connections.count <= 2)
        let listens = rig.status.state == .active && rig.peer.configuration.passive
        let lives = !rig.peer.connections.isEmpty || rig.peer.nextDeadline != nil
        #expect(lives || listens || rig.status.isStopped, "stuck: \(state), \(steps.map(\.name))")
    }

    @Test func `an unexpected message is answered with the code of the state and its type`() {
        let expected: [(PeerState, String, [Message])] = [
            (.openSent, "5.1", [update, .keepalive, .routeRefresh(RouteRefresh(afi: 1, safi: 1))]),
            (.openConfirm, "5.2", [.open(.test()), .routeRefresh(RouteRefresh(afi: 1, safi: 1))]),
            (.established, "5.3", [.open(.test())]),
        ]
        for (state, code, messages) in expected {
            for message in messages {
                var rig = Self.rig(in: state)
                let actions = rig.received(message, on: 1)
                #expect(actions.starts(with: ["send #1 \(code) 0\(message.type)", "close #1"]))
                #expect(rig.status.state == .idle)
            }
        }
    }

    @Test func `a NOTIFICATION ends the connection in every state and is never answered`() {
        for state in [PeerState.openSent, .openConfirm, .established] {
            for notification in [NotificationMessage(2, 2), NotificationMessage(6, 2), NotificationMessage(0, 0)] {
                var rig = Self.rig(in: state)
                let actions = rig.received(.notification(notification), on: 1)
                #expect(actions.first == "close #1")
                #expect(!actions.contains { $0.hasPrefix("send") })
                #expect(actions.contains("down notificationReceived") == (state == .established))
                #expect(rig.status.lastError?.notification == notification)
                #expect(rig.received(.notification(notification), on: 1) == [])
                #expect(rig.malformed(NotificationMessage(1, 1), on: 1) == [])
                #expect(rig.closed(1) == [])
            }
        }
    }

    @Test func `stop says Cease where an OPEN was sent, and only closes elsewhere`() {
        let cease = NotificationMessage(6, 2)
        let expected: [(PeerState, [String])] = [
            (.idle, []), (.active, ["Active -> Idle"]), (.connect, ["close #1", "Connect -> Idle"]),
            (.openSent, ["send #1 6.2", "close #1", "OpenSent -> Idle"]),
            (.openConfirm, ["send #1 6.2", "close #1", "OpenConfirm -> Idle"]),
            (.established, ["send #1 6.2", "close #1", "down administrative", "Established -> Idle"]),
        ]
        for (state, actions) in expected {
            var stopped = Self.rig(in: state)
            #expect(stopped.stop(cease) == actions)
            #expect(stopped.peer.nextDeadline == nil)
            #expect(stopped.status.isStopped)
            #expect(stopped.status.flaps == 0)
            stopped.wait(.seconds(1000))
            #expect(stopped.tick() == [])
            var silent = Self.rig(in: state)
            #expect(silent.stop(nil) == actions.filter { !$0.hasPrefix("send") })
        }
    }

    @Test func `a stopped peer rejects calls`() {
        var rig = Rig()
        #expect(rig.accepted() == ["send #1 6.5", "close #1"])
        rig.establish(on: 2)
        _ = rig.stop(nil)
        #expect(rig.accepted() == ["send #3 6.5", "close #3"])
    }

    @Test func `a restart of a stopped peer is a fresh beginning`() {
        for state in PeerState.allCases {
            var rig = Self.rig(in: state)
            _ = rig.stop(nil)
            #expect(rig.start().last == (state == .active ? "Idle -> Active" : "Idle -> Connect"))
            #expect(rig.start() == [])
        }
    }
}
