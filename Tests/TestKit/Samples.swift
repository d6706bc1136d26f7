import NetTypes

/// A generator whose numbers depend on the seed alone (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

/// A prefix that a test writes down; a wrong one is a mistake in the test.
package func cidr(_ text: String) -> Prefix {
    guard let prefix = Prefix(strict: text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

/// An address that a test writes down.
package func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

/// An AS number that a test writes down.
package func asn(_ number: UInt32) -> ASNumber { ASNumber(rawValue: number) }
