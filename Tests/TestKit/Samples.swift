import NetTypes

/// A generator whose numbers depend on the seed alone.
package typealias SeededGenerator = SplitMix

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
