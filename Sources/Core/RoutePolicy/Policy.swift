import BGPWire
import NetTypes

/// What a policy comes to.
package enum PolicyVerdict: String, Sendable, Hashable, CaseIterable {
    case accept, reject
}

/// A rule: for the paths that match, a verdict, and changes if it accepts.
package struct PolicyRule: Sendable, Hashable {
    /// What people call it; empty: only its number.
    package var name = ""
    package var match = PolicyMatch()
    package var verdict: PolicyVerdict
    package var actions = PolicyActions()

    package init(_ verdict: PolicyVerdict) { self.verdict = verdict }
}

/// Rules with a name, read from the first to the last: the first one that matches decides.
package struct Policy: Sendable, Hashable {
    package var name: String
    package var rules: [PolicyRule] = []
    /// For what no rule matches; nil: the next policy of the peer is asked, and after the last one it is accepted.
    package var otherwise: PolicyVerdict?

    package init(name: String) { self.name = name }

    /// Index of the first rule that everything matches: those behind it are never reached.
    package var catchAll: Int? { rules.firstIndex { $0.match.isEverything } }
}

/// The policies of a peer for one direction, in their order.
package struct PolicyChain: Sendable, Hashable {
    package let policies: [Policy]

    package init(_ policies: [Policy] = []) { self.policies = policies }

    package var isEmpty: Bool { policies.isEmpty }

    /// Which rule decided; small, to be kept and compared.
    package struct Decision: Sendable, Hashable, BitwiseCopyable {
        /// Index of the policy; nil: none has a word to say.
        package let policy: UInt16?
        /// Index of the rule; nil: the policy's default.
        package let rule: UInt16?
        package let accepts: Bool

        /// No policy has a word to say: what the built-in rules admit is taken.
        package static let none = Self(policy: nil, rule: nil, accepts: true)
    }

    /// Which rule decides on a path.
    package func decide(_ route: inout PolicyRoute) -> Decision {
        for (index, policy) in policies.enumerated() {
            let place = UInt16(truncatingIfNeeded: index)
            for (number, rule) in policy.rules.enumerated() where rule.match.mismatch(&route) == nil {
                return Decision(
                    policy: place, rule: UInt16(truncatingIfNeeded: number), accepts: rule.verdict == .accept)
            }
            if let otherwise = policy.otherwise {
                return Decision(policy: place, rule: nil, accepts: otherwise == .accept)
            }
        }
        return .none
    }

    /// The changes that go with a decision of this chain.
    package func actions(_ decision: Decision) -> PolicyActions? {
        guard decision.accepts, let policy = decision.policy, let rule = decision.rule, Int(policy) < policies.count,
            Int(rule) < policies[Int(policy)].rules.count
        else { return nil }
        let actions = policies[Int(policy)].rules[Int(rule)].actions
        return actions.isNothing ? nil : actions
    }

    /// `policy from-tor rule 2 (deny-default)`, `policy from-tor default`.
    package func name(_ decision: Decision) -> String {
        guard let index = decision.policy, Int(index) < policies.count else {
            return isEmpty ? "no policy" : "no rule of \(policies.map(\.name).joined(separator: ", ")) matches"
        }
        let policy = policies[Int(index)]
        guard let rule = decision.rule, Int(rule) < policy.rules.count else { return "policy \(policy.name) default" }
        let title = policy.rules[Int(rule)].name
        return "policy \(policy.name) rule \(rule + 1)" + (title.isEmpty ? "" : " (\(title))")
    }

    /// What every rule says of a path, up to the one that decides.
    package func trace(_ route: inout PolicyRoute) -> [Step] {
        var steps: [Step] = []
        for policy in policies {
            for (number, rule) in policy.rules.enumerated() {
                let mismatch = rule.match.mismatch(&route)
                steps.append(
                    Step(policy: policy.name, rule: number + 1, name: rule.name, mismatch: mismatch, rule.verdict))
                if mismatch == nil { return steps }
            }
            guard let otherwise = policy.otherwise else { continue }
            steps.append(Step(policy: policy.name, rule: nil, name: "", mismatch: nil, otherwise))
            return steps
        }
        return steps
    }

    /// What one rule, or a policy's default, says of a path.
    package struct Step: Sendable, Hashable {
        package let policy: String
        /// Counted from 1; nil: the default.
        package let rule: Int?
        package let name: String
        /// The condition that does not hold; nil: the rule matches, and decides.
        package let mismatch: PolicyMatch.Condition?
        /// What it decides if it matches.
        package let verdict: PolicyVerdict

        fileprivate init(
            policy: String, rule: Int?, name: String, mismatch: PolicyMatch.Condition?, _ verdict: PolicyVerdict
        ) {
            (self.policy, self.rule, self.name) = (policy, rule, name)
            (self.mismatch, self.verdict) = (mismatch, verdict)
        }
    }
}
