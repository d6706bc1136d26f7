import Foundation
import Lab
import NetTypes
import TestKit
import Testing

extension Interop {
    /// `martletctl capture` beside real sessions, and `decode` of what it wrote.
    @Suite(.serialized)
    struct CaptureTests {
        /// The prefix that the router announces while a capture runs.
        private static let late = "10.244.77.0/24"

        /// A session, a capture that begins within it, an announcement and a farewell in it.
        private static func check(_ kind: RouterKind) throws {
            try Rack.use(nodes: 1) { rack in
                let link = rack.link(node: 0)
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4, remote6]
                configuration.holdTime = 9
                let tor = try rack.startRouter(kind, configuration)
                let node = try rack.startMartlet(0)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)

                let file = "\(rack.directory("capture")).pcap"
                let output = "\(rack.directory("capture")).txt"
                let listener = try Daemon(
                    [
                        try martletBinary("martletctl"), "capture", "tor", "--summary", "--write", file, "--socket",
                        node.socket,
                    ], in: rack.nodes[0], log: output)
                defer { listener.stop() }
                func seen() throws -> String { try String(contentsOfFile: output, encoding: .utf8) }
                // The OPENs of the session, which are older than the capture.
                try eventually("both OPENs are shown", last: { (try? seen()) ?? "" }) {
                    try seen().components(separatedBy: "OPEN: accepted").count == 3
                }
                try tor.announce(late)
                try eventually("the UPDATE and a KEEPALIVE are shown", last: { (try? seen()) ?? "" }) {
                    try seen().contains("+\(late)") && seen().contains("KEEPALIVE: accepted")
                }
                try tor.shutDown(link.nodeIPv4, message: "rack move ticket 42")
                try eventually("the farewell is shown", last: { (try? seen()) ?? "" }) {
                    try seen().contains("rack move ticket 42")
                }
                listener.stop()
                let live = try seen()
                #expect(!live.contains("session reset"), "\(live)")

                // What was written is decoded to the same messages.
                let again = try node.decode("--summary", "--port", "0", file)
                #expect(again.succeeded, "\(again)")
                #expect(Self.messages(again.output) == Self.messages(live), "\(again.output)\n---\n\(live)")
                let lines = try node.decode("--json", "--port", "0", "--type", "update", "--prefix", late, file)
                let line = try #require(lines.output.split(separator: "\n").first { $0.contains("\"verdict\"") })
                #expect(try JSONValue(parsing: String(line))["announced"].array.contains { $0.string == late })

                // Another program's opinion of the file.
                let dump = try rack.nodes[0].run(["tcpdump", "-nn", "-v", "-r", file])
                #expect(dump.succeeded && !dump.output.contains("incorrect"), "\(dump)")
                #expect(dump.output.contains("Update Message") && dump.output.contains(late), "\(dump.output)")
            }
        }

        private static func messages(_ text: String) -> [String] {
            text.split(separator: "\n").map(String.init).filter { $0.first?.isNumber == true }
        }

        @Test func `with FRR the capture shows the session, and its file decodes to the same`() throws {
            try Self.check(.frr)
        }

        @Test func `with BIRD the capture shows the session, and its file decodes to the same`() throws {
            try Self.check(.bird)
        }
    }
}

extension MartletNode {
    /// martletctl decode, which needs no agent.
    fileprivate func decode(_ arguments: String...) throws -> Finished {
        try namespace.run([try martletBinary("martletctl"), "decode"] + arguments)
    }
}
