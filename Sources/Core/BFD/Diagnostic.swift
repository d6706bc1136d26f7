/// Why a session is not Up, as the five bits of a packet say it (RFC 5880 section 4.1). Values without a name are kept.
package struct Diagnostic: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue & 0x1f }

    package static let none = Self(rawValue: 0)
    package static let detectionTimeExpired = Self(rawValue: 1)
    package static let echoFailed = Self(rawValue: 2)
    package static let neighborSignaledDown = Self(rawValue: 3)
    package static let forwardingPlaneReset = Self(rawValue: 4)
    package static let pathDown = Self(rawValue: 5)
    package static let concatenatedPathDown = Self(rawValue: 6)
    package static let administrativelyDown = Self(rawValue: 7)
    package static let reverseConcatenatedPathDown = Self(rawValue: 8)
}

extension Diagnostic: CustomStringConvertible {
    package var description: String {
        switch self {
        case .none: "no diagnostic"
        case .detectionTimeExpired: "control detection time expired"
        case .echoFailed: "echo function failed"
        case .neighborSignaledDown: "neighbor signaled session down"
        case .forwardingPlaneReset: "forwarding plane reset"
        case .pathDown: "path down"
        case .concatenatedPathDown: "concatenated path down"
        case .administrativelyDown: "administratively down"
        case .reverseConcatenatedPathDown: "reverse concatenated path down"
        default: "diagnostic \(rawValue)"
        }
    }
}
