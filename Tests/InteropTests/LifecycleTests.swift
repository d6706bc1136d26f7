import Foundation
import Glibc
import Lab
import NetTypes
import TestKit
import Testing

/// A datagram socket in the place of systemd's, and all that it heard.
private final class ServiceListener: @unchecked Sendable {
    let path: String
    private let descriptor: CInt
    private let lock = NSLock()
    private var lines: [String] = []

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && chmod(path, 0o777) == 0)
    }

    deinit { close(descriptor) }

    /// All lines up to now, in their order.
    var heard: [String] {
        lock.withLock {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
                guard count > 0 else { return lines }
                lines += String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
            }
        }
    }

    func count(_ line: String) -> Int { heard.count { $0 == line } }
}

extension Interop {
    /// The agent as a process: what it needs, what it is told, and what it tells.
    @Suite(.serialized)
    struct LifecycleTests {
        private static let secret = "balrog-1"
        /// All that the agent may do beside what any user may.
        private static let powers = "-all,+net_admin,+net_bind_service"

        private static func setpriv(_ powers: String) -> [String] {
            [
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=\(powers)",
                "--ambient-caps=\(powers)", "--bounding-set=\(powers)", "--no-new-privs",
            ]
        }

        /// `ip netns exec` gives a mount namespace of its own: in it, all but `writable` becomes read-only.
        private static func readOnly(but writable: [String]) -> [String] {
            let binds = writable.map { "mount --bind \($0) \($0)" }
            let rest = ["mount --bind /proc/sys /proc/sys", "mount -o remount,bind,ro /proc/sys"]
            let root = ["mount -o remount,bind,ro /", "exec \"$@\""]
            return ["sh", "-ec", (binds + rest + root).joined(separator: " && "), "sh"]
        }

        private static func own(_ path: String) { #expect(chown(path, 65534, 65534) == 0) }

        private static func status(_ pid: pid_t?, _ key: String) throws -> String {
            let text = try String(contentsOfFile: "/proc/\(try #require(pid))/status", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(key):") })
            return String(line.dropFirst(key.count + 1).filter { $0 != "\t" })
        }

        @Test func `everything works for a user with two capabilities, on a root that nobody can write`() throws {
            try Rack.use { rack in
                let link = rack.link(node: 0)
                let directory = rack.directory(Rack.nodeName(0))
                var dialect = rack.routerConfiguration()
                for index in dialect.neighbors.indices {
                    dialect.neighbors[index].options = [
                        "password \(Self.secret)", "ttl-security hops 1",
                    ]
                }
                let tor = try rack.startRouter(.frr, dialect)
                let node = try rack.martlet(0)
                let (lists, key) = ("\(directory)/net.d", "\(directory)/key")
                try FileManager.default.createDirectory(atPath: lists, withIntermediateDirectories: true)
                try "\(Self.secret)\n".write(toFile: key, atomically: false, encoding: .utf8)
                #expect(chmod(key, 0o600) == 0)
                for path in [node.stateDirectory, lists, key, node.configurationFile] { Self.own(path) }
                let binaries = URL(fileURLWithPath: try martletBinary("martlet")).deletingLastPathComponent().path
                try node.configure {
                    $0.peers[0].options = ["passwordFile: \(key)", "ttlSecurity: true"]
                    $0.extra = "cni: {write: true, confDir: \(lists), binDir: \(binaries)}"
                }
                Self.own(node.configurationFile)
                node.entry =
                    Self.readOnly(but: [node.stateDirectory, lists]) + Self.setpriv(Self.powers)
                try node.start()
                #expect(try Self.status(node.pid, "Uid").hasPrefix("65534"))
                #expect(try Self.status(node.pid, "CapEff") == "0000000000001400")
                #expect(try Self.status(node.pid, "NoNewPrivs") == "1")

                // Session with MD5 and GTSM, routes both ways, aggregates.
                // The other one is root's, without the right to read the files of others.
                let otherKey = "\(directory)/key-of-root"
                try "\(Self.secret)\n".write(toFile: otherKey, atomically: false, encoding: .utf8)
                #expect(chmod(otherKey, 0o600) == 0)
                let other = try rack.startMartlet(1) {
                    $0.peers[0].options = ["passwordFile: \(otherKey)", "ttlSecurity: true"]
                }
                try tor.waitEstablished(link.nodeIPv4)
                let all = Set(Rack.podCIDRs(0) + Rack.podCIDRs(1))
                for index in rack.nodes.indices { try rack.nodes[index].waitPrefixes(all, protocolID: 179) }
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4)
                try eventually("the list is there", last: { node.logTail }) {
                    access("\(lists)/10-martlet.conflist", F_OK) == 0
                }
                try eventually("ready") { try node.ctl("ready").succeeded }

                // Pods, whose links DEL leaves to the agent.
                let here = try Pod("pod-a1", in: rack.name, on: try node.podNetwork())
                let there = try Pod("pod-b1", in: rack.name, on: try other.podNetwork())
                let stream = try ProbeStream(from: there.namespace, to: try here.address(.ipv4))
                try stream.advance(by: 50)
                try node.configure { $0.options = ["minimumAdvertisementInterval: 1s"] }
                node.reload()
                try eventually("the reload is applied") {
                    try node.json("status")["configuration"]["reloads"].int ?? 0 > 0
                }
                try stream.advance(by: 50)
                #expect(stream.stop().lost == 0)
                try here.network.delete(here.identity, netns: here.namespace.path)
                try eventually("the agent has deleted the pod's link") {
                    try rack.nodes[0].ip("link", "show").array.allSatisfy {
                        $0["ifname"].string?.hasPrefix("mlt") != true && $0["group"].string != "7171188"
                    }
                }
                #expect(try node.json("status")["pid"].int == node.pid.map(Int.init))
                node.stop()
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all, "routes stay")
            }
        }

        @Test(arguments: [(false, "0000000000001400"), (true, "0000000000003400")])
        func `an agent of root keeps two capabilities, and a third for unnumbered peers`(
            isUnnumbered: Bool, powers: String
        ) throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.martlet(0)
                let lists = "\(rack.directory(Rack.nodeName(0)))/net.d"
                try FileManager.default.createDirectory(atPath: lists, withIntermediateDirectories: true)
                let binaries = URL(fileURLWithPath: try martletBinary("martlet")).deletingLastPathComponent().path
                try node.configure {
                    if isUnnumbered { $0.peers[0].location = "interface: eth0" }
                    $0.extra = "cni: {write: true, confDir: \(lists), binDir: \(binaries)}"
                }
                for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] { try rack.nodes[0].set([path: "0"]) }
                try node.start()
                // Each thread for itself: a thread that was there before would have kept them.
                let pid = try #require(node.pid)
                let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
                #expect(threads.count > 1)
                for thread in threads {
                    // One that has just ended has none.
                    let path = "/proc/\(pid)/task/\(thread)/status"
                    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
                    for line in ["CapPrm:\t\(powers)", "CapEff:\t\(powers)", "CapBnd:\t\(powers)", "NoNewPrivs:\t1"] {
                        #expect(text.contains("\n\(line)\n"), "\(line): \(text)")
                    }
                }
                #expect(try Self.status(pid, "Uid").hasPrefix("0"))

                // What the agent does beside BGP: settings, routes, the list (plugins are run), pods that go.
                for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                    #expect(try rack.nodes[0].require("cat", "/proc/sys/net/\(path)").hasPrefix("1"))
                }
                try rack.nodes[0].waitPrefixes(Set(Rack.podCIDRs(0)), protocolID: 179)
                guard !isUnnumbered else { return }
                _ = try rack.startRouter(.frr)
                try eventually("the list is there", last: { node.logTail }) {
                    access("\(lists)/10-martlet.conflist", F_OK) == 0
                }
                let pod = try Pod("pod-a1", in: rack.name, on: try node.podNetwork())
                try pod.network.delete(pod.identity, netns: pod.namespace.path)
                try eventually("the agent has deleted the pod's link") {
                    try rack.nodes[0].ip("link", "show").array.allSatisfy {
                        $0["ifname"].string?.hasPrefix("mlt") != true && $0["group"].string != "7171188"
                    }
                }
                #expect(try node.ctl("fib", "verify").succeeded)
                #expect(try node.ctl("pods").succeeded)
            }
        }

        @Test(arguments: [
            ("-all,+net_bind_service", "CAP_NET_ADMIN"), ("-all,+net_admin", "CAP_NET_BIND_SERVICE"),
        ]) func `a missing capability is named`(powers: String, missing: String) throws {
            try Rack.use(nodes: 1) { rack in
                let node = try rack.martlet(0)
                Self.own(node.stateDirectory)
                let program = try martletBinary("martletd")
                let finished = try rack.nodes[0].run(
                    Self.setpriv(powers) + [program, "--config", node.configurationFile])
                #expect(!finished.succeeded)
                #expect(finished.errors.contains("\(missing) (AmbientCapabilities="), "\(finished.errors)")
            }
        }

        @Test func `a service manager hears of the start, of reloads, of every watchdog interval and of the end`()
            throws
        {
            try Rack.use(nodes: 1) { rack in
                let listener = try ServiceListener("\(rack.name.directory)/notify")
                let node = try rack.martlet(0)
                node.entry = ["env", "NOTIFY_SOCKET=\(listener.path)", "WATCHDOG_USEC=400000"]
                try node.start()
                // Alive without any peer, and not ready without routes.
                try eventually("the watchdog is fed") { listener.count("WATCHDOG=1") > 2 }
                #expect(listener.count("READY=1") == 0)
                #expect(try node.ctl("health").succeeded)
                #expect(try !node.ctl("ready").succeeded)
                let tor = try rack.startRouter(.frr)
                try tor.waitEstablished(rack.link(node: 0).nodeIPv4)
                try eventually("READY after End-of-RIB") { listener.count("READY=1") == 1 }
                #expect(try node.ctl("ready").succeeded)

                node.reload()
                try eventually("READY after RELOADING") { listener.count("READY=1") == 2 }
                let heard = listener.heard
                let reloading = try #require(heard.firstIndex(of: "RELOADING=1"))
                #expect(heard[reloading + 1].hasPrefix("MONOTONIC_USEC="))
                #expect(try #require(heard.lastIndex(of: "READY=1")) > reloading)
                node.stop()
                #expect(listener.heard.contains("STOPPING=1"))
            }
        }

        @Test func `a loop that hangs starves the watchdog`() throws {
            try Rack.use(nodes: 1) { rack in
                let listener = try ServiceListener("\(rack.name.directory)/notify")
                let node = try rack.martlet(0)
                node.entry = ["env", "NOTIFY_SOCKET=\(listener.path)", "WATCHDOG_USEC=200000"]
                try node.start()
                try eventually("the watchdog is fed") { listener.count("WATCHDOG=1") > 2 }
                // A process that is stopped ticks no more; going on, it does.
                let pid = try #require(node.pid)
                #expect(kill(pid, SIGSTOP) == 0)
                _ = listener.heard
                let before = listener.count("WATCHDOG=1")
                #expect(always(for: 1) { listener.count("WATCHDOG=1") == before })
                #expect(kill(pid, SIGCONT) == 0)
                try eventually("it is fed again") { listener.count("WATCHDOG=1") > before }
            }
        }

        @Test func `a changed file is taken over within 100 ms without a signal, and no session notices`() throws {
            try Rack.use(nodes: 1) { rack in
                let tor = try rack.startRouter(.frr)
                let node = try rack.startMartlet(0)
                let link = rack.link(node: 0)
                try tor.waitEstablished(link.nodeIPv4)
                var quickest = Int.max
                for round in 1...5 {
                    let prefix = "10.244.\(100 + round).0/24"
                    let began = Date()
                    try node.configure { $0.podCIDRs = [prefix, Rack.podCIDRs(0)[1]] }
                    try eventually("it is taken over") {
                        try node.json("status")["configuration"]["reloads"].int == round
                    }
                    let loaded = try node.json("status")["configuration"]["loadedMilliseconds"].int ?? 0
                    quickest = min(quickest, loaded - Int(began.timeIntervalSince1970 * 1000))
                    try tor.waitAccepted([prefix, Rack.podCIDRs(0)[1]], from: link.nodeIPv4, within: 5)
                    try rack.nodes[0].waitPrefixes([prefix, Rack.podCIDRs(0)[1]], protocolID: 179)
                }
                #expect(quickest < 100, "milliseconds from the first octet written to the last loop told")
                #expect(try node.session(link.routerIPv4)["establishedCount"].int == 1)

                // Beforehand, and with an exit status.
                let text = try String(contentsOfFile: node.configurationFile, encoding: .utf8)
                let other = "\(rack.name.directory)/other.yaml"
                let program = try martletBinary("martletd")
                func check(_ text: String) throws -> Finished {
                    try text.write(toFile: other, atomically: true, encoding: .utf8)
                    return try rack.nodes[0].run([program, "check", "--against-running", other])
                }
                #expect(try check(text).status == 0)
                let reset = try check(text.replacing("holdTime: 90s", with: "holdTime: 60s"))
                #expect(reset.status == 2)
                #expect(reset.output.contains("tor: the session resets, for holdTime changed (it is established now)"))
                #expect(try check("bgp: 1\n").status == 1)

                // A broken file changes nothing, and is told.
                try "bgp: {asn: 64601\n".write(toFile: node.configurationFile, atomically: true, encoding: .utf8)
                try eventually("it is refused") {
                    try node.json("status")["configuration"]["refusals"].int ?? 0 > 0
                }
                #expect(try node.ctl("status").output.contains("STALE"))
                #expect(try node.ctl("configuration").output.contains("martletd.yaml:"))
                #expect(try node.ctl("metrics").output.contains("martlet_config_stale 1\n"))
                #expect(try tor.state(of: link.nodeIPv4) == "Established")
                #expect(try node.session(link.routerIPv4)["establishedCount"].int == 1)
            }
        }

        @Test func `STATUS, readiness and the list follow the ToR's End-of-RIB; the own prefix does not wait`() throws {
            try Rack.use(tors: 2, nodes: 1) { rack in
                // The second router never runs: only the deferral ends the wait for it.
                let tor = try rack.startRouter(.frr)
                let lists = "\(rack.name.directory)/net.d"
                try FileManager.default.createDirectory(atPath: lists, withIntermediateDirectories: true)
                let binaries = URL(fileURLWithPath: try martletBinary("martlet")).deletingLastPathComponent().path
                let node = try rack.startMartlet(0) {
                    $0.deferralTime = 6
                    $0.extra = "cni: {write: true, confDir: \(lists), binDir: \(binaries)}"
                }
                let link = rack.link(node: 0)
                try tor.waitEstablished(link.nodeIPv4)
                try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: link.nodeIPv4, within: 4)
                let list = "\(lists)/10-martlet.conflist"
                if try node.json("status")["start"].string != "ready" {
                    #expect(access(list, F_OK) != 0)
                    #expect(try !node.ctl("ready").succeeded)
                }
                #expect(try node.ctl("health").succeeded)
                try eventually("ready after the deferral") { try node.ctl("ready").succeeded }
                #expect(access(list, F_OK) == 0)
                #expect(try node.ctl("status").output.contains("Start"))
            }
        }
    }
}
