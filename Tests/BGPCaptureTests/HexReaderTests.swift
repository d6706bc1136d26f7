import TestKit
import Testing

@testable import BGPCapture

/// Octets as text, in lines of any length.
@Suite struct `A line of octets that is too long to be read at once` {
    private static let octets = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    private static let digits = octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }

    /// The octets that come out, and what was said besides.
    private func read(_ text: String, longest: Int) -> (octets: [UInt8], notes: [CaptureNote]) {
        var reader = HexReader()
        reader.longestLine = longest
        var queue = ByteQueue()
        queue.append(Array(text.utf8)[...])
        var (octets, notes): ([UInt8], [CaptureNote]) = ([], [])
        while let record = reader.next(&queue, isAtEnd: true) {
            switch record {
            case .stream(let more): octets += more
            case .note(let note): notes.append(note)
            case .packet, .message, .words: Issue.record("hexadecimal text is none of these")
            }
        }
        return (octets, notes)
    }

    @Test(arguments: ["", " ", ":", ", ", ",0x"], [64, 65, 66, 67, 1000])
    func `is cut between octets, however they are written`(separator: String, longest: Int) {
        let text = Self.digits.joined(separator: separator)
        for end in ["", "\n", "\r\n"] {
            let found = read((separator.hasSuffix("0x") ? "0x" : "") + text + end, longest: longest)
            #expect(found.octets == Self.octets && found.notes.isEmpty, "\(found.notes)")
        }
    }

    @Test func `counts as one line`() {
        let found = read(Self.digits.joined() + "\nodd\n", longest: 64)
        #expect(found.octets == Self.octets)
        #expect(found.notes.map(\.place) == [.line(2)])
    }
}
