import BGPWire
import NetTypes
import TestKit
import Testing

@Suite struct NotificationTests {
    @Test(arguments: [
        (
            NotificationMessage.cease(.administrativeShutdown, text: "rack move ticket 42"),
            "Cease / Administrative Shutdown: \"rack move ticket 42\""
        ),
        (.cease(.maximumPrefixes), "Cease / Maximum Number of Prefixes Reached"),
        (.cease(.bfdDown), "Cease / BFD Down"),
        (.cease(.collisionResolution, text: "no text here"), "Cease / Connection Collision Resolution"),
        (.holdTimerExpired, "Hold Timer Expired"), (.sendHoldTimerExpired, "Send Hold Timer Expired"),
        (.fsmError(1), "Finite State Machine Error / Unexpected Message in OpenSent"),
        (.fsmError(3), "Finite State Machine Error / Unexpected Message in Established"),
        (
            .hardReset(.cease(.administrativeReset, text: "bye")),
            "Cease / Hard Reset: for Cease / Administrative Reset: \"bye\""
        ),
        (NotificationMessage(6, 9, [6, 9, 6, 9]), "Cease / Hard Reset: for Cease / Hard Reset"),
        (NotificationMessage(1, 2, [0, 18]), "Message Header Error / Bad Message Length: 18 octets"),
        (NotificationMessage(2, 6, [0, 2]), "OPEN Message Error / Unacceptable Hold Time: 2 s"),
        (NotificationMessage(3, 0), "UPDATE Message Error"), (NotificationMessage(0, 0), "Error 0"),
        (NotificationMessage(6, 200), "Cease / subcode 200"),
        (NotificationMessage(7, 1), "ROUTE-REFRESH Message Error / Invalid Message Length"),
    ])
    func `notifications read as words`(notification: NotificationMessage, text: String) {
        #expect(notification.description == text)
    }

    @Test func `every code and subcode with any data has a description`() {
        for code in 0...255 {
            for subcode in 0...255 {
                for data in [[], [0], [255], [1, 0xff], [3, 0x22, 0x1b, 0xc3]] as [[UInt8]] {
                    let text = NotificationMessage(UInt8(code), UInt8(subcode), data).description
                    #expect(!text.isEmpty && !text.unicodeScalars.contains { $0.value < 32 })
                }
            }
        }
    }

    @Test(
        arguments: [
            ("00", nil), ("", nil), ("ff 61", nil), ("05 61", nil), ("01 61", "a"), ("01 61 62", "a"),
            ("04 f09f9a9a", "\u{1f69a}"), ("02 c328", "\u{fffd}("), ("03 e280ae", "\\u{202e}"), ("01 00", "\\u{0}"),
            ("01 7f", "\\u{7f}"),
        ] as [(String, String?)])
    func `shutdown texts are checked and safe to print`(data: String, wanted: String?) throws {
        #expect(NotificationMessage(6, 2, try hex(data)).shutdownCommunication == wanted)
    }

    @Test func `a shutdown text is cut at a character`() {
        let sent = NotificationMessage.cease(.administrativeShutdown, text: String(repeating: "ä", count: 200))
        #expect(sent.data.count == 255)
        #expect(sent.shutdownCommunication == String(repeating: "ä", count: 127))
    }

    @Test func `data never makes a notification longer than a peer takes`() {
        var writer = ByteWriter()
        let long = NotificationMessage(3, 9, [UInt8](repeating: 7, count: 60000))
        Message.notification(long).encode(into: &writer, in: DecodeContext())
        #expect(writer.count == 4096)
        #expect(Transcript(writer.bytes, in: DecodeContext()).messages.count == 1)
    }
}
