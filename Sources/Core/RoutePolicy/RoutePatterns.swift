import BGPWire
import NetTypes

/// A prefix with the lengths of those inside it that are meant: `10.0.0.0/8 ge 24 le 28`.
package struct PrefixPattern: Sendable, Hashable {
    package let prefix: Prefix
    /// From the prefix's own length to 32 or 128.
    package let lengths: ClosedRange<UInt8>

    /// Why a text is no pattern.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Reads `PREFIX`, `PREFIX ge N`, `PREFIX le N` or `PREFIX ge N le N`. Without both it is this prefix only; `ge`
    /// alone reaches up to a host's length, `le` alone begins at the prefix's own.
    package init(_ text: String) throws(Problem) {
        let words = text.split(separator: " ")
        guard let first = words.first, let prefix = Prefix(strict: String(first)) else {
            throw Problem(description: "needs a prefix without host bits, such as 10.244.0.0/16 ge 24 le 28")
        }
        var bounds: [Substring: UInt8] = [:]
        var rest = words.dropFirst()
        while let key = rest.first {
            guard key == "ge" || key == "le", bounds[key] == nil, let number = rest.dropFirst().first,
                let length = UInt8(number), Int(length) <= prefix.family.bitWidth
            else { throw Problem(description: "needs ge N or le N after the prefix, N a length of its family") }
            bounds[key] = length
            rest = rest.dropFirst(2)
        }
        let least = bounds["ge"] ?? prefix.length
        let most = bounds["le"] ?? (bounds["ge"] == nil ? prefix.length : UInt8(prefix.family.bitWidth))
        guard least >= prefix.length, most >= least else {
            throw Problem(description: "needs \(prefix.length) <= ge <= le")
        }
        self.prefix = prefix
        lengths = least...most
    }

    package func matches(_ other: Prefix) -> Bool { lengths.contains(other.length) && prefix.contains(other) }

    /// Whether every prefix of its family matches.
    package var isEverything: Bool {
        prefix.isDefault && lengths.lowerBound == 0 && Int(lengths.upperBound) == prefix.family.bitWidth
    }
}

/// A community (RFC 1997) of which either half may be `*`.
package struct CommunityPattern: Sendable, Hashable {
    private let value: UInt32
    private let mask: UInt32

    /// Reads `65001:100`, `65001:*`, `*:100`, `*:*` or a well-known name.
    package init?(_ text: some StringProtocol) {
        if let community = Community(text) {
            (value, mask) = (community.rawValue, .max)
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let high = Self.half(parts[0]), let low = Self.half(parts[1]) else { return nil }
        value = UInt32(high.value) << 16 | UInt32(low.value)
        mask = UInt32(high.mask) << 16 | UInt32(low.mask)
    }

    private static func half(_ text: some StringProtocol) -> (value: UInt16, mask: UInt16)? {
        text == "*" ? (0, 0) : UInt16(text).map { ($0, .max) }
    }

    package func matches(_ community: UInt32) -> Bool { community & mask == value }
}

/// A large community (RFC 8092) of which any part may be `*`.
package struct LargeCommunityPattern: Sendable, Hashable {
    private let parts: [UInt32?]

    /// Reads `65001:1:2` with `*` for any part.
    package init?(_ text: some StringProtocol) {
        let texts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard texts.count == 3 else { return nil }
        var parts: [UInt32?] = []
        for text in texts {
            guard text == "*" || UInt32(text) != nil else { return nil }
            parts.append(UInt32(text))
        }
        self.parts = parts
    }

    package func matches(_ community: LargeCommunity) -> Bool {
        zip(parts, [community.global, community.local1, community.local2]).allSatisfy { $0 == nil || $0 == $1 }
    }
}
