/// An IPv6 address as an unsigned number in host order.
@usableFromInline package struct IPv6Address: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
    @usableFromInline package let rawValue: UInt128

    @inlinable package init(rawValue: UInt128) { self.rawValue = rawValue }

    @inlinable package static func == (a: Self, b: Self) -> Bool { a.rawValue == b.rawValue }

    package static let any = Self(rawValue: 0)

    /// fe80::/10 (RFC 4291 section 2.5.6).
    package var isLinkLocal: Bool { rawValue >> 118 == 0x3fa }

    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The eight 16-bit groups, first one first.
    package var groups: [UInt16] { (0..<8).map { UInt16(truncatingIfNeeded: rawValue >> (112 - 16 * UInt128($0))) } }
}

extension IPv6Address {
    package init?(_ text: Substring) { self.init(String(text)) }

    /// Reads the text forms of RFC 4291 section 2.2, with an embedded IPv4 address if there is one; no zone index.
    package init?(_ text: String) {
        var head: [UInt16] = []
        var tail: [UInt16] = []
        if let gap = Self.doubleColon(in: text) {
            guard let before = Self.groups(text[..<gap.lowerBound], last: false),
                let after = Self.groups(text[gap.upperBound...], last: true), before.count + after.count < 8
            else { return nil }
            (head, tail) = (before, after)
        } else {
            guard let all = Self.groups(text[...], last: true), all.count == 8 else { return nil }
            head = all
        }
        let groups = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
        rawValue = groups.reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static func doubleColon(in text: String) -> Range<String.Index>? {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ":", next < text.endIndex, text[next] == ":" { return index..<text.index(after: next) }
            index = next
        }
        return nil
    }

    private static func groups(_ text: Substring, last: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var result: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if last, index == parts.count - 1, part.contains(".") {
                guard let v4 = IPv4Address(part) else { return nil }
                result += [UInt16(v4.rawValue >> 16), UInt16(v4.rawValue & 0xffff)]
            } else {
                guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                result.append(group)
            }
        }
        return result.count <= 8 ? result : nil
    }
}

extension IPv6Address: CustomStringConvertible {
    /// RFC 5952: lower case, the longest run of two or more zero groups written as `::`.
    @usableFromInline package var description: String {
        let groups = self.groups
        var best = 0..<0
        var start: Int?
        for index in 0...8 {
            if index < 8, groups[index] == 0 {
                start = start ?? index
            } else if let first = start {
                if index - first > best.count { best = first..<index }
                start = nil
            }
        }
        func text(_ part: ArraySlice<UInt16>) -> String {
            var digits = DigitText(capacity: 39)
            for index in part.indices {
                if index > part.startIndex { digits.append(":") }
                digits.append(hex: UInt64(part[index]))
            }
            return digits.text
        }
        guard best.count > 1 else { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
