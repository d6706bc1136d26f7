import NodeAgent
import Testing

/// A text and every problem that it must give, word by word.
struct ProblemRow: Sendable, CustomTestStringConvertible {
    let text: String
    let problems: [String]

    init(_ text: String, _ problems: String...) { (self.text, self.problems) = (text, problems) }

    var testDescription: String { text }
}

/// One row for each way in which a file can be wrong.
struct ConfigurationProblemTests {
    private static func problems(_ text: String) -> [String] {
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        #expect((configuration == nil) == problems.contains { $0.severity == .error })
        return problems.map(\.description)
    }

    @Test(arguments: [
        ProblemRow(
            "bgp: [1",
            "f:2:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence; look at the "
                + "indentation, quotes and brackets here and above"),
        ProblemRow(
            "bgp:\n\tasn: 1",
            "f:2:1: not valid YAML: found character that cannot start any token while scanning for the next "
                + "token; indent with spaces, not with tabs"),
        ProblemRow(
            "bgp: {asn: 1}\n---\nbgp: {asn: 2}",
            "f:2:1: a second document begins here; write one document, without \"---\""),
        ProblemRow(
            "bgp: {asn: &a 1}",
            "f:1:12: YAML anchors are not allowed here; write the value where it is used"),
        ProblemRow(
            "bgp: {asn: 1}\nnode: *x",
            "f:2:7: YAML aliases are not allowed here; write the value again"),
        ProblemRow(
            "bgp: {asn: 1, asn: 2}\nlog: {}\nlog: {}",
            "f:1:15: the key \"asn\" is already in line 1; keep one of them",
            "f:3:1: the key \"log\" is already in line 2; keep one of them"),
        ProblemRow(
            "bgp: {asn: 1}\n? [a]\n: b",
            "f:2:3: a key must be a word; write KEY: VALUE"),
        ProblemRow(
            "bgp: {asn: 1} # \u{1}",
            "f:1:17: not text that YAML allows: control characters are not allowed; remove it"),
        ProblemRow(
            "- bgp",
            "f:1:1: the file must be a mapping; write lines of KEY: VALUE"),
        ProblemRow(
            "bgp: 7",
            "f:1:6: bgp must be a mapping; write lines of KEY: VALUE"),
        ProblemRow(
            "hello",
            "f:1:1: the file must be a mapping; write lines of KEY: VALUE"),
    ])
    func `broken YAML`(row: ProblemRow) { #expect(Self.problems(row.text) == row.problems) }

    @Test(arguments: [
        ProblemRow(
            "log: {level: info}",
            "f:1:1: bgp.asn is missing; write an AS number from 1 to 4294967294 (23456 and 65535 are reserved)"),
        ProblemRow(
            "bgp: {asn: }",
            "f:1:6: bgp.asn is missing; write an AS number from 1 to 4294967294 (23456 and 65535 are reserved)"),
        ProblemRow(
            "bgp: {asn: 1, holdtime: 90s}",
            "f:1:15: unknown key \"holdtime\" in bgp; did you mean \"holdTime\"?"),
        ProblemRow(
            "bgp: {asn: 1, xyzzy: 1}",
            "f:1:15: unknown key \"xyzzy\" in bgp; known keys: aggregates, asn, bestPath, clusterID, "
                + "connectRetryTime, gracefulRestart, holdTime, keepaliveTime, listenAddress, listenPort, "
                + "minimumAdvertisementInterval, peers, policies, sendHoldTime"),
        ProblemRow(
            "bgp: {asn: 1}\nnode: {routerId: 192.0.2.1}",
            "f:2:8: unknown key \"routerId\" in node; did you mean \"routerID\"?"),
        ProblemRow(
            "bgp: {asn: 1, listenPort: 65536}",
            "f:1:27: bgp.listenPort is \"65536\"; write a TCP port from 1 to 65535, or 0 to accept no connection"),
        ProblemRow(
            "bgp: {asn: 1, holdTime: 90}",
            "f:1:25: bgp.holdTime is \"90\"; write 0 for none, or whole seconds from 3s to 65535s"),
        ProblemRow(
            "bgp: {asn: 1, holdTime: 2s, connectRetryTime: 500ms, keepaliveTime: 1x}",
            "f:1:25: bgp.holdTime is \"2s\"; write 0 for none, or whole seconds from 3s to 65535s",
            "f:1:47: bgp.connectRetryTime is \"500ms\"; write whole seconds from 1s to 3600s",
            "f:1:69: bgp.keepaliveTime is \"1x\"; write whole seconds from 1s to 21845s"),
        ProblemRow(
            "bgp: {asn: 1, holdTime: 30s, keepaliveTime: 30s}",
            "f:1:45: bgp.keepaliveTime must be shorter than bgp.holdTime (30s), or peers drop the session; "
                + "remove it to use a third of the hold time"),
        ProblemRow(
            "bgp: {asn: 1, holdTime: 30s, sendHoldTime: 30s}",
            "f:1:44: bgp.sendHoldTime must be longer than every hold time (30s); remove it to use eight minutes, or "
                + "twice the hold time when that is more"),
        ProblemRow(
            "bgp: {asn: 1, sendHoldTime: 3s}",
            "f:1:29: bgp.sendHoldTime is \"3s\"; write 0 for no limit, or whole seconds from 4s to 131070s"),
        ProblemRow("bgp: {asn: 1, sendHoldTime: 0s}"),
        ProblemRow(
            "bgp: {asn: [1]}",
            "f:1:12: bgp.asn must be a single value; write an AS number from 1 to 4294967294 (23456 and 65535 "
                + "are reserved)"),
        ProblemRow(
            "bgp: {asn: 1, peers: {}}",
            "f:1:22: bgp.peers must be a list; write [A, B], or lines that begin with \"- \""),
        ProblemRow(
            "bgp: {asn: 1, listenAddress: 0.0.0.0, clusterID: 0.0.0.0}",
            "f:1:30: bgp.listenAddress is \"0.0.0.0\"; write a unicast IPv4 or IPv6 address",
            "f:1:50: bgp.clusterID is \"0.0.0.0\"; write an IPv4 address such as 192.0.2.10"),
        ProblemRow(
            "bgp: {asn: 1, gracefulRestart: {enabled: yes, restartTime: 4096s}}",
            "f:1:42: bgp.gracefulRestart.enabled is \"yes\"; write true or false",
            "f:1:60: bgp.gracefulRestart.restartTime is \"4096s\"; write whole seconds from 1s to 4095s"),
        ProblemRow(
            "bgp: {asn: 1}\nfib: {table: 255, metric: 0}",
            "f:2:14: fib.table is \"255\"; write main, or a table number from 1 to 4294967295 (255 is the kernel's "
                + "own)",
            "f:2:27: fib.metric is \"0\"; write a number from 1 to 4294967295"),
        ProblemRow(
            "bgp: {asn: 1}\nlog: {level: loud, format: xml}",
            "f:2:14: log.level is \"loud\"; write trace, debug, info, notice, warning, error or critical",
            "f:2:28: log.format is \"xml\"; write logfmt or json"),
        ProblemRow(
            "bgp: {asn: 1}\nnode: {name: a b, stateDir: run, podCIDRs: 10.0.0.0/24}",
            "f:2:14: node.name is \"a b\"; write a name without spaces, such as node-a",
            "f:2:29: node.stateDir is \"run\"; write an absolute path",
            "f:2:44: node.podCIDRs must be a list; write [A, B], or lines that begin with \"- \""),
        ProblemRow(
            "bgp: {asn: 1}\nimport: {ipv4: {minLength: 30}, ipv6: {maxLength: 129}}",
            "f:2:28: import.ipv4 allows no length: minLength 30 is above maxLength 28; swap or change them",
            "f:2:51: import.ipv6.maxLength is \"129\"; write a prefix length from 0 to 128"),
        ProblemRow(
            "bgp: {asn: 1}\nmetrics: {listen: 127.0.0.1}",
            "f:2:19: metrics.listen is \"127.0.0.1\"; write an address and a port, such as 127.0.0.1:9179 or "
                + "\"[::1]:9179\""),
        ProblemRow(
            "bgp: {asn: 1}\nmetrics: {listen: \"::1:9179\", port: 1}",
            "f:2:19: metrics.listen is \"::1:9179\"; write an address and a port, such as 127.0.0.1:9179 or "
                + "\"[::1]:9179\"",
            "f:2:31: unknown key \"port\" in metrics; known keys: listen"),
        ProblemRow(
            "bgp: {asn: 1}\nmetrics: {listen: 127.0.0.1:70000}",
            "f:2:19: metrics.listen is \"127.0.0.1:70000\"; write an address and a port, such as 127.0.0.1:9179 or "
                + "\"[::1]:9179\""),
        ProblemRow(
            "bgp: {asn: 1}\ncontrol: {socket: martletd.sock}",
            "f:2:19: control.socket is \"martletd.sock\"; write an absolute path of at most 107 bytes"),
    ])
    func `wrong keys and values`(row: ProblemRow) { #expect(Self.problems(row.text) == row.problems) }

    @Test(arguments: [
        ProblemRow(
            "{name: a}",
            "f:2:1: bgp.peers[0].address is missing; write a unicast IPv4 or IPv6 address",
            "f:2:1: bgp.peers[0].asn is missing; write the peer's AS number (23456 and 65535 are reserved), "
                + "internal for our own, or external for any other"),
        ProblemRow(
            "{address: 192.0.2.1}",
            "f:2:1: bgp.peers[0].asn is missing; write the peer's AS number (23456 and 65535 are reserved), "
                + "internal for our own, or external for any other"),
        ProblemRow(
            "{address: 192.0.2.1, asn: outside}",
            "f:2:27: bgp.peers[0].asn is \"outside\"; write the peer's AS number (23456 and 65535 are reserved), internal"
                + " for our own, or external for any other"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 65535}",
            "f:2:27: bgp.peers[0].asn is \"65535\"; write the peer's AS number (23456 and 65535 are reserved), "
                + "internal for our own, or external for any other"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, maxPrefixes: {limit: 0, warnAt: 101}, allowOwnAS: 11}",
            "f:2:51: bgp.peers[0].maxPrefixes.limit is \"0\"; write prefixes of one family, 1 to 10000000",
            "f:2:62: bgp.peers[0].maxPrefixes.warnAt is \"101\"; write percent of the limit, 1 to 100",
            "f:2:80: bgp.peers[0].allowOwnAS is \"11\"; write how often our own AS may stand in the path of a route, "
                + "0 to 10"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, password: /etc/x}",
            "f:2:30: bgp.peers[0].password is not supported yet; write the password into a file that only root can "
                + "read, and its path as passwordFile"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, pasive: true}",
            "f:2:30: unknown key \"pasive\" in bgp.peers[0]; did you mean \"passive\"?"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, families: [ipv4, ipv6-unicast, ipv6-unicast]}",
            "f:2:41: bgp.peers[0].families[0] is \"ipv4\"; write ipv4-unicast or ipv6-unicast",
            "f:2:61: ipv6-unicast is listed twice; remove it"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, families: []}",
            "f:2:40: bgp.peers[0].families is empty; write ipv4-unicast or ipv6-unicast, or remove it for both"),
        ProblemRow(
            "{address: 'fe80::1', asn: 2}",
            "f:2:11: fe80::1 is link-local; write the interface that it is on as interface, too"),
        ProblemRow(
            "{address: 224.0.0.1, asn: 2}",
            "f:2:11: bgp.peers[0].address is \"224.0.0.1\"; write a unicast IPv4 or IPv6 address"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, localAddress: 192.0.2.1}",
            "f:2:11: 192.0.2.1 is our own address; write the peer's"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, localAddress: 'fd00::1'}",
            "f:2:44: fd00::1 cannot reach 192.0.2.1; write an ipv4 address, or remove it"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, import: all, export: all}",
            "f:2:38: import: all would let the peer write any route into this node's kernel; write cluster, or "
                + "set fib.enabled: false",
            "f:2:51: warning: export: all makes this node a transit router, like a ToR; write own if it only has pods"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, import: safe}",
            "f:2:38: bgp.peers[0].import is \"safe\"; write cluster, all or none"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, routeReflectorClient: true}",
            "f:2:52: only internal peers can be clients of a route reflector; remove routeReflectorClient, or "
                + "write asn: internal"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2, name: tor 1}",
            "f:2:36: bgp.peers[0].name is \"tor 1\"; write letters, digits, \".\", \"_\", \"-\" or \":\", at most 63"),
        ProblemRow(
            "{address: 10.244.1.9, asn: 2}",
            "f:2:11: 10.244.1.9 lies in the pod CIDR 10.244.1.0/24 of this node; write the router's address"),
        ProblemRow(
            "{address: 192.0.2.1, asn: 2}, {address: 192.0.2.1, asn: 3}",
            "f:2:41: the address 192.0.2.1 already belongs to the peer in line 2; remove one of them"),
        ProblemRow(
            "{name: a, address: 192.0.2.1, asn: 2}, {name: a, address: 192.0.2.2, asn: 3}",
            "f:2:47: the name \"a\" already belongs to the peer in line 2; choose another"),
        ProblemRow(
            "7",
            "f:2:1: bgp.peers[0] must be a mapping; write lines of KEY: VALUE"),
    ])
    func `wrong peers`(row: ProblemRow) {
        let rest = "node: {podCIDRs: [10.244.1.0/24]}\nclusterCIDRs: [10.244.0.0/16]"
        #expect(Self.problems("bgp: {asn: 1, peers: [\n\(row.text)]}\n\(rest)") == row.problems)
    }

    @Test(arguments: [
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16]\nnode:\n  podCIDRs: [10.244.1.5/24]",
            "f:4:14: node.podCIDRs[0] is \"10.244.1.5/24\"; write a prefix without host bits, such as 10.244.1.0/24"),
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16]\nnode:\n  podCIDRs: [10.245.1.0/24]",
            "f:4:14: 10.245.1.0/24 lies in none of clusterCIDRs, so other nodes would refuse it; add it, or its "
                + "supernet, there"),
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16]\nnode:\n  podCIDRs: [10.244.1.0/24, 10.244.0.0/23]",
            "f:4:29: 10.244.0.0/23 overlaps 10.244.1.0/24 in line 4; pod CIDRs must be disjoint"),
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16]\nnode:\n  podCIDRs: [10.244.1.0/29]",
            "f:4:14: warning: /29 is outside the lengths in import, so nodes with this file refuse it; change "
                + "import.ipv4"),
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16]\nnode:\n  podCIDRs: [127.1.0.0/16, 0.0.0.0/0]",
            "f:1:33: 192.0.2.1 lies in the pod CIDR 0.0.0.0/0 of this node; write the router's address",
            "f:4:14: 127.1.0.0/16 cannot be a pod CIDR; write a prefix that pods can live in",
            "f:4:28: 0.0.0.0/0 cannot be a pod CIDR; write a prefix that pods can live in"),
        ProblemRow(
            "clusterCIDRs: [10.244.0.0/16, 224.0.0.0/8, 10.244.0.0/16]\nnode:\n  podCIDRs: [10.244.1.0/24]",
            "f:2:31: 224.0.0.0/8 is a special-use prefix; write prefixes that pods live in",
            "f:2:44: 10.244.0.0/16 is listed twice; remove it"),
        ProblemRow(
            "clusterCIDRs: [0.0.0.0/0]\nnode:\n  podCIDRs: [10.244.1.0/24]",
            "f:2:16: warning: 0.0.0.0/0 contains every address, so peers could announce any prefix; write the "
                + "cluster's prefixes"),
        ProblemRow(
            "clusterCIDRs: []\nnode:\n  podCIDRs: []",
            "f:1:1: warning: clusterCIDRs is empty, so nothing is imported; write the prefixes that pods of the "
                + "cluster live in",
            "f:1:1: warning: node.podCIDRs is empty, so nothing is announced; write this node's pod prefixes"),
    ])
    func `prefixes that do not fit`(row: ProblemRow) {
        let bgp = "bgp: {asn: 1, peers: [{address: 192.0.2.1, asn: 2}]}"
        #expect(Self.problems("\(bgp)\n\(row.text)") == row.problems)
    }

    @Test func `a passive peer needs a port, and short hold times need shorter keepalives`() {
        let text = """
            bgp:
              asn: 1
              listenPort: 0
              keepaliveTime: 20s
              peers: [{address: 192.0.2.1, asn: 2, passive: true, holdTime: 9s}]
            fib: {enabled: false}
            """
        #expect(
            Self.problems(text) == [
                "f:5:49: a passive peer can never connect while bgp.listenPort is 0; set a port, or remove passive",
                "f:5:65: the hold time must be longer than bgp.keepaliveTime (20s); change one of them",
            ])
    }

    @Test func `depth is bounded`() {
        let text = "bgp: " + String(repeating: "[", count: 5000)
        #expect(Self.problems(text) == ["f:1:29: nested deeper than 24 levels; this is no martletd.yaml"])
    }
}
