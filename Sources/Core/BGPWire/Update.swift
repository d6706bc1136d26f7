import NetTypes

/// UPDATE (RFC 4271 section 4.3) as far as the RIB cares: both families alike, next hop inside the attributes,
/// errors already turned into withdrawals where RFC 7606 says so. `withdrawn` comes first: a prefix in both is
/// announced.
package struct Update: Sendable, Hashable {
    /// Withdrawn prefixes of both families, treat-as-withdraw included.
    package var withdrawn: [Prefix]
    /// The path identifier of each of `withdrawn`, 0 in a family without (RFC 7911); empty when all are 0.
    package var withdrawnIDs: [UInt32] = []
    /// At most two: the NLRI field with NEXT_HOP, and MP_REACH_NLRI.
    package var announced: [Announcement]
    /// Set when this is the End-of-RIB marker of that family (RFC 4724 section 2).
    package var endOfRIB: AddressFamily?
    /// What RFC 7606 made of malformed attributes: for logs and counters.
    package var faults: [AttributeFault]

    package init(
        withdrawn: [Prefix] = [], announced: [Announcement] = [], endOfRIB: AddressFamily? = nil,
        faults: [AttributeFault] = []
    ) {
        self.withdrawn = withdrawn
        self.announced = announced
        self.endOfRIB = endOfRIB
        self.faults = faults
    }
}

/// Prefixes of one family that share attributes.
package struct Announcement: Sendable, Hashable {
    package var attributes: PathAttributes
    package var prefixes: [Prefix]
    /// The path identifier of each prefix (RFC 7911); empty when the family has none.
    package var pathIDs: [UInt32] = []

    package init(attributes: PathAttributes, prefixes: [Prefix]) {
        self.attributes = attributes
        self.prefixes = prefixes
    }
}

/// What to do about a malformed attribute, weakest first (RFC 7606 section 2); the strongest of an UPDATE wins.
package enum Remedy: Int, Sendable, Hashable, Comparable, BitwiseCopyable {
    case attributeDiscard
    case treatAsWithdraw
    case sessionReset

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A malformed attribute and its consequence.
package struct AttributeFault: Sendable, Hashable {
    /// Type code of the attribute; 0 for the fields that hold prefixes.
    package var code: UInt8
    package var remedy: Remedy
    /// One sentence for people: what was found, then what was wanted.
    package var reason: String
    /// Subcode of the NOTIFICATION "UPDATE Message Error" that this would be; 0 when it is not an error of the peer.
    package var subcode: UInt8

    package init(code: UInt8, remedy: Remedy, reason: String, subcode: UInt8 = 0) {
        self.code = code
        self.remedy = remedy
        self.reason = reason
        self.subcode = subcode
    }
}
