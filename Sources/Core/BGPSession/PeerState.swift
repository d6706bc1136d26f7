/// The states of RFC 4271 section 8.2.2, in the order of progress.
package enum PeerState: Int, Sendable, Hashable, CaseIterable, Comparable {
    case idle
    case active
    case connect
    case openSent
    case openConfirm
    case established

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension PeerState: CustomStringConvertible {
    package var description: String {
        switch self {
        case .idle: "Idle"
        case .active: "Active"
        case .connect: "Connect"
        case .openSent: "OpenSent"
        case .openConfirm: "OpenConfirm"
        case .established: "Established"
        }
    }
}
