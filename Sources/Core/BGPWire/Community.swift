import NetTypes

/// A community (RFC 1997).
package struct Community: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noExport = Self(rawValue: 0xffff_ff01)
    package static let noAdvertise = Self(rawValue: 0xffff_ff02)
    package static let noExportSubconfederation = Self(rawValue: 0xffff_ff03)
    package static let noPeer = Self(rawValue: 0xffff_ff04)
    package static let gracefulShutdown = Self(rawValue: 0xffff_0000)
    package static let blackhole = Self(rawValue: 0xffff_029a)
    /// Kept for long after its speaker went away, and the last resort (RFC 9494 section 3).
    package static let longLivedStale = Self(rawValue: 0xffff_0006)
    /// Not to be kept for long (RFC 9494 section 3).
    package static let noLongLived = Self(rawValue: 0xffff_0007)

    private static let names: [(Self, String)] = [
        (.noExport, "no-export"), (.noAdvertise, "no-advertise"),
        (.noExportSubconfederation, "no-export-subconfed"), (.noPeer, "no-peer"),
        (.gracefulShutdown, "graceful-shutdown"), (.blackhole, "blackhole"),
        (.longLivedStale, "llgr-stale"), (.noLongLived, "no-llgr"),
    ]

    /// Reads `65001:100` or a well-known name.
    package init?(_ text: some StringProtocol) {
        if let (community, _) = Self.names.first(where: { $0.1 == text }) {
            self = community
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let high = UInt16(parts[0]), let low = UInt16(parts[1]) else { return nil }
        rawValue = UInt32(high) << 16 | UInt32(low)
    }
}

extension Community: CustomStringConvertible {
    package var description: String {
        Self.names.first { $0.0 == self }?.1 ?? "\(rawValue >> 16):\(rawValue & 0xffff)"
    }
}

extension LargeCommunity: CustomStringConvertible {
    package var description: String { "\(global):\(local1):\(local2)" }

    /// Reads `1:2:3`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let global = UInt32(parts[0]), let local1 = UInt32(parts[1]),
            let local2 = UInt32(parts[2])
        else { return nil }
        self.init(global: global, local1: local1, local2: local2)
    }
}

/// An extended community (RFC 4360).
package struct ExtendedCommunity: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

extension ExtendedCommunity: CustomStringConvertible {
    /// Route target and route origin in the usual form, all others as a hexadecimal number.
    package var description: String {
        let type = rawValue >> 56 & 0xbf
        let kind = rawValue >> 48 & 0xff
        let name = kind == 2 ? "rt" : kind == 3 ? "soo" : nil
        let low = rawValue & 0xffff_ffff
        switch (type, name) {
        case (0, let name?): return "\(name):\(rawValue >> 32 & 0xffff):\(low)"
        case (1, let name?):
            let address = IPv4Address(rawValue: UInt32(truncatingIfNeeded: rawValue >> 16))
            return "\(name):\(address):\(rawValue & 0xffff)"
        case (2, let name?): return "\(name):\(rawValue >> 16 & 0xffff_ffff):\(rawValue & 0xffff)"
        default:
            let digits = String(rawValue, radix: 16)
            return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        }
    }
}

extension ASPath: CustomStringConvertible {
    /// `65001 64601 {1 2}`: sets in braces, confederation sequences in parentheses, confederation sets in brackets.
    package var description: String {
        segments.map { segment in
            let numbers = segment.numbers.map(\.description).joined(separator: " ")
            switch segment.kind {
            case SegmentKind.set: return "{\(numbers)}"
            case SegmentKind.confederationSequence: return "(\(numbers))"
            case SegmentKind.confederationSet: return "[\(numbers)]"
            default: return numbers
            }
        }.joined(separator: " ")
    }
}

extension ASPath {
    /// The path of one sequence; empty for no numbers.
    package init(sequence numbers: [ASNumber]) {
        self.init(numbers.isEmpty ? [] : [Segment(kind: SegmentKind.sequence, numbers: numbers)])
    }
}
