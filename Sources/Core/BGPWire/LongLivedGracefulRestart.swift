import NetTypes

/// The long-lived graceful restart capability (RFC 9494 section 3). Without the one of RFC 4724 it means nothing.
package struct LongLivedGracefulRestart: Sendable, Hashable {
    package struct Family: Sendable, Hashable {
        package var afi: UInt16
        package var safi: UInt8
        /// F bit: forwarding state was kept over the restart.
        package var forwardingPreserved: Bool
        /// Seconds, 0...16777215, that the speaker's stale routes may be kept after its restart time.
        package var staleTime: UInt32

        package init(afi: UInt16, safi: UInt8, forwardingPreserved: Bool, staleTime: UInt32) {
            self.afi = afi
            self.safi = safi
            self.forwardingPreserved = forwardingPreserved
            self.staleTime = staleTime
        }
    }

    /// The longest time that the field holds.
    package static let longestStaleTime: UInt32 = 0xff_ffff

    package var families: [Family]

    package init(families: [Family]) { self.families = families }

    /// What the capability says of a family.
    package func family(_ family: AddressFamily) -> Family? {
        families.first { $0.afi == family.afi && $0.safi == 1 }
    }

    init(_ value: inout ByteCursor, _ body: RawSpan) throws(ShortInput) {
        var families: [Family] = []
        while !value.isAtEnd {
            let afi = try value.integer(UInt16.self, body)
            let safi = try value.byte(body)
            // Flags in the first octet, then a time of three.
            let word = try value.integer(UInt32.self, body)
            families.append(
                Family(
                    afi: afi, safi: safi, forwardingPreserved: word >> 31 == 1,
                    staleTime: word & Self.longestStaleTime))
        }
        self.init(families: families)
    }

    func encode(into writer: inout ByteWriter) {
        for family in families.prefix(36) {
            writer.integer(family.afi)
            writer.byte(family.safi)
            let flags: UInt32 = family.forwardingPreserved ? 1 << 31 : 0
            writer.integer(flags | min(family.staleTime, Self.longestStaleTime))
        }
    }
}
