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
        packer.withdraw(withdrawn)
        for announcement in announced { _ = packer.announce(announcement.prefixes, with: announcement.attributes) }
        if let endOfRIB { packer.endOfRIB(endOfRIB) }
        writer.append(packer.take())
    }

    /// The one message that says it all; nil if there is none. Sent MP attributes come first, MP_UNREACH_NLRI after
    /// MP_REACH_NLRI.
    private func single(in context: DecodeContext) -> [UInt8]? {
        let ipv4 = withdrawn.filter { $0.family == .ipv4 }
        let ipv6 = withdrawn.filter { $0.family == .ipv6 }
        guard endOfRIB == nil, announced.count <= 2 else { return nil }
        var (attributes, field, nlri): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
        for announcement in announced {
            guard let family = announcement.prefixes.first?.family,
                let wire = WireAttributes(announcement.attributes, family: family, fourOctetAS: context.fourOctetAS)
            else { return nil }
            if wire.reach.isEmpty {
                guard nlri.isEmpty else { return nil }
                for prefix in announcement.prefixes { nlri.append(prefix) }
                attributes = wire.bytes
            } else {
                guard field.isEmpty else { return nil }
                var value = wire.reach
                for prefix in announcement.prefixes { value.append(prefix) }
                field.append(attribute: AttributeCode.reach, flags: AttributeFlags.optional, count: value.count)
                field.append(contentsOf: value)
                if attributes.isEmpty { attributes = wire.bytes }
            }
        }
        guard announced.count < 2 || announced[0].attributes.bytes == announced[1].attributes.bytes,
            announced.count < 2 || !(nlri.isEmpty || field.isEmpty)
        else { return nil }
        if !ipv6.isEmpty {
            var value: [UInt8] = [0, 2, 1]
            for prefix in ipv6 { value.append(prefix) }
            field.append(attribute: AttributeCode.unreach, flags: AttributeFlags.optional, count: value.count)
            field.append(contentsOf: value)
        }
        return Self.assemble(withdrawn: ipv4, attributes: field + attributes, nlri: nlri)
    }

    private static func assemble(withdrawn: [Prefix], attributes: [UInt8], nlri: [UInt8]) -> [UInt8] {
        var gone: [UInt8] = []
        for prefix in withdrawn { gone.append(prefix) }
        var writer = ByteWriter()
        writer.message(MessageType.update) { writer in
            writer.integer(UInt16(truncatingIfNeeded: gone.count))
            writer.append(gone)
            writer.integer(UInt16(truncatingIfNeeded: attributes.count))
            writer.append(attributes)
            writer.append(nlri)
        }
        return writer.bytes
    }
}
