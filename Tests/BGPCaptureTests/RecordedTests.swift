import BGPCapture
import Foundation
import TestKit
import Testing

/// What tcpdump recorded of our sessions with real speakers.
@Suite struct RecordedTests {
    private static func files() throws -> [URL] {
        let folder = Fixture.packageRoot.appending(path: "bgp-fixtures/captures")
        let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        return (all?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension.hasPrefix("pcap") }
            .sorted { $0.path < $1.path }
    }

    @Test func `a recorded session decodes to the text beside it`() throws {
        let files = try Self.files()
        #expect(Set(files.map(\.pathExtension)) == ["pcap", "pcapng"])
        for file in files {
            let decoded = try Decoded([UInt8](try Data(contentsOf: file)))
            #expect(decoded.messages.count > 10, "\(file.path)")
            #expect(decoded.messages.allSatisfy { ![.sessionReset, .treatAsWithdraw].contains($0.verdict.action) })
            let text = file.deletingPathExtension().appendingPathExtension("pcap.txt")
            // Both formats hold the same packets, at other places.
            let shown = decoded.text.replacing(/, octet \d+ of the file/, with: "")
            if Fixture.isUpdating { try shown.write(to: text, atomically: true, encoding: .utf8) }
            #expect(try shown == String(contentsOf: text, encoding: .utf8), "\(file.path)")
        }
    }
}
