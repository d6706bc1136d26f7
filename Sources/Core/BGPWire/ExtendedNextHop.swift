import NetTypes

/// One family of the capability "extended next hop encoding" (RFC 8950 section 4): its prefixes may have next hops of
/// another family.
package struct ExtendedNextHop: Sendable, Hashable {
    /// Family of the prefixes.
    package var afi: UInt16
    /// Two octets here, unlike everywhere else.
    package var safi: UInt16
    /// Family of their next hops.
    package var nextHopAFI: UInt16

    package init(afi: UInt16, safi: UInt16, nextHopAFI: UInt16) {
        self.afi = afi
        self.safi = safi
        self.nextHopAFI = nextHopAFI
    }

    /// IPv4 unicast over IPv6: the one that we offer.
    package static let ipv4OverIPv6 = Self(afi: 1, safi: 1, nextHopAFI: 2)
}

extension ExtendedNextHop {
    /// Reads the capability's value: any number of families, six octets each.
    static func list(_ value: inout ByteCursor, _ body: RawSpan) throws(ShortInput) -> [Self] {
        var families: [Self] = []
        while !value.isAtEnd {
            let (afi, safi) = (try value.integer(UInt16.self, body), try value.integer(UInt16.self, body))
            families.append(Self(afi: afi, safi: safi, nextHopAFI: try value.integer(UInt16.self, body)))
        }
        return families
    }

    func encode(into writer: inout ByteWriter) {
        for number in [afi, safi, nextHopAFI] { writer.integer(number) }
    }
}

extension ExtendedNextHop: CustomStringConvertible {
    /// As `ipv4-unicast over ipv6`; numbers where there is no name.
    package var description: String {
        let family = UInt8(exactly: safi).map { FamilyText.name(afi, $0) } ?? "\(afi)/\(safi)"
        return "\(family) over \(AddressFamily(afi: nextHopAFI)?.description ?? String(nextHopAFI))"
    }
}
