import NetTypes

extension Update {
    /// Appends the UPDATE as whole messages: one if it can be said in one, else what `UpdatePacker` makes of it.
    /// Prefixes that do not fit at all are left out, and `faults` are not sent. For tests and tools; speakers use
    /// `UpdatePacker`.
    func encode(into writer: inout ByteWriter, in context: DecodeContext) {
        if let message = single(in: context), message.count <= context.maximumLength {
            writer.append(message)
            return
        }
        var packer = UpdatePacker(maximumLength: context.maximumLength, fourOctetAS: context.fourOctetAS)
        for family in AddressFamily.allCases {
            let (prefixes, pathIDs) = withdrawn(family, in: context)
            packer.withdraw(prefixes, pathIDs: pathIDs)
        }
        for announcement in announced {
            guard let family = announcement.prefixes.first?.family else { continue }
            let pathIDs = announcement.identifiers(in: context)
            let packed = packer.pack(announcement.attributes, family: family, pathIDs: !pathIDs.isEmpty)
            if let packed { packer.announce(announcement.prefixes, pathIDs: pathIDs, with: packed) }
        }
        if let endOfRIB { packer.endOfRIB(endOfRIB) }
        writer.append(packer.take())
    }

    /// The one message that says it all; nil if there is none. Sent MP attributes come first, MP_UNREACH_NLRI after
    /// MP_REACH_NLRI.
    private func single(in context: DecodeContext) -> [UInt8]? {
        let ipv4 = Self.octets(withdrawn(.ipv4, in: context))
        let ipv6 = Self.octets(withdrawn(.ipv6, in: context))
        guard endOfRIB == nil, announced.count <= 2 else { return nil }
        var (attributes, field, nlri): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        for announcement in announced {
            guard let family = announcement.prefixes.first?.family,
                let wire = WireAttributes(announcement.attributes, family: family, fourOctetAS: context.fourOctetAS)
            else { return nil }
            if wire.reach.isEmpty {
                guard nlri.isEmpty else { return nil }
                nlri = Self.octets((announcement.prefixes, announcement.identifiers(in: context)))
                attributes = wire.bytes
            } else {
                guard field.isEmpty else { return nil }
                let value =
                    wire.reach + Self.octets((announcement.prefixes, announcement.identifiers(in: context)))
                field.append(attribute: AttributeCode.reach, flags: AttributeFlags.optional, count: value.count)
                field.append(contentsOf: value)
                if attributes.isEmpty { attributes = wire.bytes }
            }
        }
        guard announced.count < 2 || announced[0].attributes.bytes == announced[1].attributes.bytes,
            announced.count < 2 || !(nlri.isEmpty || field.isEmpty)
        else { return nil }
        if !ipv6.isEmpty {
            let value: [UInt8] = [0, 2, 1] + ipv6
            field.append(attribute: AttributeCode.unreach, flags: AttributeFlags.optional, count: value.count)
            field.append(contentsOf: value)
        }
        return Self.assemble(withdrawn: ipv4, attributes: field + attributes, nlri: nlri)
    }

    /// The withdrawn prefixes of a family, with their path identifiers where it has these.
    private func withdrawn(_ family: AddressFamily, in context: DecodeContext) -> ([Prefix], [UInt32]) {
        let places = withdrawn.indices.filter { withdrawn[$0].family == family }
        let prefixes = places.map { withdrawn[$0] }
        guard context.pathIDs.contains(family) else { return (prefixes, []) }
        return (prefixes, places.map { withdrawnIDs.indices.contains($0) ? withdrawnIDs[$0] : 0 })
    }

    private static func octets(_ list: (prefixes: [Prefix], pathIDs: [UInt32])) -> [UInt8] {
        var octets: [UInt8] = []
        for (index, prefix) in list.prefixes.enumerated() {
            if !list.pathIDs.isEmpty { octets.append(integer: list.pathIDs[index]) }
            octets.append(prefix)
        }
        return octets
    }

    private static func assemble(withdrawn: [UInt8], attributes: [UInt8], nlri: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.message(MessageType.update) { writer in
            writer.integer(UInt16(truncatingIfNeeded: withdrawn.count))
            writer.append(withdrawn)
            writer.integer(UInt16(truncatingIfNeeded: attributes.count))
            writer.append(attributes)
            writer.append(nlri)
        }
        return writer.bytes
    }
}

extension Announcement {
    /// A path identifier for each prefix, where the family has these.
    fileprivate func identifiers(in context: DecodeContext) -> [UInt32] {
        guard let family = prefixes.first?.family, context.pathIDs.contains(family) else { return [] }
        return prefixes.indices.map { pathIDs.indices.contains($0) ? pathIDs[$0] : 0 }
    }
}
