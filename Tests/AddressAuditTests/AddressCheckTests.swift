import AddressAudit
import AddressStore
import Foundation
import IPAM
import NetTypes
import PodWiring
import TestKit
import Testing

/// What the audit finds in stores that something went wrong with, and martletctl's words for it.
struct AddressCheckTests {
    /// Stores in a directory and links in a namespace.
    final class Node {
        let name = "mlt-audit-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let directory: String

        init() throws {
            directory = NSTemporaryDirectory() + name
            try FileManager.default.createDirectory(atPath: "\(directory)/netns", withIntermediateDirectories: true)
            try require("ip", "netns", "add", name)
        }

        deinit {
            _ = try? run(["ip", "netns", "del", name])
            try? FileManager.default.removeItem(atPath: directory)
        }

        var store: AddressStore { AddressStore(directory: "\(directory)/ipam/net") }

        @discardableResult
        func give(_ id: String) throws -> String {
            var owner = AddressRecord(containerID: id, ifname: "eth0")
            (owner.netns, owner.plugin, owner.pod) = ("\(directory)/netns/\(id)", "martlet", "default/\(id)")
            let range = try AddressRange(subnet: #require(Prefix("10.9.0.0/24")))
            return try store.allocate(for: owner, from: Allocator([RangeSet([range])])).first?.address.description ?? ""
        }

        func makeLink(_ id: String) throws {
            let host = PodIdentity(containerID: id, ifname: "eth0", network: "net").hostName
            try require("ip", "-n", name, "link", "add", host, "type", "veth", "peer", "name", "p\(id)")
            try require("ip", "-n", name, "link", "set", host, "alias", "martlet \(id) eth0 net default/\(id)")
        }

        func audit() throws -> AddressAudit {
            try AddressAudit(directories: ["\(directory)/ipam"], namespace: "/run/netns/\(name)")
        }

        func ctl(_ arguments: String...) throws -> Finished {
            let command = ["ip", "netns", "exec", name, try martletBinary("martletctl"), "ipam"] + arguments
            return try run(command + ["--state-dir", directory])
        }

        func file(_ name: String) -> String { "\(store.directory)/\(name)" }
    }

    @Test func `a store in good order has no problems, and the pods are alive`() throws {
        let node = try Node()
        try node.give("c1")
        try node.makeLink("c1")
        #expect(try node.audit().problems().isEmpty)
        #expect(try node.audit().records().map(\.life.isAlive) == [true])
        let check = try node.ctl("check")
        #expect(check.status == 0 && check.output == "Nothing is wrong: 1 attachment looked at.\n")
    }

    @Test func `leaks, duplicates, half-made records, nonsense and unrecorded links are found`() throws {
        let node = try Node()
        for id in ["c1", "leak", "half", "twin"] { try node.give(id) }
        for id in ["c1", "half", "twin", "lost"] { try node.makeLink(id) }
        try FileManager.default.removeItem(atPath: node.file("10.9.0.4"))
        try "twin\neth0\n10.9.0.2\n".write(toFile: node.file("twin@eth0"), atomically: true, encoding: .utf8)
        try "garbage".write(toFile: node.file("10.9.0.77"), atomically: true, encoding: .utf8)
        let problems = try node.audit().problems()
        func subjects(_ kind: AddressProblem.Kind) -> [String] {
            problems.filter { $0.kind == kind }.map(\.subject).sorted()
        }
        #expect(subjects(.leak) == ["leak@eth0"])
        #expect(subjects(.duplicate) == ["10.9.0.2"])
        #expect(subjects(.unfinished) == ["10.9.0.5", "half@eth0"])
        #expect(subjects(.unreadable) == ["10.9.0.77"])
        #expect(subjects(.unrecorded) == [PodIdentity(containerID: "lost", ifname: "eth0", network: "net").hostName])
        let check = try node.ctl("check", "-o", "json")
        #expect(check.status == 3)
        #expect(check.output.contains(#""kind" : "duplicate""#) && check.output.contains(#""ok" : false"#))
        #expect(try node.ctl("check").output.hasSuffix("6 problems, 4 attachments looked at.\n"))
    }

    @Test func `show tells who has what, for people and for programs`() throws {
        let node = try Node()
        try node.give("c1")
        try node.makeLink("c1")
        try node.give("gone")
        let table = try node.ctl("show").output
        #expect(table.hasPrefix("net: 2 addresses given out, 0 at rest\n"))
        #expect(table.contains("10.9.0.2   default/c1") && table.contains("GONE"))
        #expect(try node.ctl("show", "-o", "wide").output.contains("its link mlt"))
        let json = try node.ctl("show", "-o", "json").output
        #expect(json.contains(#""life" : "alive""#) && json.contains(#""containerID" : "gone""#))
        #expect(try node.ctl("show", "--data-dir", "/nonexistent").output.hasPrefix("No network"))
    }

    @Test func `release refuses what a live pod has and says why, unless it is forced`() throws {
        let node = try Node()
        try node.give("c1")
        try node.makeLink("c1")
        try node.give("gone")
        let refused = try node.ctl("release", "10.9.0.2")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("not released: 10.9.0.2 belongs to pod default/c1, and its link mlt"))
        #expect(refused.errors.contains("--force releases it all the same"))
        #expect(try node.store.records().count == 2)
        let released = try node.ctl("release", "gone")
        #expect(released.status == 0 && released.output == "net: released 10.9.0.3 of gone@eth0\n")
        #expect(try node.ctl("release", "gone").errors.contains("nobody has gone"))
        #expect(try node.ctl("release", "c1@eth0", "--force", "-o", "json").output.contains("\"10.9.0.2\""))
        #expect(try node.store.records().isEmpty)
    }

    @Test func `import takes host-local's directory over, can be tried first, and tells every problem`() throws {
        let node = try Node()
        let old = "\(node.directory)/old"
        try FileManager.default.createDirectory(atPath: old, withIntermediateDirectories: true)
        for (name, text) in [("10.9.0.2", "a1\r\neth0"), ("10.9.0.3", "b2\r\neth0"), ("last_reserved_ip.0", "x")] {
            try text.write(toFile: "\(old)/\(name)", atomically: true, encoding: .utf8)
        }
        #expect(
            try node.ctl("import", old, "--network", "net", "--dry-run").output.contains("would take over 2 addresses"))
        #expect(try node.store.records().isEmpty)
        #expect(try node.ctl("import", old, "--network", "net").output.contains("2 attachments were new"))
        #expect(try node.ctl("import", old, "--network", "net").output.contains("0 attachments were new"))
        #expect(try node.give("c1") == "10.9.0.4")
        for name in ["10.9.0.4", "10.9.0.5"] {
            try (name == "10.9.0.4" ? "z\neth0" : "/").write(
                toFile: "\(old)/\(name)", atomically: true, encoding: .utf8)
        }
        let broken = try node.ctl("import", old, "--network", "net")
        #expect(broken.status == 1 && broken.errors.contains("nothing was imported:\n  10.9.0.5 does not hold"))
        try FileManager.default.removeItem(atPath: "\(old)/10.9.0.5")
        #expect(
            try node.ctl("import", old, "--network", "net").errors.contains("10.9.0.4 of z@eth0 is given to c1@eth0"))
        #expect(try node.ctl("import", old, "--network", "../x").status == 1)
        #expect(try node.store.records().count == 3)
    }
}
