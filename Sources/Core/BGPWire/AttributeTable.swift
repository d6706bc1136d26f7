import NetTypes

/// Type codes of path attributes.
enum AttributeCode {
    static let origin: UInt8 = 1
    static let asPath: UInt8 = 2
    static let nextHop: UInt8 = 3
    static let med: UInt8 = 4
    static let localPref: UInt8 = 5
    static let atomicAggregate: UInt8 = 6
    static let aggregator: UInt8 = 7
    static let communities: UInt8 = 8
    static let originatorID: UInt8 = 9
    static let clusterList: UInt8 = 10
    static let reach: UInt8 = 14
    static let unreach: UInt8 = 15
    static let extendedCommunities: UInt8 = 16
    static let as4Path: UInt8 = 17
    static let as4Aggregator: UInt8 = 18
    static let largeCommunities: UInt8 = 32
    static let onlyToCustomer: UInt8 = 35
}

/// The flag octet of an attribute (RFC 4271 section 4.3).
enum AttributeFlags {
    static let optional: UInt8 = 0x80
    static let transitive: UInt8 = 0x40
    static let partial: UInt8 = 0x20
    static let extendedLength: UInt8 = 0x10

    static let wellKnown = transitive
    static let optionalTransitive = optional | transitive
}

/// What Martlet knows of one attribute: one row of the table.
package struct AttributeRow: Sendable, BitwiseCopyable {
    /// When a value is well-formed.
    enum Shape: Sendable, BitwiseCopyable {
        /// One octet, 0...2.
        case origin
        /// Segments of known types, none empty, without AS 0 (RFC 7607).
        case asPath
        /// As `asPath`, always of four-octet numbers.
        case as4Path
        /// An AS number that is not 0, and a router id.
        case aggregator(wide: Bool)
        /// An IPv4 address that can be a next hop.
        case nextHop
        case octets(Int)
        /// A multiple, not empty.
        case multiple(Int)
        /// Read by `ReachAttribute` and `UnreachAttribute`.
        case multiprotocol
    }

    /// From whom it is taken; from others it is discarded, malformed or not.
    enum Acceptance: Sendable, BitwiseCopyable {
        case fromAll, fromInternal, fromTwoOctetAS, never
    }

    package let code: UInt8
    /// The name of its RFC.
    package let name: StaticString
    /// The optional and transitive bits it must have.
    let flags: UInt8
    /// What RFC 7606 does about a malformed value. Wrong flags are treated as withdraw (section 3 c).
    package let remedy: Remedy
    /// Subcode of UPDATE Message Error for a value that is malformed but not too short or too long.
    let subcode: UInt8
    let shape: Shape
    let acceptance: Acceptance

    fileprivate init(
        _ code: UInt8, _ name: StaticString, _ flags: UInt8, _ remedy: Remedy, _ shape: Shape, subcode: UInt8 = 9,
        _ acceptance: Acceptance = .fromAll
    ) {
        self.code = code
        self.name = name
        self.flags = flags
        self.remedy = remedy
        self.subcode = subcode
        self.shape = shape
        self.acceptance = acceptance
    }

    func isAccepted(in context: DecodeContext) -> Bool {
        switch acceptance {
        case .fromAll: true
        case .fromInternal: !context.isExternal
        case .fromTwoOctetAS: !context.fourOctetAS
        case .never: false
        }
    }
}

/// The attributes that are checked (RFC 7606 section 7, and the RFC of each). All others are passed on or dropped by
/// their flags.
package enum AttributeTable {
    private typealias Flags = AttributeFlags

    package static let rows: [AttributeRow] = [
        AttributeRow(1, "ORIGIN", Flags.wellKnown, .treatAsWithdraw, .origin, subcode: 6),
        AttributeRow(2, "AS_PATH", Flags.wellKnown, .treatAsWithdraw, .asPath, subcode: 11),
        AttributeRow(3, "NEXT_HOP", Flags.wellKnown, .treatAsWithdraw, .nextHop, subcode: 8),
        AttributeRow(4, "MULTI_EXIT_DISC", Flags.optional, .treatAsWithdraw, .octets(4)),
        AttributeRow(5, "LOCAL_PREF", Flags.wellKnown, .treatAsWithdraw, .octets(4), .fromInternal),
        AttributeRow(6, "ATOMIC_AGGREGATE", Flags.wellKnown, .attributeDiscard, .octets(0)),
        AttributeRow(7, "AGGREGATOR", Flags.optionalTransitive, .attributeDiscard, .aggregator(wide: false)),
        AttributeRow(8, "COMMUNITIES", Flags.optionalTransitive, .treatAsWithdraw, .multiple(4)),
        AttributeRow(9, "ORIGINATOR_ID", Flags.optional, .treatAsWithdraw, .octets(4), .fromInternal),
        AttributeRow(10, "CLUSTER_LIST", Flags.optional, .treatAsWithdraw, .multiple(4), .fromInternal),
        AttributeRow(14, "MP_REACH_NLRI", Flags.optional, .sessionReset, .multiprotocol),
        AttributeRow(15, "MP_UNREACH_NLRI", Flags.optional, .sessionReset, .multiprotocol),
        AttributeRow(16, "EXTENDED_COMMUNITIES", Flags.optionalTransitive, .treatAsWithdraw, .multiple(8)),
        AttributeRow(17, "AS4_PATH", Flags.optionalTransitive, .attributeDiscard, .as4Path, .fromTwoOctetAS),
        AttributeRow(
            18, "AS4_AGGREGATOR", Flags.optionalTransitive, .attributeDiscard, .aggregator(wide: true),
            .fromTwoOctetAS),
        AttributeRow(25, "IPV6_EXTENDED_COMMUNITIES", Flags.optionalTransitive, .treatAsWithdraw, .multiple(20)),
        AttributeRow(26, "AIGP", Flags.optional, .attributeDiscard, .multiple(1), .never),
        AttributeRow(32, "LARGE_COMMUNITIES", Flags.optionalTransitive, .treatAsWithdraw, .multiple(12)),
        AttributeRow(35, "ONLY_TO_CUSTOMER", Flags.optionalTransitive, .treatAsWithdraw, .octets(4)),
    ]

    /// Index of a code's row plus one; 0 for none.
    private static let index: [UInt8] = {
        var index = [UInt8](repeating: 0, count: 256)
        for (number, row) in rows.enumerated() { index[Int(row.code)] = UInt8(number + 1) }
        return index
    }()

    package static func row(_ code: UInt8) -> AttributeRow? {
        let number = Int(index[Int(code)])
        return number == 0 ? nil : rows[number - 1]
    }

    /// The attribute's name, or its number for one that has no row.
    package static func name(_ code: UInt8) -> String { row(code).map { "\($0.name)" } ?? "attribute \(code)" }
}

/// What is wrong with a value: the subcode of UPDATE Message Error, and words.
struct Flaw {
    static let lengthSubcode: UInt8 = 5

    var subcode: UInt8
    var reason: String

    static func length(_ found: Int, wanted: String) -> Self {
        Self(subcode: lengthSubcode, reason: "has \(found) octet\(found == 1 ? "" : "s"), needs \(wanted)")
    }
}

extension AttributeRow {
    /// Judges a value; nil when it is well-formed.
    func flaw(_ value: ByteCursor, _ bytes: RawSpan, in context: DecodeContext) -> Flaw? {
        let count = value.remaining
        switch shape {
        case .octets(let wanted): return count == wanted ? nil : .length(count, wanted: "\(wanted)")
        case .multiple(let unit):
            return count > 0 && count % unit == 0 ? nil : .length(count, wanted: "a multiple of \(unit), not 0")
        case .origin: return originFlaw(value, bytes)
        case .asPath:
            let width = context.fourOctetAS ? 4 : 2
            guard count > 0 || !context.isExternal else {
                return Flaw(subcode: subcode, reason: "is empty, but an external peer puts its own AS there")
            }
            return ASPath.flaw(value, bytes, width: width, allowsConfederation: !context.isExternal).map {
                Flaw(subcode: subcode, reason: $0)
            }
        case .as4Path:
            guard count > 0 else { return .length(count, wanted: "at least 6") }
            return ASPath.flaw(value, bytes, width: 4, allowsConfederation: true).map {
                Flaw(subcode: subcode, reason: $0)
            }
        case .aggregator(let wide): return aggregatorFlaw(value, bytes, wide: wide || context.fourOctetAS)
        case .nextHop: return nextHopFlaw(value, bytes)
        case .multiprotocol: return nil
        }
    }

    private func originFlaw(_ value: ByteCursor, _ bytes: RawSpan) -> Flaw? {
        var value = value
        guard value.remaining == 1, let origin = try? value.byte(bytes) else {
            return .length(value.remaining, wanted: "1")
        }
        return origin <= 2 ? nil : Flaw(subcode: subcode, reason: "is \(origin), needs 0, 1 or 2")
    }

    private func aggregatorFlaw(_ value: ByteCursor, _ bytes: RawSpan, wide: Bool) -> Flaw? {
        guard value.remaining == (wide ? 8 : 6) else { return .length(value.remaining, wanted: wide ? "8" : "6") }
        let aggregator = Aggregator(value, bytes, wide: wide)
        return aggregator?.asNumber.rawValue == 0 ? Flaw(subcode: subcode, reason: "names AS 0") : nil
    }

    private func nextHopFlaw(_ value: ByteCursor, _ bytes: RawSpan) -> Flaw? {
        var value = value
        guard value.remaining == 4, let raw = try? value.integer(UInt32.self, bytes) else {
            return .length(value.remaining, wanted: "4")
        }
        let address = IPAddress.v4(IPv4Address(rawValue: raw))
        return address.canBeNextHop ? nil : Flaw(subcode: subcode, reason: "is \(address), which is no host's address")
    }
}

extension IPAddress {
    /// False for addresses that no router can have: this network, loopback, multicast, class E.
    package var canBeNextHop: Bool {
        switch self {
        case .v4(let address):
            let first = address.rawValue >> 24
            return first != 0 && first != 127 && first < 224
        case .v6(let address):
            return address.rawValue > 1 && address.rawValue >> 120 != 0xff
        }
    }
}
