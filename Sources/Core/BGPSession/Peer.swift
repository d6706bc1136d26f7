import BGPWire
import NetTypes

package struct Peer: Sendable {
    package let configuration: PeerConfiguration
    package var restartState = RestartState()

    package init(_ configuration: PeerConfiguration, seed: UInt64) { self.configuration = configuration }

    package mutating func start(at now: Instant) -> [PeerAction] { [] }
    package mutating func stop(_ notification: NotificationMessage?, at now: Instant) -> [PeerAction] { [] }
    package mutating func accepted(at now: Instant) -> (ConnectionID, [PeerAction]) { (ConnectionID(rawValue: 0), []) }
    package mutating func connected(_ id: ConnectionID, at now: Instant) -> [PeerAction] { [] }
    package mutating func connectFailed(_ id: ConnectionID, reason: String, at now: Instant) -> [PeerAction] { [] }
    package mutating func received(_ message: Message, on id: ConnectionID, at now: Instant) -> [PeerAction] { [] }
    package mutating func receivedUpdate(on id: ConnectionID, at now: Instant) -> Bool { false }
    package mutating func malformed(
        _ notification: NotificationMessage, on id: ConnectionID, at now: Instant
    ) -> [PeerAction] { [] }
    package mutating func closed(_ id: ConnectionID, reason: String, at now: Instant) -> [PeerAction] { [] }
    package mutating func tick(at now: Instant, unreadInput: Bool = false) -> [PeerAction] { [] }
    package mutating func requestRefresh(_ family: AddressFamily) -> [PeerAction] { [] }
    package mutating func countSentUpdates(_ count: Int) {}
    package func decodeContext(on id: ConnectionID) -> DecodeContext { DecodeContext() }
    package func status(at now: Instant) -> PeerStatus {
        PeerStatus(
            state: .idle, isStopped: true, received: MessageCounters(), sent: MessageCounters(), establishedCount: 0,
            flaps: 0)
    }
    package var nextDeadline: Instant? { nil }
}
