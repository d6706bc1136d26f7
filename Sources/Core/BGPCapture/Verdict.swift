import BGPWire
import NetTypes

/// What our speaker does with a message, and where that is written.
package struct Verdict: Sendable, Hashable {
    package enum Action: String, Sendable, Hashable, CaseIterable {
        case accepted
        /// Accepted without its malformed attributes (RFC 7606 section 2).
        case attributeDiscard = "attribute discard"
        /// Its prefixes are taken as withdrawn (RFC 7606 section 2).
        case treatAsWithdraw = "treat-as-withdraw"
        /// Without effect, and not an error.
        case ignored
        /// A NOTIFICATION is sent and the connection closed.
        case sessionReset = "session reset"
        /// The sender ended the session.
        case sessionEnds = "session ends"
        /// Not all octets are here.
        case incomplete
    }

    package var action: Action
    /// In words; may be empty.
    package var text: String
    /// As `RFC 7606 section 7.3`; the first one decides.
    package var sections: [String]
    /// What is sent with a session reset.
    package var notification: NotificationMessage?

    init(_ action: Action, _ text: String, _ sections: [String], notification: NotificationMessage? = nil) {
        (self.action, self.text, self.sections) = (action, text, sections)
        self.notification = notification
    }

    /// `treat-as-withdraw: ORIGIN has 2 octets, needs 1 (RFC 7606 section 7.1)`.
    package var line: String {
        var line = action.rawValue
        if !text.isEmpty { line += ": \(text)" }
        if !sections.isEmpty { line += " (\(sections.joined(separator: ", ")))" }
        return line
    }
}

extension Verdict {
    /// The answer to octets that no session goes on after.
    static func reset(_ notification: NotificationMessage, _ text: String? = nil) -> Self {
        let numbers = "NOTIFICATION \(notification.code)/\(notification.subcode) \(notification)"
        return Self(
            .sessionReset, text.map { "\(numbers): \($0)" } ?? numbers, [RFCSections.of(notification)],
            notification: notification)
    }

    /// A message that the state of the connection does not expect (RFC 6608).
    static func unexpected(_ type: UInt8, state: PassiveState) -> Self {
        let subcode: UInt8 =
            switch state {
            case .openSent: 1
            case .openConfirm: 2
            case .established, .unknown: 3
            }
        return reset(
            NotificationMessage(5, subcode, [type]), "\(WireText.messageName(type)) is not expected in \(state)")
    }

    static func update(_ update: Update) -> Self {
        guard let worst = update.faults.map(\.remedy).max() else { return accepted(update) }
        let faults = update.faults.sorted { $0.remedy > $1.remedy }
        var sections: [String] = []
        for section in faults.map(RFCSections.of) where !sections.contains(section) { sections.append(section) }
        let text = faults.map(\.reason).joined(separator: "; ")
        switch worst {
        case .attributeDiscard: return Self(.attributeDiscard, text, sections)
        case .treatAsWithdraw, .sessionReset: return Self(.treatAsWithdraw, text, sections)
        }
    }

    private static func accepted(_ update: Update) -> Self {
        if let family = update.endOfRIB {
            return Self(.accepted, "End-of-RIB of \(family)-unicast", ["RFC 4724 section 2"])
        }
        let announced = update.announced.reduce(0) { $0 + $1.prefixes.count }
        var words: [String] = []
        if announced > 0 { words.append("\(announced) announced") }
        if !update.withdrawn.isEmpty { words.append("\(update.withdrawn.count) withdrawn") }
        return Self(
            .accepted, words.isEmpty ? "no prefixes" : words.joined(separator: ", "), ["RFC 4271 section 4.3"])
    }

    static func notification(_ notification: NotificationMessage) -> Self {
        var sections = ["RFC 4271 section 4.5"]
        if let more = RFCSections.ofMeaning(notification) { sections.append(more) }
        return Self(
            .sessionEnds, "the sender closes it for \(notification.code)/\(notification.subcode) \(notification)",
            sections)
    }

    static func refresh(_ refresh: RouteRefresh, in context: DecodeContext) -> Self {
        guard refresh.safi == 1, let family = AddressFamily(afi: refresh.afi), context.families.contains(family) else {
            return Self(.ignored, "the family was not negotiated", ["RFC 2918 section 4"])
        }
        switch refresh.subtype {
        case RouteRefresh.request:
            return Self(.accepted, "all routes of \(family)-unicast are sent again", ["RFC 2918 section 4"])
        case RouteRefresh.begin, RouteRefresh.end:
            guard context.enhancedRouteRefresh else {
                return Self(.ignored, "enhanced route refresh was not negotiated", ["RFC 7313 section 5"])
            }
            return Self(
                .accepted, refresh.subtype == RouteRefresh.begin ? "a refresh begins" : "a refresh ends",
                ["RFC 7313 section 4"])
        default: return Self(.ignored, "the subtype is not known", ["RFC 7313 section 5"])
        }
    }
}

/// The receiver's state as far as the capture shows it.
enum PassiveState: Sendable, CustomStringConvertible {
    /// The begin of the connection is not in the capture: everything may come.
    case unknown
    case openSent
    case openConfirm
    case established

    var description: String {
        switch self {
        case .unknown: "unknown"
        case .openSent: "OpenSent"
        case .openConfirm: "OpenConfirm"
        case .established: "Established"
        }
    }

    /// Whether a message of this type resets the session by its coming alone (RFC 4271 section 8.2.2).
    func expects(_ type: UInt8) -> Bool {
        switch (self, type) {
        case (.unknown, _), (_, 3): true
        case (.openSent, _): type == 1
        case (.openConfirm, _): type == 4 || type == 2
        case (.established, _): type != 1
        }
    }

    /// What the state is after an accepted message.
    func after(_ type: UInt8) -> Self {
        switch (self, type) {
        case (_, 1): .openConfirm
        case (.openConfirm, 4), (.openConfirm, 2): .established
        case (.unknown, _), (.openSent, _), (.openConfirm, _), (.established, _): self
        }
    }
}
