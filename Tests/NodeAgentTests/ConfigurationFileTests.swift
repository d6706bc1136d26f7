import Foundation
import NodeAgent
import Testing

/// `martletd check FILE`: files as they lie on a disk.
struct ConfigurationFileTests {
    private static func check(_ bytes: [UInt8]) throws -> (report: String, usable: Bool) {
        let path = "/tmp/martlet-configuration-\(ProcessInfo.processInfo.processIdentifier)-\(UUID().uuidString).yaml"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (report, usable) = Configuration.check(path: path, hostname: "h")
        return (report.replacingOccurrences(of: path, with: "F"), usable)
    }

    @Test func `a check lists all problems and counts them`() throws {
        let (report, usable) = try Self.check(Array("bgp: {asn: 0, holdTime: 2s}\nodd: 1\n".utf8))
        #expect(!usable)
        #expect(
            report == """
                F:1:12: bgp.asn is "0"; write an AS number from 1 to 4294967294 (23456 and 65535 are reserved)
                F:1:25: bgp.holdTime is "2s"; write 0 for none, or whole seconds from 3s to 65535s
                F:2:1: unknown key "odd"; known keys: bgp, clusterCIDRs, cni, control, fib, import, ipam, log, metrics, node
                F: 3 errors; the agent would not start with this file

                """)
    }

    @Test func `warnings leave a file usable`() throws {
        let (report, usable) = try Self.check(
            Array("bgp: {asn: 1, peers: [{address: 192.0.2.1, asn: 2}]}\nclusterCIDRs: [10.0.0.0/8]\n".utf8))
        #expect(usable)
        #expect(
            report == """
                F:1:1: warning: node.podCIDRs is empty, so nothing is announced; write this node's pod prefixes
                F: ok, with 1 warning

                """)
    }

    @Test func `what is no text is said to be none`() throws {
        #expect(try Self.check([0xff, 0xfe]).report.hasPrefix("F:1:1: is not UTF-8 text; save it as UTF-8\n"))
        let huge = try Self.check(Array(repeating: UInt8(ascii: "#"), count: 2 << 20)).report
        #expect(huge.hasPrefix("F:1:1: the file is larger than 1 MiB; this is no martletd.yaml\n"))
        #expect(try Self.check([]).report.hasPrefix("F:1:1: bgp.asn is missing; write "))
        let missing = Configuration.check(path: "/nonexistent/m.yaml", hostname: "h").report
        let opened = "/nonexistent/m.yaml:1:1: cannot be opened: No such file or directory; name an existing file with"
        #expect(missing.hasPrefix(opened + " --config\n"))
        let directory = Configuration.check(path: "/tmp", hostname: "h").report
        #expect(directory.hasPrefix("/tmp:1:1: cannot be read: Is a directory; is it a file?\n"))
    }
}
