import Testing

@testable import BFD

/// All pairs of state and event (RFC 5880 sections 6.2, 6.8.4, 6.8.6 and 6.8.16), written down a second time.
@Suite struct BFDStateTests {
    /// By state, then in the order of `BFDEvent.allCases`: peer AdminDown, Down, Init, Up, time expired, disable,
    /// enable.
    private static let table: [BFDState: [BFDState?]] = [
        .adminDown: [nil, nil, nil, nil, nil, nil, .down],
        .down: [nil, .initial, .up, nil, nil, .adminDown, nil],
        .initial: [.down, nil, .up, .up, .down, .adminDown, nil],
        .up: [.down, .down, nil, nil, .down, .adminDown, nil],
    ]

    @Test(arguments: BFDState.allCases, BFDEvent.allCases)
    func `every event leads where the table says`(state: BFDState, event: BFDEvent) throws {
        let row = try #require(Self.table[state])
        let column = try #require(BFDEvent.allCases.firstIndex(of: event))
        #expect(state.next(event)?.state == row[column])
    }

    @Test(arguments: BFDState.allCases, BFDEvent.allCases)
    func `the diagnostic tells why a session is not Up`(state: BFDState, event: BFDEvent) {
        guard let (next, diagnostic) = state.next(event) else { return }
        let wanted: Diagnostic =
            switch (next, event) {
            case (.adminDown, _): .administrativelyDown
            case (.down, .detectionTimeExpired): .detectionTimeExpired
            case (.down, .peerDown), (.down, .peerAdminDown): .neighborSignaledDown
            default: .none
            }
        #expect(diagnostic == wanted)
    }

    @Test(arguments: BFDState.allCases, BFDEvent.allCases)
    func `only a path that was there and that nobody switched off is a failure`(state: BFDState, event: BFDEvent) {
        guard let (next, _) = state.next(event) else { return }
        let change = BFDChange(
            from: state, to: next, event: event, peerDiagnostic: .none, peerIsIndependent: false)
        #expect(change.isFailure == (state == .up && (event == .peerDown || event == .detectionTimeExpired)))
    }
}
