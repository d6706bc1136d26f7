import FIB
import Foundation
import Testing

@testable import NodeAgent

/// Kernel settings in a directory that stands for /proc/sys.
@Suite struct KernelSettingsTests {
    private let root = NSTemporaryDirectory() + "mlt-settings-\(UUID().uuidString)"

    private func put(_ path: String, _ value: String) throws {
        let file = URL(fileURLWithPath: "\(root)/net/\(path)")
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("\(value)\n".utf8).write(to: file)
    }

    private func value(_ path: String) throws -> String {
        try String(contentsOfFile: "\(root)/net/\(path)", encoding: .utf8).filter { !$0.isWhitespace }
    }

    private func prepare(rpFilter: String = "1", all: String = "0") throws {
        try put("ipv4/ip_forward", "1")
        try put("ipv6/conf/all/forwarding", "0")
        try put("ipv4/fib_multipath_hash_policy", "0")
        try put("ipv6/fib_multipath_hash_policy", "3")
        try put("ipv4/fib_multipath_use_neigh", "0")
        for family in ["ipv4", "ipv6"] { try put("\(family)/conf/all/ignore_routes_with_linkdown", "0") }
        try put("ipv4/conf/all/rp_filter", all)
        for link in ["eth0", "eth1.100"] { try put("ipv4/conf/\(link)/rp_filter", rpFilter) }
    }

    @Test func `what routing needs is set, what somebody chose stays, and both are told`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        var settings = KernelSettings(root: root, mayChange: true)
        let changed = settings.apply(uplinks: ["eth0", "eth1.100"])
        #expect(changed.allSatisfy { $0.problem == nil && $0.before != nil })
        #expect(
            changed.map(\.name) == [
                "net.ipv6.conf.all.forwarding", "net.ipv4.fib_multipath_hash_policy",
                "net.ipv4.fib_multipath_use_neigh",
                "net.ipv4.conf.all.ignore_routes_with_linkdown", "net.ipv6.conf.all.ignore_routes_with_linkdown",
                "net.ipv4.conf.eth0.rp_filter", "net.ipv4.conf.eth1.100.rp_filter",
            ])
        #expect(try value("ipv4/fib_multipath_hash_policy") == "1")
        #expect(try value("ipv6/fib_multipath_hash_policy") == "3")
        #expect(try value("ipv4/conf/eth1.100/rp_filter") == "2")
        // The second look finds nothing to do, and still knows what was.
        #expect(settings.apply(uplinks: ["eth0", "eth1.100"]).isEmpty)
        #expect(settings.settings.first { $0.name.hasSuffix("eth0.rp_filter") }?.before == "1")
    }

    @Test func `with one uplink, or no strict check, rp_filter stays`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        var settings = KernelSettings(root: root, mayChange: true)
        _ = settings.apply(uplinks: ["eth0"])
        #expect(try value("ipv4/conf/eth0/rp_filter") == "1")
        try prepare(rpFilter: "0")
        _ = settings.apply(uplinks: ["eth0", "eth1.100"])
        #expect(try value("ipv4/conf/eth0/rp_filter") == "0")
        try prepare(rpFilter: "0", all: "1")
        _ = settings.apply(uplinks: ["eth0", "eth1.100"])
        #expect(try value("ipv4/conf/eth0/rp_filter") == "2")
    }

    @Test func `a look changes nothing, and a file that is missing is told`() throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        try prepare()
        try FileManager.default.removeItem(atPath: "\(root)/net/ipv6/fib_multipath_hash_policy")
        var settings = KernelSettings(root: root, mayChange: false)
        let news = settings.apply(uplinks: [])
        #expect(try value("ipv4/fib_multipath_hash_policy") == "0")
        #expect(
            news.first { $0.name == "net.ipv4.fib_multipath_hash_policy" }?.problem
                == "is 0, should be 1, and fib.sysctl is check")
        #expect(news.contains { $0.name == "net.ipv6.fib_multipath_hash_policy" && $0.value == nil })
        #expect(settings.settings.first { $0.name == "net.ipv4.ip_forward" }?.isAsWanted == true)
    }

    @Test func `the keys of the configuration are read`() {
        func load(_ fib: String) -> (Configuration.FIBSettings?, [String]) {
            let text = "bgp: {asn: 1}\nfib: {\(fib)}"
            let (configuration, problems) = Configuration.load(
                text: text, file: "f", hostname: "h", inspect: { _ in [] })
            return (configuration?.fib, problems.map(\.description))
        }
        #expect(load("").0?.ecmp == .resilient && load("").0?.changesSettings == true)
        #expect(load("ecmp: hash, sysctl: check").0?.ecmp == .hash)
        #expect(load("ecmp: inline, sysctl: check").0?.changesSettings == false)
        #expect(load("ecmp: many").1.contains { $0.contains("resilient, hash, inline") })
        #expect(load("sysctl: never").1.contains { $0.contains("check") })
    }
}
