import BGPSession
import BGPWire

// What is worth keeping of a session, in words.
extension PeerLoop {
    /// Octets of a NOTIFICATION's data that are shown.
    private static var evidence: Int { 64 }

    func note(_ from: PeerState, _ to: PeerState, _ reason: String) {
        history.note(name, .state, "\(from) to \(to)" + (reason.isEmpty ? "" : ": \(reason)"))
    }

    func note(up families: String) { history.note(name, .up, "established with \(families)") }

    func note(down reason: DownReason) {
        history.note(name, .down, reason.text + (reason.keepsRoutes ? "; graceful restart" : ""))
    }

    func note(sent notification: NotificationMessage) {
        history.note(name, .notificationSent, Self.words(notification))
    }

    func note(received notification: NotificationMessage) {
        history.note(name, .notificationReceived, Self.words(notification))
    }

    /// What was wrong with an UPDATE, with the whole message.
    func note(_ fault: AttributeFault, in message: [UInt8]) {
        history.note(name, .fault, "attribute \(fault.code): \(fault.reason); \(fault.remedy)", message: message)
    }

    /// A message that ends the session.
    func note(malformed message: [UInt8], _ notification: NotificationMessage) {
        history.note(name, .fault, "a message that is answered with \(notification)", message: message)
    }

    private static func words(_ notification: NotificationMessage) -> String {
        let words = "NOTIFICATION \(notification.code).\(notification.subcode) (\(notification))"
        // The data of a fault in an UPDATE is the attribute that was at fault: the evidence.
        guard notification.code == 3, !notification.data.isEmpty else { return words }
        let octets = notification.data.prefix(evidence).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return words + ": " + octets.joined(separator: " ") + (notification.data.count > evidence ? " ..." : "")
    }
}
