import BGPWire
import NetTypes
import Testing

@testable import RoutePolicy

/// Whether a condition holds for a path that is alike but for what is given.
private func holds(
    _ prefix: String = "10.244.7.0/24", _ path: PathAttributes = attributes("65001 65002"),
    from source: String = "tor-1",
    _ change: (inout PolicyMatch) throws -> Void
) rethrows -> PolicyMatch.Condition? {
    var match = PolicyMatch()
    try change(&match)
    var route = PolicyRoute(cidr(prefix), path, from: source)
    return match.mismatch(&route)
}

@Suite struct `Policy conditions` {
    @Test(arguments: [
        ("10.244.0.0/16", "10.244.0.0/16", true), ("10.244.0.0/16", "10.244.7.0/24", false),
        ("10.244.0.0/16 le 24", "10.244.0.0/16", true), ("10.244.0.0/16 le 24", "10.244.7.0/24", true),
        ("10.244.0.0/16 le 24", "10.244.7.0/25", false), ("10.244.0.0/16 ge 24", "10.244.7.1/32", true),
        ("10.244.0.0/16 ge 24", "10.244.0.0/23", false), ("10.244.0.0/16 ge 24 le 26", "10.244.7.0/26", true),
        ("10.244.0.0/16 le 26 ge 25", "10.244.7.0/24", false), ("10.244.0.0/16 le 32", "10.245.0.0/24", false),
        ("0.0.0.0/0 le 32", "192.0.2.0/24", true), ("0.0.0.0/0 le 32", "fd00::/64", false), ("::/0", "::/0", true),
    ]) func `prefixes with ge and le`(pattern: String, prefix: String, matches: Bool) throws {
        let pattern = try PrefixPattern(pattern)
        #expect((holds(prefix) { $0.prefixes = [pattern] } == nil) == matches)
    }

    @Test(arguments: [
        "10.244.0.0", "10.244.0.1/16", "10.244.0.0/16 ge", "10.244.0.0/16 ge 33", "10.244.0.0/16 ge 8",
        "10.244.0.0/16 ge 28 le 24", "10.244.0.0/16 gt 24", "10.244.0.0/16 ge 24 ge 25", "",
    ]) func `texts that are no prefix pattern`(text: String) {
        #expect(throws: PrefixPattern.Problem.self) { try PrefixPattern(text) }
    }

    @Test func `peers, families and next hops`() {
        #expect(holds { $0.peers = ["tor-1", "tor-2"] } == nil)
        #expect(holds(from: PolicyRoute.local) { $0.peers = ["tor-1"] } == .peers)
        #expect(holds { $0.families = [.ipv4] } == nil)
        #expect(holds("fd00::/64") { $0.families = [.ipv4] } == .families)
        #expect(holds { $0.nextHops = [cidr("192.0.2.0/24")] } == nil)
        #expect(holds { $0.nextHops = [cidr("198.51.100.0/24")] } == .nextHops)
    }

    @Test func `AS paths by length, content and ends`() throws {
        func path(_ text: String, _ change: (inout ASPathMatch) throws -> Void) rethrows -> Bool {
            try holds("10.244.7.0/24", attributes(text)) { try change(&$0.asPath) } == nil
        }
        #expect(path("65001 65002") { $0.lengths = 2...2 })
        #expect(!path("65001 65002 {1,2}") { $0.lengths = 0...2 })
        #expect(path("65001 65002") { $0.contains = [asn(9), asn(65002)] })
        #expect(!path("65001 65002") { $0.contains = [asn(65003)] })
        #expect(path("65001 65002") { $0.startsWith = [asn(65001)] })
        #expect(!path("65001 65002") { $0.startsWith = [asn(65002)] })
        #expect(path("65001 65002") { $0.endsWith = [asn(65002)] })
        #expect(!path("65001 {65002}") { $0.endsWith = [asn(65002)] }, "a set says of nobody that it began there")
        #expect(!path("") { $0.endsWith = [asn(65002)] })
        #expect(try path("65001 65002") { $0.patterns = [try ASPathPattern("_9_"), try ASPathPattern("_65002$")] })
        #expect(try !path("65001 65002") { $0.patterns = [try ASPathPattern("_9_")] })
    }

    @Test func `communities with wildcards, several in one element together`() throws {
        let path = attributes("65001") {
            $0.communities = [65001 << 16 | 100, Community.noExport.rawValue]
            $0.largeCommunities = [LargeCommunity(global: 65001, local1: 2, local2: 3)]
        }
        func communities(_ texts: String...) throws -> Bool {
            let patterns = try texts.map { try $0.split(separator: " ").map { try #require(CommunityPattern($0)) } }
            return holds("10.244.7.0/24", path) { $0.communities = patterns } == nil
        }
        #expect(try communities("65001:100"))
        #expect(try communities("65001:*"))
        #expect(try communities("*:100"))
        #expect(try communities("1:1", "no-export"))
        #expect(try communities("65001:100 no-export"))
        #expect(try !communities("65001:100 no-advertise"))
        #expect(try !communities("65001:101"))
        #expect(
            CommunityPattern("65001") == nil && CommunityPattern("70000:1") == nil && CommunityPattern("a:*") == nil)
        func large(_ text: String) throws -> Bool {
            let pattern = try #require(LargeCommunityPattern(text))
            return holds("10.244.7.0/24", path) { $0.largeCommunities = [[pattern]] } == nil
        }
        #expect(try large("65001:2:3"))
        #expect(try large("65001:*:3"))
        #expect(try large("*:*:*"))
        #expect(try !large("65001:3:*"))
        #expect(LargeCommunityPattern("1:2") == nil && LargeCommunityPattern("1:2:x") == nil)
    }
}

@Suite struct `Policy chains` {
    private func rule(_ verdict: PolicyVerdict, _ name: String = "", _ change: (inout PolicyMatch) -> Void = { _ in })
        -> PolicyRule
    {
        var rule = PolicyRule(verdict)
        rule.name = name
        change(&rule.match)
        return rule
    }

    private func decide(_ chain: PolicyChain, _ prefix: String) -> String {
        var route = PolicyRoute(cidr(prefix), attributes("65001"), from: "tor-1")
        let decision = chain.decide(&route)
        return chain.name(decision) + (decision.accepts ? ": accept" : ": reject")
    }

    @Test func `the first rule that matches decides, then the default, then the next policy`() throws {
        let narrow = try PrefixPattern("10.244.0.0/16 ge 26")
        let broad = try PrefixPattern("10.244.0.0/16 le 32")
        var first = Policy(name: "one")
        first.rules = [rule(.reject, "deny-small") { $0.prefixes = [narrow] }, rule(.accept) { $0.prefixes = [broad] }]
        var second = Policy(name: "two")
        second.rules = [rule(.accept) { $0.families = [.ipv6] }]
        second.otherwise = .reject
        let chain = PolicyChain([first, second])
        #expect(decide(chain, "10.244.1.0/26") == "policy one rule 1 (deny-small): reject")
        #expect(decide(chain, "10.244.1.0/24") == "policy one rule 2: accept")
        #expect(decide(chain, "fd00::/64") == "policy two rule 1: accept")
        #expect(decide(chain, "192.0.2.0/24") == "policy two default: reject")
        #expect(decide(PolicyChain([first]), "192.0.2.0/24") == "no rule of one matches: accept")
        #expect(decide(PolicyChain(), "192.0.2.0/24") == "no policy: accept")
        #expect(first.catchAll == nil)
        second.rules.append(rule(.reject))
        #expect(second.catchAll == 1)
    }

    @Test func `a trace tells each rule's mismatch up to the one that decides`() throws {
        let pattern = try PrefixPattern("10.244.0.0/16")
        var policy = Policy(name: "one")
        policy.rules = [
            rule(.reject, "v6") { $0.families = [.ipv6] }, rule(.reject) { $0.prefixes = [pattern] },
            rule(.accept, "rest"), rule(.reject),
        ]
        var route = PolicyRoute(cidr("10.244.7.0/24"), attributes("65001"), from: "tor-1")
        let steps = PolicyChain([policy]).trace(&route)
        #expect(steps.map(\.mismatch) == [.families, .prefixes, nil])
        #expect(steps.map(\.rule) == [1, 2, 3])
        #expect(steps.last?.verdict == .accept)
        policy.rules = []
        policy.otherwise = .reject
        #expect(PolicyChain([policy]).trace(&route).map(\.rule) == [nil])
    }
}

@Suite struct `Policy actions` {
    @Test func `imported paths get what the rule sets`() {
        var actions = PolicyActions()
        actions.localPref = 200
        actions.med = 5
        actions.nextHop = .address(ip("192.0.2.7"))
        actions.prependTimes = 2
        actions.weight = 9
        actions.communities.remove = [CommunityPattern("65001:*")].compactMap { $0 }
        actions.communities.add = [7]
        actions.largeCommunities.replacement = [LargeCommunity(global: 1, local1: 2, local2: 3)]
        let before = attributes("65001 65002") {
            $0.med = 1
            $0.communities = [65001 << 16 | 1, 8]
            $0.largeCommunities = [LargeCommunity(global: 9, local1: 9, local2: 9)]
        }
        let result = actions.imported(before, family: .ipv4)
        let fields = AttributeFields(result)
        #expect(fields.localPref == 200 && fields.med == 5)
        #expect(fields.asPath.description == "65001 65001 65001 65002")
        #expect(fields.communities == [8, 7])
        #expect(fields.largeCommunities.map(\.description) == ["1:2:3"])
        #expect(result.nextHop == ip("192.0.2.7") && result.weight == 9)
        #expect(actions.imported(before, family: .ipv6).nextHop == before.nextHop, "IPv4 carries no IPv6")
        #expect(PolicyActions().imported(before, family: .ipv4) == before)
        #expect(result != actions.imported(before, family: .ipv6))
    }

    @Test func `told paths have our own AS in front of what the rule prepends`() {
        var actions = PolicyActions()
        actions.prependTimes = 1
        actions.prepend = [asn(65010)]
        actions.med = 30
        actions.localPref = 400
        actions.nextHop = .own
        actions.communities.add = [7]
        var rewrite = ExportRewrite()
        rewrite.prepend = [asn(64601)]
        actions.adjust(&rewrite, localAS: asn(64601), own: ip("192.0.2.10"), family: .ipv4)
        let told = actions.exported(attributes("65001") { $0.med = 1 }.rewritten(rewrite))
        let fields = AttributeFields(told)
        #expect(fields.asPath.description == "64601 64601 65010 65001")
        #expect(fields.med == 30 && fields.localPref == nil && fields.communities == [7])
        #expect(told.nextHop == ip("192.0.2.10"))
        rewrite = ExportRewrite()
        rewrite.isExternal = false
        rewrite.localPref = 100
        actions.adjust(&rewrite, localAS: asn(64601), own: nil, family: .ipv4)
        let inside = actions.exported(attributes("65001").rewritten(rewrite))
        #expect(AttributeFields(inside).localPref == 400 && inside.summary.med == 30)
        #expect(inside.nextHop == ip("192.0.2.1"))
    }
}
