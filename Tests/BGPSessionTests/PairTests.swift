import Testing

@testable import BGPSession

/// What each event does in each state (RFC 4271 section 8.2.2), one line for each pair; `-`: nothing. Connection 1 is
/// the one that brought the peer to the state, 2 is another call.
@Suite struct `Every event in every state` {
    @Test func `does what the table says`() {
        var found: [String] = []
        for state in PeerState.allCases {
            found.append("\(state)")
            for step in TableTests.steps {
                var rig = TableTests.rig(in: state)
                let actions = step.run(&rig)
                found.append("    \(step.name): \(actions.isEmpty ? "-" : actions.joined(separator: ", "))")
            }
        }
        let wanted = Self.table.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(found.count == wanted.count)
        var state = ""
        for (line, other) in zip(found, wanted) {
            if !line.hasPrefix(" ") { state = line }
            #expect(line == other, "\(state)")
        }
    }

    private static let table = """
        Idle
            received OPEN: -
            received OPEN of another AS: -
            received OPEN without capabilities: -
            received UPDATE: -
            received KEEPALIVE: -
            received NOTIFICATION 6.2: -
            received NOTIFICATION 2.2: -
            received ROUTE-REFRESH: -
            start: connect #1, Idle -> Connect
            stop: -
            stop with Cease: -
            accepted: send #1 6.5, close #1
            connected: -
            connectFailed: -
            closed: -
            malformed: -
            tick: -
            next deadline: -
            silence: -
            unread input: -
            reset: -
            link came up: -
            event of an unknown connection: -
        Active
            received OPEN: -
            received OPEN of another AS: -
            received OPEN without capabilities: -
            received UPDATE: -
            received KEEPALIVE: -
            received NOTIFICATION 6.2: -
            received NOTIFICATION 2.2: -
            received ROUTE-REFRESH: -
            start: -
            stop: Active -> Idle
            stop with Cease: Active -> Idle
            accepted: send #1 OPEN, Active -> OpenSent
            connected: -
            connectFailed: -
            closed: -
            malformed: -
            tick: -
            next deadline: -
            silence: -
            unread input: -
            reset: -
            link came up: -
            event of an unknown connection: -
        Connect
            received OPEN: close #1, Connect -> Active
            received OPEN of another AS: close #1, Connect -> Active
            received OPEN without capabilities: close #1, Connect -> Active
            received UPDATE: close #1, Connect -> Active
            received KEEPALIVE: close #1, Connect -> Active
            received NOTIFICATION 6.2: close #1, Connect -> Active
            received NOTIFICATION 2.2: close #1, Connect -> Active
            received ROUTE-REFRESH: close #1, Connect -> Active
            start: -
            stop: close #1, Connect -> Idle
            stop with Cease: close #1, Connect -> Idle
            accepted: send #2 OPEN, Connect -> OpenSent
            connected: send #1 OPEN, Connect -> OpenSent
            connectFailed: Connect -> Active
            closed: Connect -> Active
            malformed: close #1, Connect -> Active
            tick: -
            next deadline: close #1, connect #2
            silence: close #1, connect #2
            unread input: close #1, connect #2
            reset: close #1, Connect -> Active
            link came up: close #1, connect #2
            event of an unknown connection: -
        OpenSent
            received OPEN: send #1 KEEPALIVE, OpenSent -> OpenConfirm
            received OPEN of another AS: send #1 2.2 00000001, close #1, OpenSent -> Idle
            received OPEN without capabilities: send #1 KEEPALIVE, OpenSent -> OpenConfirm
            received UPDATE: send #1 5.1 02, close #1, OpenSent -> Idle
            received KEEPALIVE: send #1 5.1 04, close #1, OpenSent -> Idle
            received NOTIFICATION 6.2: close #1, OpenSent -> Active
            received NOTIFICATION 2.2: close #1, OpenSent -> Idle
            received ROUTE-REFRESH: send #1 5.1 05, close #1, OpenSent -> Idle
            start: -
            stop: close #1, OpenSent -> Idle
            stop with Cease: send #1 6.2, close #1, OpenSent -> Idle
            accepted: send #2 OPEN
            connected: -
            connectFailed: OpenSent -> Active
            closed: OpenSent -> Active
            malformed: send #1 1.1, close #1, OpenSent -> Idle
            tick: -
            next deadline: -
            silence: send #1 4.0, close #1, OpenSent -> Active
            unread input: -
            reset: send #1 6.4, close #1, OpenSent -> Active
            link came up: -
            event of an unknown connection: -
        OpenConfirm
            received OPEN: send #1 5.2 01, close #1, OpenConfirm -> Idle
            received OPEN of another AS: send #1 5.2 01, close #1, OpenConfirm -> Idle
            received OPEN without capabilities: send #1 5.2 01, close #1, OpenConfirm -> Idle
            received UPDATE: established #1, deliver #1, OpenConfirm -> Established
            received KEEPALIVE: established #1, OpenConfirm -> Established
            received NOTIFICATION 6.2: close #1, OpenConfirm -> Active
            received NOTIFICATION 2.2: close #1, OpenConfirm -> Idle
            received ROUTE-REFRESH: send #1 5.2 05, close #1, OpenConfirm -> Idle
            start: -
            stop: close #1, OpenConfirm -> Idle
            stop with Cease: send #1 6.2, close #1, OpenConfirm -> Idle
            accepted: send #2 OPEN
            connected: -
            connectFailed: OpenConfirm -> Active
            closed: OpenConfirm -> Active
            malformed: send #1 1.1, close #1, OpenConfirm -> Idle
            tick: -
            next deadline: -
            silence: send #1 KEEPALIVE, send #1 4.0, close #1, OpenConfirm -> Active
            unread input: send #1 KEEPALIVE
            reset: send #1 6.4, close #1, OpenConfirm -> Active
            link came up: -
            event of an unknown connection: -
        Established
            received OPEN: send #1 5.3 01, close #1, down notificationSent, Established -> Idle
            received OPEN of another AS: send #1 5.3 01, close #1, down notificationSent, Established -> Idle
            received OPEN without capabilities: send #1 5.3 01, close #1, down notificationSent, Established -> Idle
            received UPDATE: deliver #1
            received KEEPALIVE: -
            received NOTIFICATION 6.2: close #1, down notificationReceived, Established -> Active
            received NOTIFICATION 2.2: close #1, down notificationReceived, Established -> Idle
            received ROUTE-REFRESH: refresh ipv4
            start: -
            stop: close #1, down administrative, Established -> Idle
            stop with Cease: send #1 6.2, close #1, down administrative, Established -> Idle
            accepted: send #2 6.7, close #2
            connected: -
            connectFailed: down tcpClosed, Established -> Active
            closed: down tcpClosed, Established -> Active
            malformed: send #1 1.1, close #1, down notificationSent, Established -> Idle
            tick: -
            next deadline: send #1 KEEPALIVE
            silence: send #1 KEEPALIVE, send #1 4.0, close #1, down holdTimerExpired, Established -> Active
            unread input: send #1 KEEPALIVE
            reset: send #1 6.4, close #1, down administrative, Established -> Active
            link came up: -
            event of an unknown connection: -
        """
}
