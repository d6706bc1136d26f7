import NetTypes

/// Attributes of canonical bytes, one at a time; ends at the first one that is cut off.
struct AttributeWalk {
    struct Entry {
        var flags: UInt8
        var code: UInt8
        /// Flags, code and length included.
        var whole: Range<Int>
        var value: ByteCursor
    }

    private var cursor: ByteCursor

    init(_ bytes: RawSpan) { cursor = ByteCursor(bytes) }

    mutating func next(_ bytes: RawSpan) -> Entry? {
        let start = cursor.position
        guard let flags = try? cursor.byte(bytes), let code = try? cursor.byte(bytes),
            let count = length(flags, bytes), let value = try? cursor.take(count)
        else { return nil }
        return Entry(flags: flags, code: code, whole: start..<value.end, value: value)
    }

    private mutating func length(_ flags: UInt8, _ bytes: RawSpan) -> Int? {
        flags & AttributeFlags.extendedLength != 0
            ? (try? cursor.integer(UInt16.self, bytes)).map(Int.init) : (try? cursor.byte(bytes)).map(Int.init)
    }
}

extension PathAttributes.Summary {
    /// Reads canonical attribute bytes.
    init(_ bytes: RawSpan) {
        self.init()
        var walk = AttributeWalk(bytes)
        while var entry = walk.next(bytes) {
            switch entry.code {
            case AttributeCode.origin: origin = (try? entry.value.byte(bytes)) ?? 0
            case AttributeCode.asPath: readPath(entry.value, bytes)
            case AttributeCode.med: med = try? entry.value.integer(UInt32.self, bytes)
            case AttributeCode.localPref: localPref = try? entry.value.integer(UInt32.self, bytes)
            case AttributeCode.communities: readCommunities(entry.value, bytes)
            case AttributeCode.extendedCommunities: readBandwidth(entry.value, bytes)
            case AttributeCode.originatorID:
                originatorID = (try? entry.value.integer(UInt32.self, bytes)).map(RouterID.init(rawValue:))
            case AttributeCode.clusterList: clusterListLength = UInt16(clamping: entry.value.remaining / 4)
            case AttributeCode.onlyToCustomer:
                onlyToCustomer = (try? entry.value.integer(UInt32.self, bytes)).map(ASNumber.init(rawValue:))
            default: break
            }
        }
    }

    private mutating func readPath(_ value: ByteCursor, _ bytes: RawSpan) {
        var walk = SegmentWalk(value, width: 4)
        var hops = 0
        var isFirst = true
        while let (kind, numbers) = try? walk.next(bytes) {
            hops += SegmentKind.hops(kind, numbers.remaining / 4)
            guard isFirst, !SegmentKind.isConfederation(kind) else { continue }
            isFirst = false
            var rest = numbers
            if kind == SegmentKind.sequence, let number = try? rest.asNumber(bytes, width: 4) { neighborAS = number }
        }
        asPathLength = UInt16(clamping: hops)
    }

    private mutating func readCommunities(_ value: ByteCursor, _ bytes: RawSpan) {
        var value = value
        while let community = try? value.integer(UInt32.self, bytes) {
            switch Community(rawValue: community) {
            case .noExport, .noExportSubconfederation: noExport = true
            case .noAdvertise: noAdvertise = true
            case .noPeer: noPeer = true
            case .gracefulShutdown: gracefulShutdown = true
            case .blackhole: blackhole = true
            case .longLivedStale: isLongLivedStale = true
            case .noLongLived: forbidsLongLived = true
            default: break
            }
        }
    }

    private mutating func readBandwidth(_ value: ByteCursor, _ bytes: RawSpan) {
        var value = value
        while let community = try? value.integer(UInt64.self, bytes) {
            guard let bandwidth = ExtendedCommunity(rawValue: community).linkBandwidth else { continue }
            linkBandwidth = bandwidth.bitPattern
        }
    }
}

extension PathAttributes {
    /// How often an AS stands in AS_PATH, sets included.
    package func containsAS(_ as: ASNumber) -> Int { findInPath(`as`).count }

    /// How often an AS stands in AS_PATH, sets included, and whether there is an AS_SET or AS_CONFED_SET (RFC 9774).
    package func findInPath(_ as: ASNumber) -> (count: Int, hasSet: Bool) {
        let bytes = self.bytes.span.bytes
        var walk = AttributeWalk(bytes)
        while let entry = walk.next(bytes) {
            guard entry.code >= AttributeCode.asPath else { continue }
            guard entry.code == AttributeCode.asPath else { break }
            var (count, hasSet) = (0, false)
            var segments = SegmentWalk(entry.value, width: 4)
            while let (kind, numbers) = try? segments.next(bytes) {
                if kind == SegmentKind.set || kind == SegmentKind.confederationSet { hasSet = true }
                var rest = numbers
                while let number = try? rest.integer(UInt32.self, bytes) { count += number == `as`.rawValue ? 1 : 0 }
            }
            return (count, hasSet)
        }
        return (0, false)
    }

    /// The attributes as another peer gets them. Works on the bytes: nothing that stays is decoded.
    package func rewritten(_ rewrite: borrowing ExportRewrite) -> PathAttributes {
        let bytes = self.bytes.span.bytes
        var result: [UInt8] = []
        result.reserveCapacity(self.bytes.count + 4 * rewrite.prepend.count + 32)
        var insertions = Insertions(rewrite, summary)
        var walk = AttributeWalk(bytes)
        while let entry = walk.next(bytes) {
            insertions.write(rewrite, before: entry.code, into: &result)
            switch entry.code {
            case AttributeCode.asPath where rewrite.isExternal && SegmentWalk.hasConfederation(entry.value, bytes):
                insertions.needsPath = false
                result.append(pathOutside: entry.value, bytes, after: rewrite.prepend)
            case AttributeCode.asPath where !rewrite.prepend.isEmpty:
                insertions.needsPath = false
                result.append(path: entry.value, bytes, after: rewrite.prepend)
            case AttributeCode.med where rewrite.isExternal || rewrite.med != nil: break
            case AttributeCode.localPref where rewrite.isExternal || rewrite.localPref != nil: break
            case AttributeCode.originatorID where rewrite.isExternal: break
            case AttributeCode.extendedCommunities where rewrite.isExternal && !rewrite.keepsNonTransitive:
                result.append(transitiveOf: entry, bytes)
            case AttributeCode.clusterList where rewrite.isExternal: break
            case AttributeCode.clusterList where rewrite.reflection != nil:
                insertions.write(rewrite, clusterList: entry.value, bytes, into: &result)
            default: result.append(bytes, entry.whole)
            }
        }
        insertions.write(rewrite, before: nil, into: &result)
        let nextHop = rewrite.nextHop ?? self.nextHop
        let linkLocal = rewrite.nextHop == nil ? linkLocalNextHop : rewrite.linkLocalNextHop
        let plain = PathAttributes(
            bytes: result, nextHop: nextHop, linkLocalNextHop: linkLocal, summary: Summary(result.span.bytes))
        let said = rewrite.gracefulShutdown ? plain.adding(.gracefulShutdown) : plain
        return rewrite.noExport ? said.adding(.noExport) : said
    }
}

/// What `rewritten` adds, each at its place in the order of codes.
private struct Insertions {
    var needsPath: Bool
    private var needsMED: Bool
    private var needsLocalPref: Bool
    private var needsOriginatorID: Bool
    private var needsClusterList: Bool
    private var needsOnlyToCustomer: Bool

    init(_ rewrite: borrowing ExportRewrite, _ summary: PathAttributes.Summary) {
        let isReflected = !rewrite.isExternal && rewrite.reflection != nil
        needsPath = !rewrite.prepend.isEmpty
        needsMED = rewrite.med != nil
        needsLocalPref = !rewrite.isExternal && rewrite.localPref != nil
        needsOriginatorID = isReflected && summary.originatorID == nil
        needsClusterList = isReflected
        needsOnlyToCustomer = rewrite.onlyToCustomer != nil && summary.onlyToCustomer == nil
    }

    /// Writes what belongs before the attribute `code`, or all that is left.
    mutating func write(_ rewrite: borrowing ExportRewrite, before code: UInt8?, into bytes: inout [UInt8]) {
        let code = code ?? .max
        if needsPath, code > AttributeCode.asPath {
            needsPath = false
            let empty = [UInt8]()
            bytes.append(path: ByteCursor(empty.span.bytes), empty.span.bytes, after: rewrite.prepend)
        }
        if needsMED, code >= AttributeCode.med, let med = rewrite.med {
            needsMED = false
            bytes.append(attribute: AttributeCode.med, flags: AttributeFlags.optional, count: 4)
            bytes.append(integer: med)
        }
        if needsLocalPref, code >= AttributeCode.localPref, let localPref = rewrite.localPref {
            needsLocalPref = false
            bytes.append(attribute: AttributeCode.localPref, flags: AttributeFlags.wellKnown, count: 4)
            bytes.append(integer: localPref)
        }
        if needsOnlyToCustomer, code >= AttributeCode.onlyToCustomer, let number = rewrite.onlyToCustomer {
            needsOnlyToCustomer = false
            bytes.append(
                attribute: AttributeCode.onlyToCustomer, flags: AttributeFlags.optionalTransitive, count: 4)
            bytes.append(integer: number.rawValue)
        }
        guard let reflection = rewrite.reflection else { return }
        if needsOriginatorID, code >= AttributeCode.originatorID {
            needsOriginatorID = false
            bytes.append(attribute: AttributeCode.originatorID, flags: AttributeFlags.optional, count: 4)
            bytes.append(integer: reflection.originatorID.rawValue)
        }
        if needsClusterList, code > AttributeCode.clusterList {
            needsClusterList = false
            bytes.append(attribute: AttributeCode.clusterList, flags: AttributeFlags.optional, count: 4)
            bytes.append(integer: reflection.clusterID.rawValue)
        }
    }

    /// Our cluster id goes before those of the reflectors before us (RFC 4456 section 8).
    mutating func write(
        _ rewrite: borrowing ExportRewrite, clusterList value: ByteCursor, _ span: RawSpan, into bytes: inout [UInt8]
    ) {
        guard let reflection = rewrite.reflection else { return }
        needsClusterList = false
        bytes.append(attribute: AttributeCode.clusterList, flags: AttributeFlags.optional, count: value.remaining + 4)
        bytes.append(integer: reflection.clusterID.rawValue)
        bytes.append(span, value.range)
    }
}

extension [UInt8] {
    /// Appends an EXTENDED_COMMUNITIES attribute without the communities that stay inside their AS (RFC 4360 section
    /// 6).
    fileprivate mutating func append(transitiveOf entry: AttributeWalk.Entry, _ span: RawSpan) {
        var value = entry.value
        var kept: [UInt8] = []
        while let community = try? value.integer(UInt64.self, span) {
            if community >> 62 & 1 == 0 { kept.append(integer: community) }
        }
        guard !kept.isEmpty else { return }
        append(attribute: entry.code, flags: entry.flags, count: kept.count)
        append(contentsOf: kept)
    }

    /// Appends an AS_PATH attribute for an external peer, whom a confederation's own segments do not concern (RFC 5065
    /// section 4.1 c): he would have to refuse them.
    fileprivate mutating func append(pathOutside value: ByteCursor, _ span: RawSpan, after prepend: [ASNumber]) {
        let plain = ASPath(value, span, width: 4).withoutConfederations.encoded(width: 4)
        guard prepend.isEmpty else {
            return append(path: ByteCursor(plain.span.bytes), plain.span.bytes, after: prepend)
        }
        append(attribute: AttributeCode.asPath, flags: AttributeFlags.wellKnown, count: plain.count)
        append(contentsOf: plain)
    }

    /// Appends an AS_PATH attribute: `prepend`, then the segments of `value`. The first sequence takes the new numbers
    /// as long as it does not exceed 255 (RFC 4271 section 5.1.2).
    /// A path that no attribute could hold stays as it is.
    fileprivate mutating func append(path value: ByteCursor, _ span: RawSpan, after prepend: [ASNumber]) {
        let prepend = value.remaining + 5 * prepend.count <= 65535 ? prepend : []
        var tail = value.range
        var joined = 0
        var walk = SegmentWalk(value, width: 4)
        if let (kind, numbers) = try? walk.next(span), kind == SegmentKind.sequence,
            numbers.remaining / 4 + prepend.count <= 255
        {
            joined = numbers.remaining / 4
            tail = numbers.position..<value.end
        }
        let segments = joined > 0 ? 1 : (prepend.count + 254) / 255
        append(
            attribute: AttributeCode.asPath, flags: AttributeFlags.wellKnown,
            count: segments * 2 + prepend.count * 4 + tail.count)
        var rest = prepend[...]
        while !rest.isEmpty {
            let part = rest.prefix(255)
            rest = rest.dropFirst(part.count)
            append(SegmentKind.sequence)
            append(UInt8(truncatingIfNeeded: part.count + joined))
            for number in part { append(integer: number.rawValue) }
        }
        append(span, tail)
    }
}
