import NetTypes

/// Prefixes on the wire: a length in bits and as many octets as it needs (RFC 4271 section 4.3), and before each, where
/// add-path was negotiated, a path identifier of four octets (RFC 7911 section 3).
enum NLRI {
    /// How many prefixes the octets hold; nil when a length is too large for the family or the last prefix is cut off.
    static func count(_ cursor: ByteCursor, _ bytes: RawSpan, family: AddressFamily, pathIDs: Bool = false) -> Int? {
        var cursor = cursor
        var count = 0
        let widest = UInt8(family.bitWidth)
        while !cursor.isAtEnd {
            if pathIDs, (try? cursor.take(4)) == nil { return nil }
            guard let length = try? cursor.byte(bytes), length <= widest,
                (try? cursor.take((Int(length) + 7) / 8)) != nil
            else { return nil }
            count += 1
        }
        return count
    }

    /// Appends the prefixes of octets that `count` has approved; bits beyond a length are cleared.
    static func append(_ cursor: ByteCursor, _ bytes: RawSpan, family: AddressFamily, to prefixes: inout [Prefix]) {
        var cursor = cursor
        while let length = try? cursor.byte(bytes) {
            guard let part = try? cursor.take((Int(length) + 7) / 8) else { return }
            prefixes.append(prefix(length, part, bytes, family))
        }
    }

    /// The same with path identifiers: one for each prefix.
    static func append(
        _ cursor: ByteCursor, _ bytes: RawSpan, family: AddressFamily, to prefixes: inout [Prefix],
        pathIDs: inout [UInt32]
    ) {
        var cursor = cursor
        while let pathID = try? cursor.integer(UInt32.self, bytes), let length = try? cursor.byte(bytes) {
            guard let part = try? cursor.take((Int(length) + 7) / 8) else { return }
            prefixes.append(prefix(length, part, bytes, family))
            pathIDs.append(pathID)
        }
    }

    @inline(__always)
    private static func prefix(
        _ length: UInt8, _ part: ByteCursor, _ bytes: RawSpan, _ family: AddressFamily
    ) -> Prefix {
        // The whole loads read some of what follows; the prefix masks it.
        let end = bytes.byteCount
        var bits: UInt128 = 0
        if part.remaining <= 4, part.position <= end - 4 {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: part.position, as: UInt32.self)
            bits = UInt128(UInt32(bigEndian: word)) << 96
        } else if part.position <= end - 16 {
            bits = UInt128(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: part.position, as: UInt128.self))
        } else {
            for offset in part.range {
                bits = bits << 8 | UInt128(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
            }
            bits <<= UInt128(128 - 8 * part.remaining)
        }
        return Prefix(bits: bits, length: length, family: family)
    }
}

extension Prefix {
    /// Octets on the wire, the length included.
    var wireOctets: Int { 1 + (Int(length) + 7) / 8 }
}

extension [UInt8] {
    mutating func append(_ prefix: Prefix) {
        append(prefix.length)
        Swift.withUnsafeBytes(of: prefix.bits.bigEndian) { append(contentsOf: $0.prefix(prefix.wireOctets - 1)) }
    }

    mutating func append<T: FixedWidthInteger & UnsignedInteger>(integer value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Copies a part of `span`; `range` is cut to what there is.
    mutating func append(_ span: RawSpan, _ range: Range<Int>) {
        let range = range.clamped(to: 0..<span.byteCount)
        span.withUnsafeBytes { append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The head of an attribute: the extended length bit is set exactly when the length needs it.
    mutating func append(attribute code: UInt8, flags: UInt8, count: Int) {
        // Octet by octet: an array of three is a block of the heap, and this is done for every attribute of every path.
        let flags = flags & ~AttributeFlags.extendedLength
        append(count > 255 ? flags | AttributeFlags.extendedLength : flags)
        append(code)
        if count > 255 {
            append(integer: UInt16(truncatingIfNeeded: count))
        } else {
            append(UInt8(truncatingIfNeeded: count))
        }
    }
}
