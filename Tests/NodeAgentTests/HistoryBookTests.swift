import ControlAPI
import Foundation
import Testing

@testable import NodeAgent

struct HistoryBookTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "martlet-history-\(getpid())-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.path)
    }

    @Test func `the last thousand events stay, in their order`() {
        let book = HistoryBook()
        for number in 0..<5000 { book.note("tor", .fault, "event \(number)", at: Int64(number)) }
        let events = book.events("tor")
        #expect(events.count == 1000)
        #expect(events.map(\.text) == (4000..<5000).map { "event \($0)" })
        #expect(book.events("other") == [])
    }

    @Test func `a peer that goes in circles fills no history`() {
        let book = HistoryBook()
        book.note("tor", .up, "established", at: 1)
        for round in 1...1000 {
            book.note("tor", .state, "Active to Connect", at: Int64(round * 10))
            book.note("tor", .state, "Connect to Active: refused", at: Int64(round * 10 + 1))
        }
        book.note("tor", .up, "established", at: 99_999)
        book.note("tor", .up, "established", at: 100_000)
        let events = book.events("tor")
        #expect(events.map(\.kind) == [.up, .state, .state, .up, .up])
        #expect(events.map(\.count) == [1, 1000, 1000, 1, 1])
        #expect(events[1].firstMilliseconds == 10 && events[1].lastMilliseconds == 10_000)
    }

    @Test func `an event after quiet is written at once, a burst once a second`() {
        let now = DispatchTime(uptimeNanoseconds: 100_000_000_000)
        let soon = now + .milliseconds(20)
        #expect(HistoryBook.writeTime(after: nil, at: now) == soon)
        #expect(HistoryBook.writeTime(after: DispatchTime(uptimeNanoseconds: 98_000_000_000), at: now) == soon)
        #expect(
            HistoryBook.writeTime(after: DispatchTime(uptimeNanoseconds: 99_500_000_000), at: now)
                == DispatchTime(uptimeNanoseconds: 100_500_000_000))
    }

    @Test func `a long text is cut`() {
        let book = HistoryBook()
        book.note("tor", .fault, String(repeating: "x", count: 100_000))
        #expect(book.events("tor").first?.text.count == 600)
    }

    @Test func `the message at fault stays with its event, and the newest have room`() throws {
        try withDirectory { directory in
            let first = HistoryBook()
            first.open(in: directory)
            let message = [UInt8](repeating: 0xab, count: 4096)
            for number in 0..<200 { first.note("tor", .fault, "fault \(number)", message: message, at: Int64(number)) }
            first.close()
            let second = HistoryBook()
            second.open(in: directory)
            second.note("tor", .agent, "starts", at: 1000)
            let events = second.events("tor")
            #expect(events.count == 201)
            let kept = HistoryBook.messageOctets / message.count
            #expect(events.map { $0.message != nil } == (0..<201).map { $0 < 200 && $0 >= 200 - kept })
            #expect(events[199].message == String(repeating: "ab", count: 4096))
        }
    }

    @Test func `the next run knows the events of this one`() throws {
        try withDirectory { directory in
            let first = HistoryBook()
            first.open(in: directory)
            first.note("tor:1", .down, "hold timer expired", at: 1000)
            first.note("..", .up, "established", at: 1000)
            first.close()
            let second = HistoryBook()
            second.open(in: directory)
            second.note("tor:1", .agent, "starts", at: 2000)
            second.note("..", .agent, "starts", at: 2000)
            #expect(second.events("tor:1").map(\.text) == ["hold timer expired", "starts"])
            #expect(second.events("..").map(\.text) == ["established", "starts"])
            second.close()
            let files = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
            #expect(files == ["history-...json", "history-tor:1.json"])
        }
    }

    @Test(arguments: [
        "", "{", "[]", #"{"schema":1,"peer":"other","events":[]}"#, #"{"schema":9,"peer":"tor","events":[]}"#,
    ])
    func `a file that is not ours is no history`(text: String) throws {
        try withDirectory { directory in
            try text.write(toFile: directory + "/history-tor.json", atomically: true, encoding: .utf8)
            let book = HistoryBook()
            book.open(in: directory)
            book.note("tor", .agent, "starts", at: 1)
            #expect(book.events("tor").map(\.text) == ["starts"])
        }
    }
}
