import NetTypes
import NodeAgent
import RIB
import RoutePolicy
import Testing

/// `bgp.policies`, the keys of peers that name them, `bgp.bestPath` and `bgp.aggregates`.
struct PolicyConfigurationTests {
    private static func load(_ text: String) -> (configuration: Configuration?, problems: [String]) {
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        return (configuration, problems.map(\.description))
    }

    @Test func `every key of a policy arrives`() throws {
        let (loaded, problems) = Self.load(
            """
            bgp:
              asn: 64601
              policies:
                - name: in
                  default: reject
                  rules:
                    - name: first
                      match:
                        families: [ipv4-unicast]
                        peers: tor
                        prefixes: ["10.0.0.0/8 ge 16 le 24", fd00::/8]
                        nextHops: [192.0.2.1, 198.51.100.0/24]
                        asPath: {minLength: 1, maxLength: 4, contains: 65001, startsWith: [65002], endsWith: [65003], matches: _65001_}
                        communities: ["65001:* no-export", "*:7"]
                        largeCommunities: "1:*:3"
                      action: accept
                      set:
                        localPref: 200
                        med: 7
                        nextHop: 192.0.2.9
                        prepend: 3
                        addCommunities: ["65001:8"]
                        removeCommunities: ["65001:*"]
                        largeCommunities: []
                        weight: 20
                - name: out
                  rules:
                    - {action: accept, set: {nextHop: self, prepend: [65010, 65011], communities: no-export}}
              peers:
                - {name: tor, address: 192.0.2.1, asn: 65001, importPolicies: in, exportPolicies: [out], gracefulShutdown: false, blackhole: true}
            """)
        #expect(problems.filter { !$0.contains("warning") } == [])
        let peer = try #require(loaded?.bgp.peers.first)
        #expect(!peer.honorsGracefulShutdown && peer.acceptsBlackhole)
        let policy = try #require(peer.importRules.policies.first)
        #expect(policy.name == "in" && policy.otherwise == .reject)
        let rule = try #require(policy.rules.first)
        var match = PolicyMatch()
        match.families = [.ipv4]
        match.peers = ["tor"]
        match.prefixes = [try PrefixPattern("10.0.0.0/8 ge 16 le 24"), try PrefixPattern("fd00::/8")]
        match.nextHops = ["192.0.2.1/32", "198.51.100.0/24"].compactMap { Prefix(strict: $0) }
        match.asPath.lengths = 1...4
        match.asPath.contains = [ASNumber(rawValue: 65001)]
        match.asPath.startsWith = [ASNumber(rawValue: 65002)]
        match.asPath.endsWith = [ASNumber(rawValue: 65003)]
        match.asPath.patterns = [try ASPathPattern("_65001_")]
        match.communities = [["65001:*", "no-export"], ["*:7"]].map { $0.compactMap { CommunityPattern($0) } }
        match.largeCommunities = [["1:*:3"].compactMap { LargeCommunityPattern($0) }]
        #expect(rule.match == match && rule.name == "first" && rule.verdict == .accept)
        var actions = PolicyActions()
        actions.localPref = 200
        actions.med = 7
        actions.nextHop = IPAddress("192.0.2.9").map { .address($0) }
        actions.prependTimes = 3
        actions.communities.add = [65001 << 16 | 8]
        actions.communities.remove = ["65001:*"].compactMap { CommunityPattern($0) }
        actions.largeCommunities.replacement = []
        actions.weight = 20
        #expect(rule.actions == actions)
        let out = try #require(peer.exportRules.policies.first?.rules.first?.actions)
        #expect(out.nextHop == .own && out.prepend.map(\.rawValue) == [65010, 65011])
        #expect(out.communities.replacement == [0xffff_ff01])
    }

    @Test func `best path and aggregates arrive, and have their defaults`() throws {
        let plain = try #require(Self.load("bgp: {asn: 1}").configuration)
        #expect(plain.bgp.bestPath.options == DecisionOptions() && plain.bgp.bestPath.maximumPaths == 16)
        let (loaded, problems) = Self.load(
            """
            clusterCIDRs: [10.0.0.0/8]
            bgp:
              asn: 1
              bestPath: {alwaysCompareMED: true, missingMEDWorst: true, multipathRelax: false, maximumPaths: 4}
              aggregates: [{prefix: 10.1.0.0/16, summaryOnly: true}, {prefix: 10.2.0.0/16}]
            """)
        #expect(problems == [])
        let bgp = try #require(loaded?.bgp)
        #expect(bgp.bestPath.options.alwaysCompareMED && bgp.bestPath.options.missingMEDWorst)
        #expect(!bgp.bestPath.options.multipathRelax && bgp.bestPath.maximumPaths == 4)
        #expect(bgp.aggregates.map(\.summaryOnly) == [true, false])
    }

    @Test(arguments: [
        ProblemRow(
            "bgp:\n  asn: 1\n  policies: [{name: a, rules: [{action: drop}]}]",
            "f:3:41: bgp.policies[0].rules[0].action is \"drop\"; write accept or reject"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies: [{name: a, rules: [{}]}, {rules: []}]",
            "f:3:32: bgp.policies[0].rules[0].action is missing; write accept or reject",
            "f:3:38: bgp.policies[1].name is missing; write letters, digits, \".\", \"_\", \"-\" or \":\", at most 63"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies:\n  - {name: a}\n  - {name: a}",
            "f:5:12: the name \"a\" already belongs to the policy in line 4; choose another"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies:\n  - name: a\n    default: accept\n    rules:\n    - {action: accept}\n"
                + "    - {action: reject, match: {families: [ipv4-unicast]}}",
            "f:5:14: warning: the default is never reached: rule 1 matches everything; remove it",
            "f:8:7: warning: bgp.policies[0].rules[1] is never reached: rule 1 matches everything; move it up, or "
                + "remove it"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies:\n  - name: a\n    rules:\n    - match: {asPath: {matches: \"_(1\"}, prefixes: [10.0.0.1/8]}\n"
                + "      action: accept\n      set: {weight: 0, prepend: []}",
            "f:6:33: the regular expression \"_(1\" has a ( without its )",
            "f:6:52: bgp.policies[0].rules[0].match.prefixes has \"10.0.0.1/8\"; it needs a prefix without host bits, "
                + "such as 10.244.0.0/16 ge 24 le 28",
            "f:8:21: bgp.policies[0].rules[0].set.weight is \"0\"; write a share from 1 to 256",
            "f:8:33: bgp.policies[0].rules[0].set.prepend has 0 items; write how often, from 1 to 32, or a list of at "
                + "most 32 AS numbers",
            "f:8:33: bgp.policies[0].rules[0].set.prepend is empty; write how often, from 1 to 32, or a list of at most "
                + "32 AS numbers, or remove it"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies:\n  - name: a\n    rules:\n    - match: {communities: [\"1:2 x\"], peers: [q], prefixes: []}\n"
                + "      action: reject\n      set: {med: 1}",
            "f:6:29: bgp.policies[0].rules[0].match.communities has \"1:2 x\"; write communities such as 65001:100, "
                + "65001:* or no-export",
            "f:6:47: warning: no peer is named \"q\", so the rule matches nothing of it",
            "f:6:61: bgp.policies[0].rules[0].match.prefixes is empty; write prefixes such as \"10.244.0.0/16 ge 24 le "
                + "28\", or remove it",
            "f:8:12: bgp.policies[0].rules[0].set changes nothing of what is rejected; remove it"),
        ProblemRow(
            "bgp:\n  asn: 1\n  policies:\n  - {name: from-tor, default: accept, rules: [{action: accept, set: {nextHop: self}}]}\n"
                + "  - {name: b, rules: [{action: accept, match: {families: [ipv4-unicast]}, set: {weight: 2}}]}\n  peers:\n"
                + "  - {address: 192.0.2.1, asn: 2, importPolicies: [from-tor, b, fromtor], exportPolicies: b}",
            "f:4:31: warning: the default is never reached: rule 1 matches everything; remove it",
            "f:7:51: from-tor has nextHop: self, which would send traffic to ourselves; remove it there",
            "f:7:61: warning: b is never asked: from-tor decides on everything; change their order",
            "f:7:64: no policy is named \"fromtor\"; did you mean \"from-tor\"?",
            "f:7:90: warning: b sets a weight, which means something in importPolicies only"),
        ProblemRow(
            "node: {podCIDRs: [10.1.1.0/24]}\nclusterCIDRs: [10.1.0.0/16]\nbgp:\n  asn: 1\n  aggregates:\n"
                + "  - {prefix: 10.1.1.0/24}\n  - {prefix: 10.0.0.0/8}\n  - {prefix: 0.0.0.0/0}\n  - {prefix: 10.1.4.0/24}\n"
                + "  - {prefix: 10.1.4.0/24}\n  - {}\n  bestPath: {maximumPaths: 0}",
            "f:6:14: 10.1.1.0/24 is a pod CIDR, which is announced anyway; remove it",
            "f:7:14: 10.0.0.0/8 lies in none of clusterCIDRs, and the node would drop all traffic to it; write a prefix "
                + "inside them",
            "f:8:14: 0.0.0.0/0 cannot be an aggregate; write a prefix that pods live in",
            "f:8:14: 0.0.0.0/0 lies in none of clusterCIDRs, and the node would drop all traffic to it; write a prefix "
                + "inside them",
            "f:10:14: 10.1.4.0/24 is listed twice; remove it",
            "f:11:5: bgp.aggregates[5].prefix is missing; write a prefix without host bits, such as 10.244.1.0/24",
            "f:12:28: bgp.bestPath.maximumPaths is \"0\"; write a number of paths from 1 to 256"),
    ]) func `what is wrong is told with its place`(row: ProblemRow) {
        #expect(Self.load(row.text).problems == row.problems)
    }
}
