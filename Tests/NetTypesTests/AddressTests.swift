import Testing

@testable import NetTypes

@Suite struct AddressTests {
    @Test(arguments: [
        "0.0.0.0", "10.244.1.7", "255.255.255.255", "::", "::1", "fe80::ecee:eeff:feee:eeee", "1:0:0:2::",
        "2001:db8::1:0:0:1",
    ])
    func `text that is canonical comes back unchanged`(text: String) {
        #expect(IPAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1..3.4", "+1.2.3.4", ":", ":::", "1::2::3", "12345::",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "fe80::1%eth0", "g::", "1:2:3:4:5:6:7::8",
    ])
    func `text that is not an address is refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `an embedded IPv4 address is read`() {
        #expect(IPAddress("::ffff:192.0.2.1")?.description == "::ffff:c000:201")
    }

    @Test func `bytes are network order both ways`() throws {
        for text in ["192.0.2.1", "2001:db8::ff"] {
            let address = try #require(IPAddress(text))
            #expect(IPAddress(bytes: address.bytes) == address)
        }
        #expect(IPAddress("192.0.2.1")?.bytes == [192, 0, 2, 1])
    }

    @Test func `a MAC gives the link-local address the kernel makes of it`() throws {
        let mac = try #require(MACAddress("ee:ee:ee:ee:ee:ee"))
        #expect(mac.linkLocal.description == "fe80::ecee:eeff:feee:eeee")
        #expect(mac.description == "ee:ee:ee:ee:ee:ee")
    }

    @Test func `AS numbers are read in both notations`() {
        #expect(ASNumber("4200000001")?.rawValue == 4_200_000_001)
        #expect(ASNumber("1.10")?.rawValue == 65546)
        #expect(ASNumber("4294967296") == nil)
        #expect(ASNumber("1.2.3") == nil)
    }
}

@Suite struct PrefixTests {
    @Test func `bits beyond the length are cleared, or refused when strict`() {
        #expect(Prefix("10.244.1.7/24")?.description == "10.244.1.0/24")
        #expect(Prefix(strict: "10.244.1.7/24") == nil)
        #expect(Prefix(strict: "10.244.1.0/24") != nil)
        #expect(Prefix("fd00:10:244:1::9/64")?.description == "fd00:10:244:1::/64")
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/", "/8", "a/8"])
    func `bad prefixes are refused`(text: String) {
        #expect(Prefix(text) == nil)
    }

    @Test func `containment respects family and length`() throws {
        let cluster = try #require(Prefix("10.244.0.0/16"))
        let node = try #require(Prefix("10.244.1.0/24"))
        let v6 = try #require(Prefix("::/0"))
        #expect(cluster.contains(node))
        #expect(!node.contains(cluster))
        #expect(node.overlaps(cluster))
        #expect(!v6.contains(node))
        #expect(node.lastAddress.description == "10.244.1.255")
    }
}

@Suite struct CursorTests {
    @Test func `short input throws instead of trapping`() throws {
        let bytes: [UInt8] = [1, 2, 3]
        var cursor = ByteCursor(bytes.span.bytes)
        #expect(try cursor.integer(UInt16.self, bytes.span.bytes) == 0x0102)
        #expect(throws: ShortInput(need: 2, have: 1)) { try cursor.integer(UInt16.self, bytes.span.bytes) }
        #expect(throws: ShortInput(need: 2, have: 1)) { try cursor.take(2) }
        #expect(throws: ShortInput(need: -1, have: 1)) { try cursor.take(-1) }
        #expect(try cursor.byte(bytes.span.bytes) == 3)
        #expect(cursor.isAtEnd)
    }

    @Test func `timers expire in order of their deadlines`() {
        var timers = TimerSet<String>()
        let start = Instant(nanoseconds: 0)
        timers.start("b", after: .seconds(2), at: start)
        timers.start("a", after: .seconds(1), at: start)
        #expect(timers.next == start + .seconds(1))
        #expect(timers.popExpired(at: start) == nil)
        #expect(timers.popExpired(at: start + .seconds(3)) == "a")
        #expect(timers.popExpired(at: start + .seconds(3)) == "b")
        #expect(timers.next == nil)
    }
}
