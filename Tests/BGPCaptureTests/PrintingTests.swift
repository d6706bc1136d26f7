import BGPCapture
import Foundation
import NetTypes
import TestKit
import Testing

/// What an operator sees.
@Suite struct PrintingTests {
    @Test func `an UPDATE is shown field by field with offsets and octets`() throws {
        let octets = update(
            [Sample.origin, Sample.asPath, Sample.nextHop, [0xc0, 8, 8, 0xfd, 0xe8, 0, 7, 0xff, 0xff, 0xff, 1]],
            nlri: [24, 10, 244, 1], withdrawn: [16, 10, 9])
        #expect(
            try Decoded(octets).text == """
                #1 UPDATE, 61 octets  stream 1, octet 0 of the file
                  context: ipv4-unicast, ipv6-unicast; four-octet AS; external; messages up to 65535 octets; \
                enhanced route refresh; IPv6 next hops for ipv4-unicast (assumed: no OPEN was seen)
                     0  marker: all ones  [ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff]
                    16  length: 61  [00 3d]
                    18  type: UPDATE (2)  [02]
                    19  length of withdrawn prefixes: 3  [00 03]
                    21  withdrawn: 10.9.0.0/16  [10 0a 09]
                    24  length of path attributes: 31  [00 1f]
                    26  ORIGIN (1): IGP (0)
                    26    flags: well-known, transitive  [40]
                    28    length: 1  [01]
                    29    value  [00]
                    30  AS_PATH (2): 65000
                    30    flags: well-known, transitive  [40]
                    32    length: 6  [06]
                    33    AS_SEQUENCE: 65000  [02 01 00 00 fd e8]
                    39  NEXT_HOP (3): 10.99.0.1
                    39    flags: well-known, transitive  [40]
                    41    length: 4  [04]
                    42    value  [0a 63 00 01]
                    46  COMMUNITIES (8): 65000:7 no-export (65535:65281)
                    46    flags: optional, transitive  [c0]
                    48    length: 8  [08]
                    49    community: 65000:7  [fd e8 00 07]
                    53    community: no-export (65535:65281)  [ff ff ff 01]
                    57  announced: 10.244.1.0/24  [18 0a f4 01]
                  verdict: accepted: 1 announced, 1 withdrawn (RFC 4271 section 4.3)


                """)
    }

    @Test func `a summary has one line for each message`() throws {
        var session = Recording()
        session.send(Sample.open(as: 64601))
        session.receive(Sample.good)
        let text = try Decoded(session.bytes, form: .summary).text
        #expect(
            text.split(separator: "\n").map(String.init) == [
                "1  2023-11-14 22:13:20.002000  10.99.0.1:179 > 10.99.0.2:40000  OPEN: accepted: AS 64601, ipv4-unicast,"
                    + " ipv6-unicast, hold time 90 s (RFC 4271 section 4.2)",
                "2  2023-11-14 22:13:20.003000  10.99.0.2:40000 > 10.99.0.1:179  UPDATE +10.244.1.0/24: session reset:"
                    + " NOTIFICATION 5/1 Finite State Machine Error / Unexpected Message in OpenSent: UPDATE is not"
                    + " expected in OpenSent (RFC 6608 section 3)",
            ])
    }

    @Test func `every line of the JSON is an object, whatever a peer wrote`() throws {
        var session = Recording()
        session.send(Sample.open(as: 64601, capabilities: [73, 6, 4, 0x22, 0x0a, 0xff, 0x5c, 0]))
        session.receive(Sample.good + message(3, [6, 2, 4, 0x22, 0x1b, 0x5b, 0xc3]))
        session.skip(5, .received)
        session.receive(message(9))
        let lines = try Decoded(session.bytes, form: .json).text.split(separator: "\n")
        #expect(lines.count > 4)
        for line in lines {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["note"] != nil || object?["verdict"] != nil, "\(line)")
        }
        let octets = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any]
        #expect((octets?["octets"] as? String)?.hasPrefix("ffff") == true)
    }

    @Test func `only what is asked for is shown`() throws {
        var printer = CapturePrinter()
        printer.types = [2]
        printer.prefix = Prefix("10.244.0.0/16")
        let messages = try Decoded(Sample.keepalive + Sample.good).messages
        #expect(messages.filter(printer.shows).map(\.name) == ["UPDATE"])
        printer.prefix = Prefix("10.245.0.0/16")
        #expect(messages.filter(printer.shows).isEmpty)
        #expect(CapturePrinter.type(named: "Route-Refresh") == 5)
        #expect(CapturePrinter.type(named: "bogus") == nil)
    }
}
