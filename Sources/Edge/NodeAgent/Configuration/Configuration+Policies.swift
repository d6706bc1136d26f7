import NetTypes
import RoutePolicy

extension ConfigurationSection {
    /// A list of texts, or a single one; an empty list is a problem, for nobody knows what it was to mean.
    mutating func texts(_ key: String, _ expectation: String) -> [Located<String>] {
        guard let node = node(key) else { return [] }
        if case .scalar = node.content { return value(key, expectation) { $0 }.map { [$0] } ?? [] }
        if case .sequence(let items) = node.content, items.isEmpty {
            problems.error(node.mark, "\(name(key)) is empty; write \(expectation), or remove it")
        }
        return list(key, expectation) { $0 } ?? []
    }

    /// As `texts`, each of which `parse` accepts.
    mutating func values<Value>(_ key: String, _ expectation: String, _ parse: (String) -> Value?) -> [Value] {
        texts(key, expectation).compactMap { text in
            let value = parse(text.value)
            if value == nil {
                problems.error(text.mark, "\(name(key)) has \"\(text.value)\"; write \(expectation)")
            }
            return value
        }
    }
}

/// Reads `bgp.policies`, and remembers what later checks of the peers need.
struct PolicyReader {
    /// By name.
    private(set) var policies: [String: Policy] = [:]
    /// Names of peers in rules.
    private(set) var peerNames: [Located<String>] = []
    /// Policies with `nextHop: self`, and with `weight`: what is for one direction only.
    private var ownNextHop: Set<String> = []
    private var weighted: Set<String> = []

    /// A name that needs no quoting on a command line.
    static let nameWords = "letters, digits, \".\", \"_\", \"-\" or \":\", at most 63"

    mutating func read(_ sections: [ConfigurationSection]) {
        var lines: [String: Int] = [:]
        for var section in sections {
            let name = section.required("name", Self.nameWords, ConfigurationValue.peerName)
            let otherwise: Located<PolicyVerdict>? = section.value(
                "default", ConfigurationValue.words(PolicyVerdict.self), ConfigurationValue.choice)
            var policy = Policy(name: name?.value ?? "")
            policy.otherwise = otherwise?.value
            let rules = section.sections("rules")
            policy.rules = rules.map { rule($0, of: policy.name) }
            section.finish()
            warnUnreachable(policy, rules, otherwise?.mark, section.problems)
            guard let name else { continue }
            if let line = lines[name.value] {
                section.problems.error(
                    name.mark,
                    "the name \"\(name.value)\" already belongs to the policy in line \(line); choose another")
            }
            lines[name.value] = lines[name.value] ?? name.mark.line
            policies[name.value] = policy
        }
    }

    private func warnUnreachable(
        _ policy: Policy, _ rules: [ConfigurationSection], _ otherwise: YAMLNode.Mark?, _ problems: ProblemCollector
    ) {
        guard let last = policy.catchAll else { return }
        for rule in rules.dropFirst(last + 1) {
            problems.warning(
                rule.mark,
                "\(rule.path) is never reached: rule \(last + 1) matches everything; move it up, or remove it")
        }
        if let otherwise {
            problems.warning(otherwise, "the default is never reached: rule \(last + 1) matches everything; remove it")
        }
    }

    private mutating func rule(_ section: ConfigurationSection, of policy: String) -> PolicyRule {
        var section = section
        let name = section.value("name", Self.nameWords, ConfigurationValue.peerName)
        let action: Located<PolicyVerdict>? = section.required(
            "action", ConfigurationValue.words(PolicyVerdict.self), ConfigurationValue.choice)
        var rule = PolicyRule(action?.value ?? .reject)
        rule.name = name?.value ?? ""
        rule.match = match(section.section("match"))
        if section.contains("set") {
            let set = section.section("set")
            rule.actions = actions(set, of: policy)
            if action?.value == .reject {
                section.problems.error(set.mark, "\(set.path) changes nothing of what is rejected; remove it")
            }
        }
        section.finish()
        return rule
    }

    // MARK: match

    private mutating func match(_ section: ConfigurationSection) -> PolicyMatch {
        var section = section
        var match = PolicyMatch()
        match.families = section.values("families", "ipv4-unicast or ipv6-unicast", ConfigurationValue.family)
        let peers = section.texts("peers", "names of peers, or local for this node's own prefixes")
        peerNames += peers
        match.peers = peers.map(\.value)
        let words = "prefixes such as \"10.244.0.0/16 ge 24 le 28\""
        for text in section.texts("prefixes", words) {
            do throws(PrefixPattern.Problem) {
                match.prefixes.append(try PrefixPattern(text.value))
            } catch {
                section.problems.error(text.mark, "\(section.name("prefixes")) has \"\(text.value)\"; it \(error)")
            }
        }
        match.nextHops = section.values("nextHops", "addresses, or prefixes without host bits") { text in
            IPAddress(text).map { Prefix(host: $0) } ?? Prefix(strict: text)
        }
        match.asPath = asPath(section.section("asPath"))
        match.communities = section.values("communities", "communities such as 65001:100, 65001:* or no-export") {
            Self.all($0) { CommunityPattern($0) }
        }
        match.largeCommunities = section.values("largeCommunities", "large communities such as 65001:1:*") {
            Self.all($0) { LargeCommunityPattern($0) }
        }
        section.finish()
        return match
    }

    /// Several in one text, separated by spaces: all of them.
    private static func all<Pattern>(_ text: String, _ parse: (Substring) -> Pattern?) -> [Pattern]? {
        let words = text.split(separator: " ")
        let patterns = words.compactMap(parse)
        return patterns.isEmpty || patterns.count < words.count ? nil : patterns
    }

    private func asPath(_ section: ConfigurationSection) -> ASPathMatch {
        var section = section
        var match = ASPathMatch()
        let hops = "a number of hops from 0 to 65535"
        let least = section.value("minLength", hops, ConfigurationValue.integer(0...UInt16.max))
        let most = section.value("maxLength", hops, ConfigurationValue.integer(0...UInt16.max))
        if least != nil || most != nil {
            let (low, high) = (least?.value ?? 0, most?.value ?? .max)
            if low <= high {
                match.lengths = low...high
            } else {
                section.problems.error(
                    (most ?? least)?.mark ?? section.mark,
                    "no path has at least \(low) and at most \(high) hops; change minLength or maxLength")
            }
        }
        match.contains = section.values("contains", "AS numbers", ConfigurationValue.asn)
        match.startsWith = section.values("startsWith", "AS numbers of neighbours", ConfigurationValue.asn)
        match.endsWith = section.values("endsWith", "AS numbers where paths begin", ConfigurationValue.asn)
        for text in section.texts("matches", "a regular expression such as _65001_ or ^65001(_.*)?_64512$") {
            do throws(ASPathPattern.Problem) {
                match.patterns.append(try ASPathPattern(text.value))
            } catch {
                section.problems.error(text.mark, "the regular expression \"\(text.value)\" \(error)")
            }
        }
        section.finish()
        return match
    }
}

// MARK: set

extension PolicyReader {
    private mutating func actions(_ section: ConfigurationSection, of policy: String) -> PolicyActions {
        var section = section
        var actions = PolicyActions()
        let number = "a number from 0 to 4294967295"
        actions.localPref =
            section.value("localPref", number, ConfigurationValue.integer(0...UInt32.max))?.value
        actions.med = section.value("med", number, ConfigurationValue.integer(0...UInt32.max))?.value
        actions.weight =
            section.value("weight", "a share from 1 to 256", ConfigurationValue.integer(UInt16(1)...256))?.value
        actions.nextHop =
            section.value("nextHop", "self, or \(ConfigurationValue.addressWords)") { text in
                text == "self" ? .own : ConfigurationValue.address(text).map { .address($0) }
            }?.value
        if actions.nextHop == .own { ownNextHop.insert(policy) }
        if actions.weight != nil { weighted.insert(policy) }
        readPrepend(&section, into: &actions)
        let community = "communities such as 65001:100 or no-export"
        let large = "large communities such as 65001:1:2"
        actions.communities = edit(
            &section, "ommunities", community, { ConfigurationValue.community($0)?.rawValue }, { CommunityPattern($0) })
        actions.largeCommunities = edit(
            &section, "argeCommunities", large, ConfigurationValue.largeCommunity, { LargeCommunityPattern($0) })
        section.finish()
        return actions
    }

    /// `prepend: 2` or `prepend: [65010, 65010]`.
    private func readPrepend(_ section: inout ConfigurationSection, into actions: inout PolicyActions) {
        let words = "how often, from 1 to 32, or a list of at most 32 AS numbers"
        guard let node = section.node("prepend") else { return }
        guard case .sequence(let items) = node.content else {
            actions.prependTimes =
                section.value("prepend", words, ConfigurationValue.integer(1...32))?.value ?? 0
            return
        }
        if items.isEmpty || items.count > 32 {
            section.problems.error(node.mark, "\(section.name("prepend")) has \(items.count) items; write \(words)")
        }
        actions.prepend = section.values("prepend", words, ConfigurationValue.asn)
    }

    /// The keys of one kind of community: `communities` replaces them, `addCommunities` and `removeCommunities` change
    /// them. `suffix` is their name without its first letter.
    private func edit<Element, Pattern>(
        _ section: inout ConfigurationSection, _ suffix: String, _ words: String, _ parse: (String) -> Element?,
        _ pattern: (String) -> Pattern?
    ) -> ListEdit<Element, Pattern> {
        var edit = ListEdit<Element, Pattern>()
        let first = suffix.first == "o" ? ("c", "C") : ("l", "L")
        let key = first.0 + suffix
        if let node = section.node(key) {
            if case .sequence(let items) = node.content, items.isEmpty {
                edit.replacement = []
            } else {
                edit.replacement = section.values(key, words, parse)
            }
        }
        edit.add = section.values("add" + first.1 + suffix, words, parse)
        edit.remove = section.values("remove" + first.1 + suffix, words + ", with * for any number", pattern)
        return edit
    }

    // MARK: peers

    /// Reads the names of a peer's policies under a key.
    func chain(_ section: inout ConfigurationSection, _ key: String, isImport: Bool) -> PolicyChain {
        let words = "names of bgp.policies"
        var chain: [Policy] = []
        var end: String?
        for name in section.texts(key, words) {
            guard let policy = policies[name.value] else {
                let advice = Spelling.nearest(to: name.value, in: policies.keys.sorted())
                section.problems.error(
                    name.mark,
                    "no policy is named \"\(name.value)\"; "
                        + (advice.map { "did you mean \"\($0)\"?" } ?? "write it under bgp.policies"))
                continue
            }
            if let end {
                section.problems.warning(
                    name.mark, "\(name.value) is never asked: \(end) decides on everything; change their order")
            } else if chain.contains(where: { $0.name == policy.name }) {
                section.problems.error(name.mark, "\(name.value) is listed twice; remove it")
            }
            if isImport, ownNextHop.contains(policy.name) {
                section.problems.error(
                    name.mark, "\(name.value) has nextHop: self, which would send traffic to ourselves; remove it there"
                )
            }
            if !isImport, weighted.contains(policy.name) {
                section.problems.warning(
                    name.mark, "\(name.value) sets a weight, which means something in importPolicies only")
            }
            if policy.otherwise != nil || policy.catchAll != nil { end = end ?? policy.name }
            chain.append(policy)
        }
        return PolicyChain(chain)
    }

    /// Warns of names in rules that no peer has.
    func checkPeerNames(_ names: Set<String>, _ problems: ProblemCollector) {
        for name in peerNames where name.value != PolicyRoute.local && !names.contains(name.value) {
            problems.warning(name.mark, "no peer is named \"\(name.value)\", so the rule matches nothing of it")
        }
    }
}

extension Configuration {
    /// The keys of a peer that are about policies and well-known communities.
    static func readRules(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ policies: PolicyReader
    ) {
        peer.importRules = policies.chain(&section, "importPolicies", isImport: true)
        peer.exportRules = policies.chain(&section, "exportPolicies", isImport: false)
        let shutdown = section.value("gracefulShutdown", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.honorsGracefulShutdown = shutdown?.value ?? true
        let blackhole = section.value("blackhole", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.acceptsBlackhole = blackhole?.value ?? false
    }
}
