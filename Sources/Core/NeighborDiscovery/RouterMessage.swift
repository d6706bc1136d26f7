import NetTypes

/// The two messages by which the routers of a link find each other (RFC 4861 section 4.1, 4.2), as far as we use them:
/// who has sent one. Everything else in an advertisement is for hosts.
package enum RouterMessage: Sendable, Hashable {
    /// "Who is a router here?" The sender's link-layer address, where it is told.
    case solicitation(MACAddress?)
    /// "I am a router."
    case advertisement(RouterAdvertisement)

    /// ICMPv6 types.
    package static let (solicitationType, advertisementType): (UInt8, UInt8) = (133, 134)

    /// Why a packet is not believed.
    package enum Flaw: Error, Sendable, Hashable {
        /// A router has forwarded it: the sender is not on the link.
        case hopLimit(Int)
        /// The source is no link-local address (an unspecified one may solicit).
        case source(IPv6Address)
        /// Another ICMPv6 type or code.
        case kind(type: UInt8, code: UInt8)
        /// Shorter than its fields, or an option without a length.
        case length
    }

    /// Whom solicitations are sent to: ff02::2, all routers of the link.
    package static let allRouters = IPv6Address(rawValue: 0xff02 << 112 | 2)
    /// Whom advertisements are sent to: ff02::1, all nodes of the link.
    package static let allNodes = IPv6Address(rawValue: 0xff02 << 112 | 1)
}

/// A router advertisement.
package struct RouterAdvertisement: Sendable, Hashable {
    /// Seconds for which hosts may use the sender as default gateway; 0: not at all. What we send has 0.
    package var lifetime: UInt16
    /// The sender's link-layer address, where it is told.
    package var linkAddress: MACAddress?

    package init(lifetime: UInt16 = 0, linkAddress: MACAddress? = nil) {
        self.lifetime = lifetime
        self.linkAddress = linkAddress
    }
}

// MARK: - Octets

extension RouterMessage {
    private static let linkAddressOption: UInt8 = 1

    /// Reads an ICMPv6 message whose checksum the kernel has verified, by the rules of RFC 4861 sections 6.1.1 and
    /// 6.1.2.
    package static func decode(_ bytes: RawSpan, from source: IPv6Address, hopLimit: Int) throws(Flaw) -> Self {
        guard hopLimit == 255 else { throw .hopLimit(hopLimit) }
        var cursor = ByteCursor(bytes)
        guard let type = try? cursor.byte(bytes), let code = try? cursor.byte(bytes) else { throw .length }
        guard code == 0, type == solicitationType || type == advertisementType else {
            throw .kind(type: type, code: code)
        }
        let maySolicit = type == solicitationType && source == .any
        guard source.isLinkLocal || maySolicit else { throw .source(source) }
        do throws(ShortInput) {
            // The checksum, and the fields before the options: four octets, or twelve with the lifetime in them.
            _ = try cursor.take(2)
            guard type == advertisementType else {
                _ = try cursor.take(4)
                return .solicitation(try linkAddress(&cursor, bytes))
            }
            _ = try cursor.take(2)
            let lifetime = try cursor.integer(UInt16.self, bytes)
            _ = try cursor.take(8)
            let address = try linkAddress(&cursor, bytes)
            return .advertisement(RouterAdvertisement(lifetime: lifetime, linkAddress: address))
        } catch {
            throw .length
        }
    }

    /// Walks through all options (RFC 4861 section 4.6): one without a length makes the whole message void.
    private static func linkAddress(_ cursor: inout ByteCursor, _ bytes: RawSpan) throws(ShortInput) -> MACAddress? {
        var found: MACAddress?
        while !cursor.isAtEnd {
            let type = try cursor.byte(bytes)
            let length = Int(try cursor.byte(bytes)) * 8
            guard length > 0 else { throw ShortInput(need: 8, have: 0) }
            let value = try cursor.take(length - 2)
            if type == linkAddressOption, length == 8 { found = MACAddress(bytes: bytes.copy(value.range)) }
        }
        return found
    }

    /// The ICMPv6 message; the kernel fills in the checksum.
    package var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 24)
        let address: MACAddress?
        switch self {
        case .solicitation(let own):
            writer.append([Self.solicitationType, 0, 0, 0])
            writer.integer(UInt32(0))
            address = own
        case .advertisement(let advertisement):
            // No hop limit, no flags, no times: nothing that a host would take over.
            writer.append([Self.advertisementType, 0, 0, 0, 0, 0])
            writer.integer(advertisement.lifetime)
            writer.integer(UInt64(0))
            address = advertisement.linkAddress
        }
        if let address {
            writer.append([Self.linkAddressOption, 1])
            writer.append(address.bytes)
        }
        return writer.bytes
    }
}

extension RouterMessage.Flaw: CustomStringConvertible {
    /// For the log: what was found, and what was wanted.
    package var description: String {
        switch self {
        case .hopLimit(let found): "hop limit \(found), needs 255"
        case .source(let address): "source \(address), needs a link-local address"
        case .kind(let type, let code): "ICMPv6 type \(type) code \(code)"
        case .length: "it is cut off, or has an option without a length"
        }
    }
}
