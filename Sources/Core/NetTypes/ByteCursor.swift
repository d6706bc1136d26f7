/// Input ended where more was promised.
@usableFromInline package struct ShortInput: Error, Hashable, Sendable {
    /// Octets that were asked for.
    package let need: Int
    /// Octets that were left.
    package let have: Int

    @usableFromInline package init(need: Int, have: Int) {
        self.need = need
        self.have = have
    }
}

/// A reading position in bytes that the caller passes along: every read is checked, so no input can trap.
///
/// It holds no reference to the bytes (a stored span needs features that Swift 6.3 does not have), which also makes a
/// bounded part of a message a plain value: `take(_:)` splits one off.
@usableFromInline package struct ByteCursor: Sendable, BitwiseCopyable {
    /// Where the next read starts.
    @usableFromInline package internal(set) var position: Int
    /// Where this part ends (exclusive).
    @usableFromInline package let end: Int

    /// A cursor over all of `bytes`.
    @inlinable package init(_ bytes: borrowing RawSpan) {
        position = 0
        end = bytes.byteCount
    }

    @usableFromInline init(position: Int, end: Int) {
        self.position = position
        self.end = end
    }

    @inlinable package var remaining: Int { end - position }

    @inlinable package var isAtEnd: Bool { position == end }

    @inlinable package var range: Range<Int> { position..<end }

    /// Splits off the next `count` octets as a cursor of their own.
    @inlinable package mutating func take(_ count: Int) throws(ShortInput) -> ByteCursor {
        guard count >= 0, count <= remaining else { throw ShortInput(need: count, have: remaining) }
        defer { position += count }
        return ByteCursor(position: position, end: position + count)
    }

    @inlinable @inline(__always)
    package mutating func byte(_ bytes: borrowing RawSpan) throws(ShortInput) -> UInt8 {
        guard position < end else { throw ShortInput(need: 1, have: 0) }
        defer { position += 1 }
        return bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
    }

    /// An unsigned number in network order.
    @inlinable @inline(__always)
    package mutating func integer<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: T.Type, _ bytes: borrowing RawSpan
    ) throws(ShortInput) -> T {
        let octets = MemoryLayout<T>.size
        guard octets <= remaining else { throw ShortInput(need: octets, have: remaining) }
        defer { position += octets }
        return T(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: position, as: T.self))
    }

    /// Copies the next `count` octets.
    package mutating func array(_ count: Int, _ bytes: borrowing RawSpan) throws(ShortInput) -> [UInt8] {
        let part = try take(count)
        return bytes.copy(part.range)
    }
}

extension RawSpan {
    /// A copy of the octets in `range`, which is cut to what there is.
    package func copy(_ range: Range<Int>) -> [UInt8] {
        let range = range.clamped(to: 0..<byteCount)
        return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            for index in range {
                buffer[index - range.lowerBound] = self.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            }
            count = range.count
        }
    }
}
