import ControlAPI

/// Dry runs on the imaginary node.
extension Canned {
    static let policy = PolicyDocument(
        peer: "tor-1", prefix: "10.244.2.0/24", direction: .import, held: true, source: "tor-1", accepted: true,
        verdict: "Accepted by policy from-tor rule 2 (rack).",
        steps: [
            PolicyStepDocument(rule: "import rules of this node", result: "passes"),
            PolicyStepDocument(rule: "policy from-tor rule 1 (deny-small)", result: "does not match: prefixes"),
            PolicyStepDocument(rule: "policy from-tor rule 2 (rack)", result: "accepts"),
        ],
        before: PolicyPathDocument(
            nextHop: "192.0.2.1", asPath: "65001 64602", localPref: nil, med: nil, communities: ["65001:100"],
            largeCommunities: [], weight: nil),
        after: PolicyPathDocument(
            nextHop: "192.0.2.1", asPath: "65001 64602", localPref: 200, med: nil, communities: [],
            largeCommunities: ["64601:1:2"], weight: 3))

    static let refusedPolicy = PolicyDocument(
        peer: "tor-1", prefix: "10.99.0.0/16", direction: .export, held: false, source: "local", accepted: false,
        verdict: "Rejected by policy to-tor default.",
        steps: [
            PolicyStepDocument(rule: "export rules of this node", result: "passes"),
            PolicyStepDocument(rule: "policy to-tor default", result: "rejects"),
        ],
        before: PolicyPathDocument(
            nextHop: "self", asPath: "", localPref: nil, med: 5, communities: [], largeCommunities: [], weight: nil),
        after: nil)
}
