import BGPWire
import NetTypes
import RoutePolicy

/// A dry run of the rules on one path: what would become of it, and which rule says so.
package struct PolicyTrial: Sendable, Hashable {
    /// What the rules were shown.
    package var before: PathAttributes
    /// The path is one that we hold.
    package var isHeld: Bool
    /// Name of the peer that the path is from; `local` for our own.
    package var source: String
    /// The built-in rule that refuses the path, in words.
    package var refusal: String?
    /// What the peer's policies say, rule by rule; empty when a built-in rule refuses first.
    package var steps: [PolicyChain.Step] = []
    /// The rule that decides, by name.
    package var decision = ""
    /// What comes out; nil: the path is refused.
    package var after: PathAttributes?
}

extension RIBTables {
    /// Judges a path as if a peer announced it. Without attributes the path that the peer did announce is taken; nil:
    /// there is none.
    package func tryImport(_ prefix: Prefix, _ given: PathAttributes?, from id: PeerID) -> PolicyTrial? {
        guard let peer = context.peer(id) else { return nil }
        let held = paths(PathQuery(.received(id), prefix: prefix)).first
        guard let attributes = given ?? held?.attributes else { return nil }
        var trial = PolicyTrial(before: attributes, isHeld: given == nil, source: context.name(id))
        var route = PolicyRoute(prefix, attributes, from: context.name(id))
        let judgement = context.judge(&route, from: id, peer)
        let chain = context.importRules[id]?.chain ?? PolicyChain()
        let isBuiltIn = judgement.reject != .none && judgement.reject != .policy
        if isBuiltIn { trial.refusal = judgement.reject.sentence }
        if !isBuiltIn || judgement.decision.policy != nil {
            trial.steps = chain.trace(&route)
            trial.decision = chain.name(judgement.decision)
        }
        guard judgement.reject == .none else { return trial }
        trial.after =
            context.changed(attributes, judgement, family: prefix.family, from: id, peer) ?? attributes
        return trial
    }

    /// Judges a path as if it were the best one, for a peer that is up; nil: there is none, or the peer is down.
    /// Attributes that are given are taken for a path of `source`.
    package func tryExport(
        _ prefix: Prefix, _ given: PathAttributes?, of source: PeerID?, to id: PeerID
    ) -> PolicyTrial? {
        guard let policy = memberships[id]?.settings.policy else { return nil }
        let best = paths(PathQuery(.usable, prefix: prefix)).first {
            if case .best = $0.standing { true } else { false }
        }
        guard let attributes = given ?? best?.attributes else { return nil }
        let origin = source ?? best?.peer ?? .local
        var trial = PolicyTrial(before: attributes, isHeld: given == nil, source: context.name(origin))
        let peer = origin == .local ? nil : context.peer(origin) ?? .unknown
        trial.refusal = policy.refusal(attributes.summary, source: peer, family: prefix.family)
        if origin == id { trial.refusal = "it came from this peer" }
        if context.aggregates.suppress(prefix) { trial.refusal = "an aggregate with summaryOnly stands for it" }
        guard trial.refusal == nil else { return trial }
        var route = PolicyRoute(prefix, attributes, from: context.name(origin))
        let decision = policy.rules.decide(&route)
        trial.steps = policy.rules.trace(&route)
        trial.decision = policy.rules.name(decision)
        trial.after = policy.exported(attributes, source: peer, family: prefix.family, by: decision)
        if decision.accepts, trial.after == nil {
            trial.refusal = "its next hop \(attributes.nextHop) may be none for this peer"
            if policy.isRouteServerClient { trial.refusal? += ", and a route server must not be it (RFC 7947)" }
        }
        return trial
    }
}

extension ExportPolicy {
    /// Why the built-in rules do not let the peer know a path; nil: they do. In the order of `rewrite`.
    func refusal(_ summary: PathAttributes.Summary, source: RIBPeer?, family: AddressFamily) -> String? {
        if mode == .none { return "the peer's export is none" }
        if !families.contains(family) { return "\(family)-unicast is not negotiated" }
        guard rewrite(summary, source: source, family: family) == nil else { return nil }
        if source != nil {
            if mode == .localOnly { return "export: own announces only prefixes of this node" }
            if summary.noAdvertise { return "it has the community NO_ADVERTISE (RFC 1997)" }
            if summary.noExport, isExternal { return "it has the community NO_EXPORT (RFC 1997)" }
            if isExternal, role == .peer, summary.noPeer { return "it has the community NOPEER (RFC 3765)" }
            if !mayLeave(summary) { return "ONLY_TO_CUSTOMER keeps it from this side (RFC 9234)" }
            if summary.isLongLivedStale, !takesLongLivedStale {
                return "it is long-lived stale, which this peer does not know of (RFC 9494)"
            }
            if source?.isExternal == false, !isExternal {
                return "it came from an internal peer, and neither is a client of this route reflector (RFC 4456)"
            }
        }
        return "there is no \(family) address of ours on the session to announce as next hop"
    }
}
