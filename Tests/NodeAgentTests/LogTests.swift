import Foundation
import Logging
import NetTypes
import TestKit
import Testing

@testable import NodeAgent

@Suite struct `Log lines` {
    private static let hostile = "a\nb\r\"c\"\\ d=e \u{0}\u{1b}[31m\u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}é😀"

    private func line(_ format: StructuredLogHandler.Format, _ message: String, _ metadata: Logger.Metadata) -> String {
        StructuredLogHandler(level: .info, format: format)
            .line(time: "2026-01-02T03:04:05.006Z", level: .notice, message: message, metadata: metadata)
    }

    @Test func `are key and value, sorted, quoted where needed`() {
        let line = line(.logfmt, "peer is up", ["peer": "tor-1", "empty": "", "holdTime": "90s", "eq": "a=b"])
        #expect(
            line == """
                time=2026-01-02T03:04:05.006Z level=notice msg="peer is up" empty="" eq="a=b" holdTime=90s peer=tor-1\n
                """)
    }

    @Test func `are one JSON object each, and it says what was said`() throws {
        let line = line(.json, Self.hostile, ["peer": .string(Self.hostile)])
        let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["msg"] == Self.hostile && object["peer"] == Self.hostile && object["level"] == "notice")
    }

    @Test(arguments: [StructuredLogHandler.Format.logfmt, .json])
    func `hold nothing that ends a line or drives a terminal`(format: StructuredLogHandler.Format) {
        let text = line(format, Self.hostile, ["reason": .string(Self.hostile)])
        #expect(text.last == "\n")
        let scalars = text.dropLast().unicodeScalars
        #expect(scalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        #expect(scalars.allSatisfy { !(0x2028...0x202e).contains($0.value) })
        #expect(text.contains("é😀"), "what is harmless stays readable")
    }
}

@Suite struct `The state file` {
    @Test func `is replaced whole, is JSON whatever the name is, and leaves nothing beside it`() throws {
        let directory = String(try require("mktemp", "-d", "/tmp/martlet-state-\(getpid())-XXXXXX").dropLast())
        defer { _ = try? run(["rm", "-rf", "--", directory]) }
        let pods = ["10.244.1.0/24", "fd00:10:244:1::/64"].compactMap { Prefix(strict: $0) }
        for name in ["node-a", "a\"b\\c\n\t\u{1}d"] {
            try NodeState(name: name, podCIDRs: pods, mtu: 1450).write(to: directory)
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/node.json"))
            let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(
                object["schema"] as? Int == 1 && object["mtu"] as? Int == 1450 && object["pid"] as? Int == Int(getpid())
            )
            #expect(object["podCIDRs"] as? [String] == ["10.244.1.0/24", "fd00:10:244:1::/64"])
            #expect(object["name"] as? String == (name == "node-a" ? name : "abcd"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["node.json"])
    }

    @Test func `cannot be written where there is no directory`() {
        #expect(throws: (any Error).self) {
            try NodeState(name: "a", podCIDRs: [], mtu: 1500).write(to: "/proc/nowhere")
        }
    }
}
