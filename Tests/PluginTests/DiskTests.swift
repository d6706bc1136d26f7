import CNIPlugin
import Foundation
import TestKit
import Testing

/// DEL when the disk of the state directory is full or cannot be written, and before ADD was done.
struct DiskTests {
    /// The node's state directory becomes a file system of its own; `remount` changes its options.
    final class Disk {
        let node: PluginNode

        init(_ node: PluginNode) throws {
            self.node = node
            let state = try String(contentsOfFile: "\(node.directory)/node.json", encoding: .utf8)
            try require("mount", "-t", "tmpfs", "-o", "size=64k", "mlt", node.directory)
            try state.write(toFile: "\(node.directory)/node.json", atomically: false, encoding: .utf8)
        }

        func remount(_ options: String) throws { try require("mount", "-o", "remount,\(options)", node.directory) }

        deinit { _ = try? run(["umount", "-l", node.directory]) }
    }

    @Test func `R19: with a full disk ADD fails with nothing left, and DEL takes everything away`() throws {
        let node = try PluginNode()
        let disk = try Disk(node)
        let (pod, other) = (try node.makePod(), try node.makePod("q"))
        let wish = node.config(
            "1.1.0", more: #","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}"#)
        #expect(try node.call("ADD", wish, netns: PluginNode.path(pod)).status == 0)
        _ = try run(["sh", "-c", "cat /dev/zero >\(node.directory)/fill"])
        let full = try node.call("ADD", node.config("1.1.0"), id: "c2", netns: PluginNode.path(other))
        #expect(full.code == 5, "\(full.message)")
        #expect(full.message.contains("No space left"))
        #expect(try node.links(other) == [])
        let deleted = try node.call("DEL", wish, netns: PluginNode.path(pod))
        #expect(deleted.status == 0, "\(deleted.message)")
        try node.expectClean()
        #expect(try node.table(HostPortTests.table).isEmpty && node.marks == [])
        withExtendedLifetime(disk) {}
    }

    @Test func `R19: with a read-only disk DEL succeeds and takes link, routes and ports away`() throws {
        let node = try PluginNode()
        let disk = try Disk(node)
        let pod = try node.makePod()
        let wish = node.config(
            "1.1.0", more: #","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}"#)
        #expect(try node.call("ADD", wish, netns: PluginNode.path(pod)).status == 0)
        try disk.remount("ro")
        for netns in [PluginNode.path(pod), nil] {
            let deleted = try node.call("DEL", wish, netns: netns)
            #expect(deleted.status == 0, "\(deleted.message)")
        }
        #expect(try node.links(node.name) == [])
        #expect(try node.table(HostPortTests.table).isEmpty)
        // The record is what could not be removed; it goes with the next DEL or GC.
        try disk.remount("rw")
        #expect(try node.call("DEL", wish).status == 0)
        try node.expectClean()
        #expect(node.marks == [])
    }

    @Test func `DEL before anything was made, and of half of it, succeeds`() throws {
        let node = try PluginNode(podCIDRs: nil)
        let pod = try node.makePod()
        let config = node.config("1.1.0")
        for more in ["", #","prevResult":{}"#, #","prevResult":{"interfaces":"?"}"#, #","delete":7,"mtu":"x""#] {
            for netns in [PluginNode.path(pod), nil, "/etc/hostname", "/var/run/netns/none"] {
                let deleted = try node.call("DEL", node.config("1.1.0", more: more), netns: netns)
                #expect(deleted.status == 0, "\(more) \(deleted.message)")
            }
        }
        // The interface in the pod is somebody else's.
        try require("ip", "-n", pod, "link", "add", "eth0", "type", "veth", "peer", "name", "other")
        #expect(try node.call("DEL", config, netns: PluginNode.path(pod)).status == 0)
        #expect(try Set(node.links(pod)) == ["eth0", "other"])
    }
}
