import AddressStore
import Foundation
import IPAM
import NetTypes
import PodWiring
import TestKit
import Testing

@testable import NodeAgent

/// Addresses of pods that are gone, in a node of namespaces.
struct LeakSweeperTests {
    /// A node's links and stores, and a sweeper that looks every tenth of a second.
    final class Rig: Sendable {
        let name = "mlt-leaks-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let directory: String
        let sweeper: LeakSweeper
        let log = LogLines()

        init(grace: Duration = .milliseconds(300), interval: Duration = .milliseconds(100), extra: [String] = []) throws
        {
            directory = NSTemporaryDirectory() + name
            try FileManager.default.createDirectory(atPath: "\(directory)/netns", withIntermediateDirectories: true)
            var settings = Configuration.IPAMSettings()
            (settings.sweepGrace, settings.sweepInterval) = (grace, interval)
            settings.directories = extra
            sweeper = LeakSweeper(stateDirectory: directory, settings: settings, logger: log.logger())
            try require("ip", "netns", "add", name)
        }

        deinit {
            _ = try? run(["ip", "netns", "del", name])
            try? FileManager.default.removeItem(atPath: directory)
        }

        func start() async { await sweeper.start(namespace: "/run/netns/\(name)") }

        func store(_ network: String = "net") -> AddressStore {
            AddressStore(directory: "\(directory)/ipam/\(network)")
        }

        /// An attachment's addresses, as a plugin has them given.
        func give(_ id: String, netns: String?, plugin: String = "martlet", network: String = "net") throws {
            var owner = AddressRecord(containerID: id, ifname: "eth0")
            (owner.netns, owner.plugin, owner.pod) = (netns, plugin, "default/\(id)")
            let range = try AddressRange(subnet: #require(Prefix("10.9.0.0/24")))
            _ = try store(network).allocate(for: owner, from: Allocator([RangeSet([range])]))
        }

        /// A file that stands for a namespace.
        func makeNetns(_ id: String) throws -> String {
            let path = "\(directory)/netns/\(id)"
            try "".write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        /// The host end of a pod's link.
        func makeLink(_ id: String, network: String = "net") throws {
            let host = PodIdentity(containerID: id, ifname: "eth0", network: network).hostName
            try require("ip", "-n", name, "link", "add", host, "type", "veth", "peer", "name", "p\(id)")
            try require("ip", "-n", name, "link", "set", host, "alias", "martlet \(id) eth0 \(network) default/\(id)")
        }

        func holders(_ network: String = "net") throws -> Set<String> {
            Set(try store(network).records().map(\.containerID))
        }
    }

    @Test func `what has neither link nor namespace goes, and nothing else does`() async throws {
        let rig = try Rig()
        // A live pod; one that lost its link; an ADD that was killed early; a pod whose namespace went away.
        try rig.give("live", netns: "\(rig.directory)/netns/none")
        try rig.makeLink("live")
        try rig.give("unlinked", netns: rig.makeNetns("unlinked"))
        try rig.give("killed", netns: "\(rig.directory)/netns/killed")
        let vanishing = try rig.makeNetns("vanishing")
        try rig.give("vanishing", netns: vanishing)
        // Nobody can tell: no namespace in the record, one in a directory that is not there, one of a process.
        try rig.give("imported", netns: nil)
        try rig.give("hidden", netns: "/nonexistent/netns/x")
        try rig.give("process", netns: "/proc/1/ns/none", plugin: "ptp")
        await rig.start()
        #expect(try await poll(within: 20) { try !rig.holders().contains("killed") })
        let rest: Set = ["live", "unlinked", "vanishing", "imported", "hidden", "process"]
        #expect(try rig.holders() == rest)
        try FileManager.default.removeItem(atPath: vanishing)
        #expect(try await poll(within: 20) { try !rig.holders().contains("vanishing") })
        #expect(try rig.holders() == rest.subtracting(["vanishing"]))
        let lines = rig.log.all.filter { $0.contains("taken back") }
        #expect(lines.count == 2)
        #expect(lines.contains { $0.contains("container=killed") && $0.contains("pod=default/killed") })
        #expect(lines.allSatisfy { $0.contains("network=net") && $0.contains("addresses=10.9.0.") })
        let tally = await rig.sweeper.tally
        #expect(tally.swept == 2)
        #expect(try await poll(within: 20) { await rig.sweeper.tally.unknown == 3 })
        await rig.sweeper.stop()
    }

    @Test func `a leak is taken back after the grace time only, and an ADD that is at work never`() async throws {
        let rig = try Rig(grace: .seconds(3600))
        try rig.give("adding", netns: "\(rig.directory)/netns/adding")
        await rig.start()
        #expect(try await poll(within: 20) { await rig.sweeper.tally.suspects == 1 })
        // Its link has come: all suspicion is gone.
        try rig.makeLink("adding")
        #expect(try await poll(within: 20) { await rig.sweeper.tally.suspects == 0 })
        #expect(try rig.holders() == ["adding"])
        await rig.sweeper.stop()
    }

    @Test func `other plugins' pods stay while the node routes to them; further directories are looked at`()
        async throws
    {
        let other = NSTemporaryDirectory() + "mlt-other-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: other) }
        let rig = try Rig(extra: [other])
        try require("ip", "-n", rig.name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        try require("ip", "-n", rig.name, "link", "set", "v0", "up")
        try rig.give("routed", netns: "\(rig.directory)/netns/none", plugin: "ptp")
        try require("ip", "-n", rig.name, "route", "add", "10.9.0.2/32", "dev", "v0")
        try rig.give("bridged", netns: "\(rig.directory)/netns/none", plugin: "bridge")
        var owner = AddressRecord(containerID: "far", ifname: "eth0")
        (owner.netns, owner.plugin) = ("\(rig.directory)/netns/none", "martlet")
        let far = AddressStore(directory: "\(other)/far")
        let range = try AddressRange(subnet: #require(Prefix("10.8.0.0/24")))
        _ = try far.allocate(for: owner, from: Allocator([RangeSet([range])]))
        await rig.start()
        #expect(try await poll(within: 20) { try rig.holders() == ["routed"] && far.records().isEmpty })
        await rig.sweeper.stop()
    }

    @Test func `with an interval of zero nothing is swept, and a reload turns it on`() async throws {
        let rig = try Rig(interval: .zero)
        try rig.give("killed", netns: "\(rig.directory)/netns/killed")
        await rig.start()
        #expect(await rig.sweeper.tally == LeakSweeper.Tally())
        var settings = Configuration.IPAMSettings()
        (settings.sweepInterval, settings.sweepGrace) = (.milliseconds(100), .zero)
        await rig.sweeper.change(settings)
        #expect(try await poll(within: 20) { try rig.holders().isEmpty })
        await rig.sweeper.stop()
    }
}

struct IPAMConfigurationTests {
    func load(_ ipam: String) -> (Configuration?, [String]) {
        let text =
            "node: {podCIDRs: [10.244.1.0/24]}\nclusterCIDRs: [10.244.0.0/16]\nbgp: {asn: 64601}\nipam: \(ipam)\n"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        return (configuration, problems.map(\.description))
    }

    @Test func `the sweep's times and directories are read, and have defaults`() throws {
        let settings = try #require(load("{sweepInterval: 5s, sweepGrace: 10m, directories: [/var/lib/x]}").0).ipam
        #expect(settings.sweepInterval == .seconds(5) && settings.sweepGrace == .seconds(600))
        #expect(settings.directories == ["/var/lib/x"])
        #expect(try #require(load("{}").0).ipam == Configuration.IPAMSettings())
        #expect(try #require(load("{sweepInterval: 0}").0).ipam.sweepInterval == .zero)
    }

    @Test(arguments: [
        ("{sweepInterval: 1ms}", "f:4:23: ipam.sweepInterval is \"1ms\""),
        ("{sweepGrace: soon}", "f:4:20: ipam.sweepGrace is \"soon\""),
        ("{directories: [var]}", "f:4:22: ipam.directories[0] is \"var\""),
        ("{sweepinterval: 1s}", "f:4:8: unknown key \"sweepinterval\" in ipam; did you mean \"sweepInterval\"?"),
    ])
    func `wrong values are told with their place`(text: String, problem: String) {
        let (configuration, problems) = load(text)
        #expect(configuration == nil)
        #expect(problems.contains { $0.hasPrefix(problem) }, "\(problems)")
    }
}
