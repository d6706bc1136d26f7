/// The versions of the CNI specification that our plugins speak, oldest first.
package enum SpecVersion: String, CaseIterable, Comparable, Sendable {
    case v030 = "0.3.0"
    case v031 = "0.3.1"
    case v040 = "0.4.0"
    case v100 = "1.0.0"
    case v110 = "1.1.0"

    package static let newest = Self.v110

    private var rank: Int {
        switch self {
        case .v030: 0
        case .v031: 1
        case .v040: 2
        case .v100: 3
        case .v110: 4
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }

    /// The answer to VERSION.
    package static var answer: JSONValue {
        .object(
            of: ("cniVersion", .string(newest.rawValue)),
            ("supportedVersions", .array(allCases.map { .string($0.rawValue) })))
    }
}

/// The verbs of the specification.
package enum Command: String, CaseIterable, Sendable {
    case add = "ADD"
    case check = "CHECK"
    case del = "DEL"
    case version = "VERSION"
    case status = "STATUS"
    case gc = "GC"

    /// Environment variables that must not be empty, in the order in which they are reported.
    package var requires: [String] {
        switch self {
        case .add, .check: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"]
        case .del: ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"]
        case .status, .gc: ["CNI_PATH"]
        case .version: []
        }
    }

    /// The first version of the specification that has the verb.
    package var since: SpecVersion {
        switch self {
        case .add, .del, .version: .v030
        case .check: .v040
        case .status, .gc: .v110
        }
    }
}
