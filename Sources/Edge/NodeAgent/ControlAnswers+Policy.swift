import BGPWire
import ControlAPI
import NetTypes
import RIB
import RoutePolicy

/// A dry run of a peer's policies.
extension ControlAnswers {
    func policyTest(_ query: PolicyQuery) async -> ControlReply {
        guard let peer = await peer(query.peer) else { return await unknownPeer(query.peer) }
        guard let speaker = await agent.speaker else {
            return .error(status: 503, message: "the speaker has not started yet; ask again in a moment")
        }
        var source: PeerID?
        if let name = query.source {
            guard let id = name == PolicyRoute.local ? .local : await self.peer(name)?.id else {
                return await unknownPeer(name)
            }
            source = id
        }
        let attributes: PathAttributes?
        do throws(PathProblem) {
            let teller = await teller(query, peer, source, speaker)
            attributes = try self.attributes(query, teller, await agent.configuration.bgp)
        } catch {
            return .error(status: 400, message: error.message)
        }
        let trial =
            query.direction == .import
            ? await speaker.tryImport(query.prefix, attributes, from: peer.id)
            : await speaker.tryExport(query.prefix, attributes, of: source, to: peer.id)
        guard let trial else { return .error(status: 404, message: nothing(query, peer.settings.name)) }
        return .policy(PolicyDocument(query, peer: peer.settings.name, trial))
    }

    private func nothing(_ query: PolicyQuery, _ name: String) -> String {
        query.direction == .import
            ? "\(name) has not announced \(query.prefix); describe a path with --as-path, --community and so on"
            : "nothing is held for \(query.prefix), or the session with \(name) is down"
    }

    private struct PathProblem: Error {
        let message: String
    }

    /// Who a described path is from: on export the one that is named, or whose path is the best. nil: this node.
    private func teller(
        _ query: PolicyQuery, _ peer: Agent.PeerHandle, _ source: PeerID?, _ speaker: SpeakerLoop
    ) async -> Agent.PeerHandle? {
        if query.direction == .import { return peer }
        let best = await speaker.paths(PathQuery(.usable, prefix: query.prefix)).views.first {
            if case .best = $0.standing { true } else { false }
        }
        let id = source ?? best?.peer ?? .local
        return await agent.peers.first { $0.id == id }
    }

    /// The path that the query describes; nil: none. What is not given is as a plain announcement of `teller` has it.
    private func attributes(
        _ query: PolicyQuery, _ teller: Agent.PeerHandle?, _ bgp: Configuration.BGPSettings
    ) throws(PathProblem) -> PathAttributes? {
        let path = query.path
        guard !path.isEmpty else { return nil }
        var fields = AttributeFields()
        let external = teller.flatMap { $0.settings.isInternal(bgp) ? nil : $0.settings.asn }
        var numbers = external.map { $0.rawValue == 0 ? [] : [$0] } ?? []
        if let text = path.asPath {
            let words = text.split(separator: " ")
            numbers = words.compactMap { ASNumber($0) }
            guard numbers.count == words.count else {
                throw PathProblem(message: "\"\(text)\" is no AS path; write numbers with spaces, such as 65001 64512")
            }
        }
        fields.asPath = ASPath(sequence: numbers)
        (fields.med, fields.localPref) = (path.med, path.localPref)
        for text in path.communities {
            guard let community = Community(text) else {
                throw PathProblem(message: "\"\(text)\" is no community; write 65001:100 or a well-known name")
            }
            fields.communities.append(community.rawValue)
        }
        for text in path.largeCommunities {
            guard let community = LargeCommunity(text) else {
                throw PathProblem(message: "\"\(text)\" is no large community; write 65001:1:2")
            }
            fields.largeCommunities.append(community)
        }
        let nextHop = try nextHop(query, teller)
        return PathAttributes(fields, nextHop: nextHop)
    }

    private func nextHop(_ query: PolicyQuery, _ teller: Agent.PeerHandle?) throws(PathProblem) -> IPAddress {
        let family = query.prefix.family
        if let text = query.path.nextHop {
            guard let address = IPAddress(text) else { throw PathProblem(message: "\"\(text)\" is no address") }
            guard address.family == family || address.family == .ipv6 else {
                throw PathProblem(message: "\(address) is no next hop of an IPv6 prefix")
            }
            return address
        }
        guard let address = teller?.place.target?.address else { return IPAddress(leftAligned: 0, family: family) }
        guard address.family == family || address.family == .ipv6 else {
            throw PathProblem(
                message:
                    "a session with \(address) does not tell the next hop of an IPv6 prefix; give one with --next-hop")
        }
        return address
    }
}

extension PolicyDocument {
    init(_ query: PolicyQuery, peer: String, _ trial: PolicyTrial) {
        let isImport = query.direction == .import
        var steps = trial.steps.map { PolicyStepDocument($0) }
        let builtIn = isImport ? "import rules of this node" : "export rules of this node"
        let refused = PolicyStepDocument(rule: builtIn, result: "rejects: \(trial.refusal ?? "")")
        if trial.refusal != nil, !steps.isEmpty {
            // What a rule set was refused afterwards.
            steps.append(refused)
        } else {
            steps.insert(trial.refusal == nil ? .init(rule: builtIn, result: "passes") : refused, at: 0)
        }
        let accepted = trial.after != nil
        let by = trial.refusal.map { "the \(builtIn): \($0)" } ?? trial.decision
        self.init(
            peer: peer, prefix: query.prefix.description, direction: query.direction, held: trial.isHeld,
            source: trial.source, accepted: accepted,
            verdict: "\(accepted ? "Accepted" : "Rejected") by \(by).", steps: steps,
            before: PolicyPathDocument(trial.before), after: trial.after.map { PolicyPathDocument($0) })
    }
}

extension PolicyStepDocument {
    fileprivate init(_ step: PolicyChain.Step) {
        let title = step.name.isEmpty ? "" : " (\(step.name))"
        let result =
            step.mismatch.map { "does not match: \($0.rawValue)" } ?? (step.verdict == .accept ? "accepts" : "rejects")
        self.init(
            rule: "policy \(step.policy) " + (step.rule.map { "rule \($0)\(title)" } ?? "default"), result: result)
    }
}

extension PolicyPathDocument {
    fileprivate init(_ attributes: PathAttributes) {
        let fields = AttributeFields(attributes)
        self.init(
            nextHop: attributes.nextHop.isUnspecified ? "self" : attributes.nextHop.description,
            asPath: fields.asPath.description, localPref: fields.localPref, med: fields.med,
            communities: fields.communities.map { Community(rawValue: $0).description },
            largeCommunities: fields.largeCommunities.map(\.description),
            weight: attributes.weight > 0 ? Int(attributes.weight) : nil)
    }
}
