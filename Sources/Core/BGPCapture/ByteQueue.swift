import NetTypes

/// Octets of a file that arrive in pieces and are taken from the front; every look is checked.
struct ByteQueue: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0
    /// Place in the file of the first octet that was not taken.
    private(set) var offset = 0

    /// Octets that are here and not yet taken.
    var count: Int { buffer.count - start }

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        if start > buffer.count / 2 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The octet at `place`, counted from the front; nil when it is not here.
    func byte(at place: Int) -> UInt8? {
        guard place >= 0, place < count else { return nil }
        return buffer[start + place]
    }

    /// An unsigned number of `octets` octets; nil when they are not all here.
    func number(at place: Int, octets: Int, bigEndian: Bool) -> UInt64? {
        guard place >= 0, octets <= 8, place <= count - octets else { return nil }
        let bytes = buffer[(start + place)..<(start + place + octets)]
        return bigEndian
            ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func u16(at place: Int, bigEndian: Bool = true) -> Int? {
        number(at: place, octets: 2, bigEndian: bigEndian).map { Int($0) }
    }

    func u32(at place: Int, bigEndian: Bool = true) -> Int? {
        number(at: place, octets: 4, bigEndian: bigEndian).map { Int($0) }
    }

    /// A copy of `count` octets from `place` on, fewer where there are fewer.
    func copy(from place: Int, count wanted: Int) -> [UInt8] {
        let from = min(max(0, place), count)
        return Array(buffer[(start + from)..<(start + from + min(max(0, wanted), count - from))])
    }

    /// Takes octets from the front, at most all.
    mutating func drop(_ wanted: Int) {
        let taken = min(max(0, wanted), count)
        start += taken
        offset += taken
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        }
    }
}

/// A look at the octets of one packet or record: every read is checked, none takes anything away.
struct ByteView {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var count: Int { bytes.count }

    func byte(_ place: Int) -> UInt8? {
        place >= 0 && place < bytes.count ? bytes[bytes.startIndex + place] : nil
    }

    func u16(_ place: Int) -> Int? {
        guard let high = byte(place), let low = byte(place + 1) else { return nil }
        return Int(high) << 8 | Int(low)
    }

    func u32(_ place: Int) -> UInt32? {
        guard let high = u16(place), let low = u16(place + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    /// `count` octets from `place` on; nil when there are fewer.
    func slice(_ place: Int, _ wanted: Int) -> ArraySlice<UInt8>? {
        guard place >= 0, wanted >= 0, place <= bytes.count, wanted <= bytes.count - place else { return nil }
        return bytes[(bytes.startIndex + place)..<(bytes.startIndex + place + wanted)]
    }

    /// What follows `place`; empty behind the end.
    func rest(_ place: Int) -> ArraySlice<UInt8> { bytes.dropFirst(max(0, place)) }

    func address(_ place: Int, _ family: AddressFamily) -> IPAddress? {
        slice(place, family.octets).flatMap { IPAddress(bytes: $0) }
    }
}
