/// What one session is to be like.
package struct BFDSettings: Hashable, Sendable {
    /// Between packets that we would like to send while the session is Up, 10 ms...60 s.
    package var desiredMinTx: Duration
    /// Between packets that we can take, 10 ms...60 s.
    package var requiredMinRx: Duration
    /// How many packets may be lost before the peer finds us gone, 1...255.
    package var multiplier: UInt8
    /// Says nothing before the peer does (RFC 5880 section 6.1).
    package var isPassive = false
    /// Packets that come with less are thrown away (RFC 5881 section 5); 255 for a session over one hop.
    package var minimumHopLimit: UInt8 = 255

    package init(desiredMinTx: Duration, requiredMinRx: Duration, multiplier: UInt8) {
        self.desiredMinTx = desiredMinTx
        self.requiredMinRx = requiredMinRx
        self.multiplier = multiplier
    }

    /// While a session is not Up nobody sends more often than this (RFC 5880 section 6.8.3).
    package static let slowInterval = Duration.seconds(1)
    /// What an operator may ask for.
    package static let intervals = Duration.milliseconds(10)...Duration.seconds(60)
}

extension Duration {
    /// Whole microseconds, as packets have them.
    var microseconds: UInt32 { UInt32(clamping: nanoseconds / 1000) }

    static func microseconds(of value: UInt32) -> Duration { .microseconds(Int64(value)) }
}

/// Packets of a session, and its ups and downs.
package struct BFDCounters: Hashable, Sendable {
    package var received: UInt64 = 0
    package var sent: UInt64 = 0
    /// Those of the session that were thrown away: wrong digest or number, or from too far away.
    package var discarded: UInt64 = 0
    /// How often it came Up, and how often it left Up.
    package var ups: UInt64 = 0
    package var downs: UInt64 = 0

    package init() {}
}
