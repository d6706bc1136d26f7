import FIB
import NetTypes
import Testing

@testable import NodeAgent

struct HeldChangesTests {
    private static func change(_ prefix: String, via gateway: String?) throws -> FIBChange {
        let prefix = try #require(Prefix(strict: prefix))
        let route = try gateway.map {
            DesiredRoute(prefix: prefix, nextHops: [DesiredNextHop(gateway: try #require(IPAddress($0)))])
        }
        return FIBChange(prefix: prefix, route: route)
    }

    @Test func `a drained node changes nothing in the kernel`() throws {
        var held = HeldChanges()
        let first = try Self.change("10.1.0.0/16", via: nil)
        #expect(held.pass([first]) == [first])
        #expect(held.set(.everything) == [])
        #expect(held.pass([first, try Self.change("10.2.0.0/16", via: "192.0.2.1")]) == [])
    }

    @Test func `routes that come back are installed at once, and those that do not go at the end`() throws {
        var held = HeldChanges()
        _ = held.set(.everything)
        let (back, gone, lost) = (
            try Self.change("10.1.0.0/16", via: "192.0.2.1"), try Self.change("10.2.0.0/16", via: nil),
            try Self.change("10.1.0.0/16", via: nil)
        )
        let changed = try Self.change("10.3.0.0/16", via: "192.0.2.2")
        #expect(held.pass([lost, gone, changed]) == [])
        #expect(held.set(.removals) == [changed], "what was decided on the way down")
        #expect(held.pass([back]) == [back])
        #expect(held.set(.nothing) == [gone])
        #expect(held.pass([lost]) == [lost])
    }
}
