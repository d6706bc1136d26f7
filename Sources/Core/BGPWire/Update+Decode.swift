import NetTypes

extension Update {
    /// Reads an UPDATE's body. Throws what resets the session; everything weaker is in `faults`, and done (RFC 7606).
    package static func decode(_ body: RawSpan, in context: DecodeContext) throws(NotificationMessage) -> Update {
        var batch = UpdateBatch()
        let faults = try batch.read(body, in: context)
        return Update(batch, faults: faults)
    }
}

extension UpdateBatch {
    /// Reads an UPDATE's body and adds what it says. Throws what resets the session, and has added nothing then;
    /// everything weaker is returned, and done (RFC 7606).
    package mutating func read(
        _ body: RawSpan, in context: DecodeContext
    ) throws(NotificationMessage) -> [AttributeFault] {
        var decoder = UpdateDecoder(context)
        swap(&decoder.slots, &slots)
        defer { swap(&decoder.slots, &slots) }
        try decoder.decode(body, into: &self)
        return decoder.faults
    }
}

/// One attribute of the message at hand.
struct AttributeSlot {
    var flags: UInt8
    var code: UInt8
    /// Where the attribute's flags stand.
    var start: Int
    var value: ByteCursor
}

/// A set of attribute codes.
private struct CodeSet {
    private var low: UInt128 = 0
    private var high: UInt128 = 0

    func contains(_ code: UInt8) -> Bool {
        (code < 128 ? low : high) >> UInt128(code & 127) & 1 == 1
    }

    /// False when the code was in the set already.
    mutating func insert(_ code: UInt8) -> Bool {
        guard !contains(code) else { return false }
        let bit = UInt128(1) << UInt128(code & 127)
        if code < 128 { low |= bit } else { high |= bit }
        return true
    }
}

/// The work of reading one UPDATE. All attributes are collected first and used then: what one means depends on others.
private struct UpdateDecoder {
    private let context: DecodeContext
    private(set) var faults: [AttributeFault] = []
    var slots: [AttributeSlot] = []
    private var seen = CodeSet()
    private var nextHop: IPAddress?
    private var reach: ReachAttribute?
    private var unreach: UnreachAttribute?
    private var hasNLRI = false

    init(_ context: DecodeContext) { self.context = context }

    mutating func decode(_ body: RawSpan, into batch: inout UpdateBatch) throws(NotificationMessage) {
        let (withdrawn, attributes, nlri) = try Self.sections(body)
        let hasPathIDs = context.pathIDs.contains(.ipv4)
        guard let withdrawnCount = NLRI.count(withdrawn, body, family: .ipv4, pathIDs: hasPathIDs),
            let nlriCount = NLRI.count(nlri, body, family: .ipv4, pathIDs: hasPathIDs)
        else { throw NotificationMessage(3, 10) }
        if body.byteCount == 4 {
            if context.families.contains(.ipv4) { batch.endOfRIB(.ipv4) }
            return
        }
        hasNLRI = nlriCount > 0
        slots.removeAll(keepingCapacity: true)
        try collect(attributes, body)

        let takesIPv4 = takesIPv4Fields(withdrawnCount + nlriCount)
        let field = group(takesIPv4 ? .ipv4 : nil, nextHop, nil, nlri, nlriCount)
        let multiprotocol = reach.flatMap { group($0.family, $0.nextHop, $0.linkLocalNextHop, $0.nlri, $0.count) }
        if field != nil || multiprotocol != nil { checkMandatory() }
        let isWithdraw = try isWithdraw()

        if let family = endOfRIB(attributes, withdrawn: withdrawnCount) { batch.endOfRIB(family) }
        if takesIPv4 { withdraw(withdrawn, body, .ipv4, from: &batch) }
        if let unreach, let family = unreach.family { withdraw(unreach.nlri, body, family, from: &batch) }
        if isWithdraw {
            if let field { withdraw(field.nlri, body, field.family, from: &batch) }
            if let multiprotocol { withdraw(multiprotocol.nlri, body, multiprotocol.family, from: &batch) }
        } else if field != nil || multiprotocol != nil {
            let canonical = batch.add { CanonicalAttributes.append(&slots, body, in: context, to: &$0) }
            if let field { announce(field, canonical, body, in: &batch) }
            if let multiprotocol { announce(multiprotocol, canonical, body, in: &batch) }
        }
    }

    /// The three parts of the body. Lengths that do not fit reset the session: nothing can be located then.
    private static func sections(
        _ body: RawSpan
    ) throws(NotificationMessage) -> (withdrawn: ByteCursor, attributes: ByteCursor, nlri: ByteCursor) {
        guard body.byteCount >= 4 else { throw .badLength(Framer.headerLength + body.byteCount) }
        var cursor = ByteCursor(body)
        do {
            let withdrawn = try cursor.take(Int(try cursor.integer(UInt16.self, body)))
            let attributes = try cursor.take(Int(try cursor.integer(UInt16.self, body)))
            return (withdrawn, attributes, cursor)
        } catch {
            throw NotificationMessage(3, 1)
        }
    }

    /// The fields that can only hold IPv4 are ignored when IPv4 was not negotiated.
    private mutating func takesIPv4Fields(_ count: Int) -> Bool {
        let takes = context.families.contains(.ipv4)
        if !takes, count > 0 { fault(0, .attributeDiscard, "ipv4 prefixes, but ipv4 was not negotiated", subcode: 0) }
        return takes
    }

    private mutating func fault(_ code: UInt8, _ remedy: Remedy, _ reason: String, subcode: UInt8) {
        faults.append(AttributeFault(code: code, remedy: remedy, reason: reason, subcode: subcode))
    }

    // MARK: Attributes

    private mutating func collect(_ area: ByteCursor, _ bytes: RawSpan) throws(NotificationMessage) {
        var area = area
        while !area.isAtEnd {
            let start = area.position
            var code: UInt8 = 0
            do {
                let flags = try area.byte(bytes)
                code = try area.byte(bytes)
                let isLong = flags & AttributeFlags.extendedLength != 0
                let count = isLong ? Int(try area.integer(UInt16.self, bytes)) : Int(try area.byte(bytes))
                let value = try area.take(count)
                try accept(AttributeSlot(flags: flags, code: code, start: start, value: value), bytes)
            } catch let notification as NotificationMessage {
                throw notification
            } catch {
                // Prefixes in an attribute that is cut off cannot be found, so they cannot be withdrawn.
                guard code != AttributeCode.reach, code != AttributeCode.unreach else {
                    throw NotificationMessage(3, 9)
                }
                fault(code, .treatAsWithdraw, "\(AttributeTable.name(code)) runs past the attributes", subcode: 1)
                return
            }
        }
    }

    private mutating func accept(_ slot: AttributeSlot, _ bytes: RawSpan) throws(NotificationMessage) {
        let code = slot.code
        guard seen.insert(code) else {
            guard code != AttributeCode.reach, code != AttributeCode.unreach else { throw NotificationMessage(3, 1) }
            fault(code, .attributeDiscard, "\(AttributeTable.name(code)) appears twice", subcode: 1)
            return
        }
        guard let row = AttributeTable.row(code) else { return acceptUnknown(slot) }
        // NEXT_HOP without prefixes that need it is ignored (RFC 4760 section 3).
        if code == AttributeCode.nextHop, !hasNLRI { return }
        guard row.isAccepted(in: context) else {
            fault(code, .attributeDiscard, "\(row.name) is not taken from this peer", subcode: 0)
            return
        }
        let flags = slot.flags & AttributeFlags.optionalTransitive
        if flags != row.flags {
            fault(
                code, .treatAsWithdraw, "\(row.name) has flags \(slot.flags), needs \(row.flags)", subcode: 4)
        }
        switch code {
        case AttributeCode.reach, AttributeCode.unreach: try acceptMultiprotocol(slot, bytes)
        default:
            if let flaw = row.flaw(slot.value, bytes, in: context) {
                fault(code, row.remedy, "\(row.name) \(flaw.reason)", subcode: flaw.subcode)
            } else if code == AttributeCode.nextHop {
                var value = slot.value
                nextHop = (try? value.integer(UInt32.self, bytes)).map { .v4(IPv4Address(rawValue: $0)) }
            } else {
                slots.append(slot)
            }
        }
    }

    /// Unknown and transitive: passed on. Unknown and not transitive: dropped. Unknown and well-known: that cannot be.
    private mutating func acceptUnknown(_ slot: AttributeSlot) {
        if slot.flags & AttributeFlags.optional == 0 {
            fault(slot.code, .treatAsWithdraw, "well-known attribute \(slot.code) is not known", subcode: 2)
        } else if slot.flags & AttributeFlags.transitive != 0 {
            slots.append(slot)
        }
    }

    private mutating func acceptMultiprotocol(_ slot: AttributeSlot, _ bytes: RawSpan) throws(NotificationMessage) {
        let whole = slot.start..<slot.value.end
        let family: AddressFamily?
        if slot.code == AttributeCode.reach {
            guard let reach = ReachAttribute(slot.value, bytes, in: context) else {
                throw NotificationMessage(3, 9, bytes.copy(whole))
            }
            self.reach = reach
            family = reach.family
            if family != nil, reach.count > 0, !reach.nextHop.canBeNextHop {
                let reason = "MP_REACH_NLRI has next hop \(reach.nextHop), which is no host's address"
                fault(slot.code, .treatAsWithdraw, reason, subcode: 8)
            }
        } else {
            guard let unreach = UnreachAttribute(slot.value, bytes, in: context) else {
                throw NotificationMessage(3, 9, bytes.copy(whole))
            }
            self.unreach = unreach
            family = unreach.family
        }
        if family == nil {
            let name = AttributeTable.name(slot.code)
            fault(slot.code, .attributeDiscard, "\(name) is for a family that was not negotiated", subcode: 0)
        }
    }

    // MARK: Verdict

    /// An announcement needs these (RFC 4271 section 5, RFC 7606 section 3 d).
    private mutating func checkMandatory() {
        require(AttributeCode.origin)
        require(AttributeCode.asPath)
        if hasNLRI { require(AttributeCode.nextHop) }
        if !context.isExternal { require(AttributeCode.localPref) }
    }

    private mutating func require(_ code: UInt8) {
        guard !seen.contains(code) else { return }
        fault(code, .treatAsWithdraw, "\(AttributeTable.name(code)) is missing", subcode: 3)
    }

    /// Whether the message's prefixes are all withdrawn. Without any there is nothing that could be withdrawn to be
    /// safe, so the session is reset (RFC 7606 section 5.2).
    private func isWithdraw() throws(NotificationMessage) -> Bool {
        guard let worst = faults.first(where: { $0.remedy >= .treatAsWithdraw }) else { return false }
        let isReachable = hasNLRI || (reach.map { $0.family == nil || $0.count > 0 } ?? false)
        guard isReachable else { throw NotificationMessage(3, worst.subcode) }
        return true
    }

    /// IPv6's marker, or IPv4's in the same form; `attributes` must hold nothing else (RFC 4724 section 2).
    private func endOfRIB(_ attributes: ByteCursor, withdrawn: Int) -> AddressFamily? {
        guard let unreach, unreach.count == 0, withdrawn == 0, !hasNLRI, faults.isEmpty else { return nil }
        return attributes.remaining <= 7 ? unreach.family : nil
    }

    // MARK: Announcements

    /// Prefixes that share a next hop: those of the NLRI field, or of MP_REACH_NLRI.
    private struct Group {
        var family: AddressFamily
        var nextHop: IPAddress?
        var linkLocal: IPv6Address?
        var nlri: ByteCursor
    }

    /// nil without prefixes, or where the family was not negotiated.
    private func group(
        _ family: AddressFamily?, _ nextHop: IPAddress?, _ linkLocal: IPv6Address?, _ nlri: ByteCursor, _ count: Int
    ) -> Group? {
        guard let family, count > 0 else { return nil }
        return Group(family: family, nextHop: nextHop, linkLocal: linkLocal, nlri: nlri)
    }

    private func announce(
        _ group: Group, _ attributes: (octets: Range<Int>, summary: PathAttributes.Summary), _ bytes: RawSpan,
        in batch: inout UpdateBatch
    ) {
        guard let nextHop = group.nextHop else { return }
        let hop = UpdateBatch.NextHop(address: nextHop, linkLocal: group.linkLocal)
        batch.announce(attributes, via: hop) { prefixes, pathIDs in
            append(group.nlri, bytes, group.family, to: &prefixes, &pathIDs)
        }
    }

    private func withdraw(
        _ nlri: ByteCursor, _ bytes: RawSpan, _ family: AddressFamily, from batch: inout UpdateBatch
    ) {
        batch.withdraw { prefixes, pathIDs in append(nlri, bytes, family, to: &prefixes, &pathIDs) }
    }

    private func append(
        _ nlri: ByteCursor, _ bytes: RawSpan, _ family: AddressFamily, to prefixes: inout [Prefix],
        _ pathIDs: inout [UInt32]
    ) {
        if context.pathIDs.contains(family) {
            NLRI.append(nlri, bytes, family: family, to: &prefixes, pathIDs: &pathIDs)
        } else {
            NLRI.append(nlri, bytes, family: family, to: &prefixes)
        }
    }
}
