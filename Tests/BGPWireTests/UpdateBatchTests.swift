import BGPWire
import NetTypes
import TestKit
import Testing

@Suite struct UpdateBatchTests {
    /// What a batch says, in words.
    private func lines(_ batch: UpdateBatch) -> [String] {
        batch.entries.map { entry in
            let prefixes = "\(entry.action) \(batch.prefixes(entry)) \(batch.pathIDs(entry))"
            guard entry.action == .announce else { return prefixes }
            let attributes = batch.attributes(entry)
            return "\(prefixes) \(attributes.bytes) \(attributes.nextHop)"
                + " \(attributes.linkLocalNextHop.map { "\($0)" } ?? "-") \(attributes.summary)"
        }
    }

    /// The UPDATEs of a stream up to the first that cannot be read.
    private func updates(_ bytes: [UInt8], in context: DecodeContext) -> [[UInt8]] {
        var framer = Framer()
        framer.adopt(context)
        framer.append(bytes)
        var found: [[UInt8]] = []
        while case .message(let type, let body) = framer.next() {
            if type == 2 { found.append(Array(framer.message(body, limit: .max).dropFirst(Framer.headerLength))) }
        }
        return found
    }

    @Test func `many UPDATEs in one batch say what each says by itself`() throws {
        var count = 0
        for fixture in try FixtureTests.fixtures.get() {
            let context = DecodeContext(fixture)
            var whole = UpdateBatch()
            var apart: [String] = []
            for body in updates(fixture.bytes, in: context) {
                // Twice, so that every fixture stands behind something.
                for _ in 0..<2 {
                    var single = UpdateBatch()
                    guard let faults = try? single.read(body.span.bytes, in: context) else { continue }
                    #expect(try whole.read(body.span.bytes, in: context) == faults, "\(fixture)")
                    apart += lines(single)
                    count += 1
                }
            }
            #expect(lines(whole) == apart, "\(fixture)")
            #expect(
                whole.announcedCount
                    == whole.entries.filter { $0.action == .announce }.reduce(0) { $0 + $1.count }, "\(fixture)")
        }
        #expect(count > 100)
    }

    @Test func `an UPDATE that resets the session leaves nothing in the batch`() throws {
        for fixture in try FixtureTests.fixtures.get() {
            let context = DecodeContext(fixture)
            for body in updates(fixture.bytes, in: context) {
                var batch: UpdateBatch = [Update(withdrawn: [cidr("10.244.0.0/24")])]
                let before = lines(batch)
                if (try? batch.read(body.span.bytes, in: context)) == nil {
                    #expect(lines(batch) == before && batch.announcedCount == 0, "\(fixture)")
                    // And nothing in its way: the next one is read as if it had not been.
                    let pathID: [UInt8] = context.pathIDs.contains(.ipv4) ? [0, 0, 0, 1] : []
                    let good = updateBody([], withdrawn: pathID + [24, 10, 1, 2])
                    _ = try batch.read(good.span.bytes, in: context)
                    let more = context.families.contains(.ipv4) ? 1 : 0
                    #expect(batch.entries.count == before.count + more, "\(fixture)")
                }
            }
        }
    }

    @Test func `an UPDATE with withdrawn and announced prefixes and a marker keeps their order`() throws {
        var announcement = Announcement(
            attributes: PathAttributes(AttributeFields(), nextHop: ip("192.0.2.1")), prefixes: [cidr("10.1.0.0/24")])
        announcement.pathIDs = [7]
        var update = Update(withdrawn: [cidr("10.2.0.0/24")], announced: [announcement], endOfRIB: .ipv6)
        update.withdrawnIDs = [9]
        let batch: UpdateBatch = [update]
        #expect(batch.entries.map(\.action) == [.endOfRIB(.ipv6), .withdraw, .announce])
        #expect(batch.entries.map { Array(batch.pathIDs($0)) } == [[], [9], [7]])
        #expect(batch.attributes(batch.entries[2]) == announcement.attributes)
    }

    @Test func `a batch grows large by many UPDATEs and by many prefixes`() {
        let prefixes = (0..<4096).map { Prefix(bits: UInt128($0) << 104, length: 24, family: .ipv4) }
        #expect(!UpdateBatch([Update(withdrawn: Array(prefixes.dropLast()))]).isLarge)
        #expect(UpdateBatch([Update(withdrawn: prefixes)]).isLarge)
        #expect(!UpdateBatch(prefixes.prefix(511).map { Update(withdrawn: [$0]) }).isLarge)
        #expect(UpdateBatch(prefixes.prefix(512).map { Update(withdrawn: [$0]) }).isLarge)
    }
}
