/// A prefix packed for a hash table of one family.
package protocol PrefixKey: BitwiseCopyable, Equatable, Sendable {
    /// The family of all keys of this type.
    static var family: AddressFamily { get }
    init(_ prefix: Prefix)
    var prefix: Prefix { get }
    /// A number of which every bit depends on the key and on `seed`, so that nobody can choose prefixes that collide.
    func hash(seed: UInt64) -> UInt64
}

/// Multiplies to 128 bits and folds: cheap, and mixes well enough for open addressing.
@inlinable @inline(__always)
package func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}

/// The multiplier of `fold`: the golden ratio as a 64-bit fraction, an odd number without structure.
@inlinable package var goldenRatio: UInt64 { 0x9e37_79b9_7f4a_7c15 }

/// Address and length in eight octets.
package struct IPv4Key: PrefixKey {
    /// The address in the upper bits, the length in the lowest eight.
    package let rawValue: UInt64

    package static var family: AddressFamily { .ipv4 }

    package init(_ prefix: Prefix) {
        rawValue = UInt64(truncatingIfNeeded: prefix.bits >> 96) << 8 | UInt64(prefix.length)
    }

    package var prefix: Prefix {
        Prefix(bits: UInt128(rawValue >> 8) << 96, length: UInt8(truncatingIfNeeded: rawValue), family: .ipv4)
    }

    @inline(__always)
    package func hash(seed: UInt64) -> UInt64 { fold(rawValue ^ seed, goldenRatio) }
}

/// Address and length in 24 octets.
package struct IPv6Key: PrefixKey {
    /// The first eight octets of the address.
    package let high: UInt64
    /// The last eight.
    package let low: UInt64
    /// 0...128.
    package let length: UInt8

    package static var family: AddressFamily { .ipv6 }

    package init(_ prefix: Prefix) {
        high = UInt64(truncatingIfNeeded: prefix.bits >> 64)
        low = UInt64(truncatingIfNeeded: prefix.bits)
        length = prefix.length
    }

    package var prefix: Prefix { Prefix(bits: UInt128(high) << 64 | UInt128(low), length: length, family: .ipv6) }

    @inline(__always)
    package func hash(seed: UInt64) -> UInt64 {
        fold(fold(high ^ seed, goldenRatio) ^ low, goldenRatio &+ UInt64(length) << 1)
    }
}
