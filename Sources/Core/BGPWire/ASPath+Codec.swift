import NetTypes

/// Kinds of AS_PATH segments.
enum SegmentKind {
    static let set: UInt8 = 1
    static let sequence: UInt8 = 2
    static let confederationSequence: UInt8 = 3
    static let confederationSet: UInt8 = 4

    static func isConfederation(_ kind: UInt8) -> Bool { kind == confederationSequence || kind == confederationSet }

    /// What a segment adds to the path's length (RFC 4271 9.1.2.2 a, RFC 5065 section 5.3).
    static func hops(_ kind: UInt8, _ count: Int) -> Int { kind == sequence ? count : kind == set ? 1 : 0 }
}

/// Segments of an AS_PATH on the wire, one at a time.
struct SegmentWalk {
    private var cursor: ByteCursor
    private let width: Int

    init(_ cursor: ByteCursor, width: Int) {
        self.cursor = cursor
        self.width = width
    }

    /// The next segment; nil at the end; throws when it is cut off.
    mutating func next(_ bytes: RawSpan) throws(ShortInput) -> (kind: UInt8, numbers: ByteCursor)? {
        guard !cursor.isAtEnd else { return nil }
        let kind = try cursor.byte(bytes)
        let count = Int(try cursor.byte(bytes))
        return (kind, try cursor.take(count * width))
    }

    /// Whether a path of four-octet numbers has a segment that stays inside a confederation (RFC 5065).
    static func hasConfederation(_ value: ByteCursor, _ bytes: RawSpan) -> Bool {
        var walk = SegmentWalk(value, width: 4)
        while let (kind, _) = try? walk.next(bytes) {
            if SegmentKind.isConfederation(kind) { return true }
        }
        return false
    }
}

extension ByteCursor {
    /// Reads an AS number of 2 or 4 octets.
    mutating func asNumber(_ bytes: RawSpan, width: Int) throws(ShortInput) -> ASNumber {
        width == 4
            ? ASNumber(rawValue: try integer(UInt32.self, bytes))
            : ASNumber(rawValue: UInt32(try integer(UInt16.self, bytes)))
    }
}

extension ASPath {
    /// Octets that a received path may have with four-octet numbers: fifteen thousand hops, and the attribute still
    /// holds what is put in front of them on the way out.
    static let maximumOctets = 60_000

    /// What is malformed in an AS_PATH whose numbers have `width` octets (RFC 7606 section 7.2, RFC 7607).
    static func flaw(_ value: ByteCursor, _ bytes: RawSpan, width: Int, allowsConfederation: Bool) -> String? {
        var walk = SegmentWalk(value, width: width)
        guard value.remaining * 4 / width <= maximumOctets else { return "is too long to be passed on" }
        do {
            while let (kind, numbers) = try walk.next(bytes) {
                guard (SegmentKind.set...SegmentKind.confederationSet).contains(kind) else {
                    return "has a segment of unknown type \(kind)"
                }
                guard allowsConfederation || !SegmentKind.isConfederation(kind) else {
                    return "has a confederation segment, which an external peer may not send"
                }
                guard !numbers.isAtEnd else { return "has an empty segment" }
                var rest = numbers
                while !rest.isAtEnd {
                    guard try rest.asNumber(bytes, width: width).rawValue != 0 else { return "contains AS 0" }
                }
            }
            return nil
        } catch {
            return "has a segment that runs past its end"
        }
    }

    /// Reads segments up to the first one that is cut off.
    init(_ value: ByteCursor, _ bytes: RawSpan, width: Int) {
        var walk = SegmentWalk(value, width: width)
        segments = []
        while let (kind, numbers) = try? walk.next(bytes) {
            var rest = numbers
            var list: [ASNumber] = []
            list.reserveCapacity(rest.remaining / width)
            while let number = try? rest.asNumber(bytes, width: width) { list.append(number) }
            segments.append(Segment(kind: kind, numbers: list))
        }
    }

    /// The value of an AS_PATH whose numbers have `width` octets; what does not fit into two becomes AS_TRANS. Segments
    /// of more than 255 numbers are split.
    func encoded(width: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for segment in segments {
            var rest = segment.numbers[...]
            while !rest.isEmpty {
                let part = rest.prefix(255)
                rest = rest.dropFirst(part.count)
                bytes.append(contentsOf: [segment.kind, UInt8(part.count)])
                for number in part {
                    if width == 4 {
                        bytes.append(integer: number.rawValue)
                    } else {
                        bytes.append(integer: UInt16(exactly: number.rawValue) ?? UInt16(ASNumber.trans.rawValue))
                    }
                }
            }
        }
        return bytes
    }

    /// The length that paths are compared by.
    package var hops: Int { segments.reduce(0) { $0 + SegmentKind.hops($1.kind, $1.numbers.count) } }

    /// Whether a two-octet peer needs AS4_PATH to know all of it.
    var needsFourOctets: Bool { segments.contains { $0.numbers.contains { $0.rawValue > 0xffff } } }

    var withoutConfederations: ASPath { ASPath(segments.filter { !SegmentKind.isConfederation($0.kind) }) }

    /// The whole path, of which a two-octet peer sent `self` and the four-octet tail `as4` (RFC 6793 section 4.2.3).
    func merged(with as4: ASPath) -> ASPath {
        var lead = hops - as4.hops
        guard lead >= 0, !as4.segments.isEmpty else { return self }
        var result: [Segment] = []
        for segment in segments {
            let size = SegmentKind.hops(segment.kind, segment.numbers.count)
            if size == 0 {
                // Confederation segments stand in front and count nothing: they belong to the leading part.
                result.append(segment)
                continue
            }
            guard lead > 0 else { break }
            let kept = segment.kind == SegmentKind.sequence ? Array(segment.numbers.prefix(lead)) : segment.numbers
            result.append(Segment(kind: segment.kind, numbers: kept))
            lead -= min(size, lead)
        }
        for segment in as4.segments {
            if segment.kind == SegmentKind.sequence, result.last?.kind == SegmentKind.sequence,
                let last = result.popLast()
            {
                result.append(Segment(kind: SegmentKind.sequence, numbers: last.numbers + segment.numbers))
            } else {
                result.append(segment)
            }
        }
        return ASPath(result)
    }
}

extension Aggregator {
    init?(_ value: ByteCursor, _ bytes: RawSpan, wide: Bool) {
        var value = value
        guard let number = try? value.asNumber(bytes, width: wide ? 4 : 2),
            let router = try? value.integer(UInt32.self, bytes), value.isAtEnd
        else { return nil }
        self.init(asNumber: number, routerID: RouterID(rawValue: router))
    }

    func encoded(wide: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if wide {
            bytes.append(integer: asNumber.rawValue)
        } else {
            bytes.append(integer: UInt16(exactly: asNumber.rawValue) ?? UInt16(ASNumber.trans.rawValue))
        }
        bytes.append(integer: routerID.rawValue)
        return bytes
    }
}
