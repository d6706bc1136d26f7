/// Answer of `/v1/policy/{peer}/{prefix}`: a dry run of the rules on one path.
package struct PolicyDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    package var peer: String
    package var prefix: String
    /// `import` or `export`.
    package var direction: PolicyQuery.Direction
    /// The path is one that the agent holds, and not one made up.
    package var held: Bool
    /// Name of the peer that the path is from; `local` for our own.
    package var source: String
    /// What became of it.
    package var accepted: Bool
    /// A sentence: the rule that decides.
    package var verdict: String
    /// The built-in rules first, then every rule of the peer's policies up to the one that decides.
    package var steps: [PolicyStepDocument]
    /// The path before the rules.
    package var before: PolicyPathDocument
    /// The path after them; nil: there is none.
    package var after: PolicyPathDocument?

    package init(
        peer: String, prefix: String, direction: PolicyQuery.Direction, held: Bool, source: String, accepted: Bool,
        verdict: String, steps: [PolicyStepDocument], before: PolicyPathDocument, after: PolicyPathDocument?
    ) {
        (self.peer, self.prefix, self.direction) = (peer, prefix, direction)
        (self.held, self.source, self.accepted, self.verdict) = (held, source, accepted, verdict)
        (self.steps, self.before, self.after) = (steps, before, after)
    }
}

/// One rule of a dry run.
package struct PolicyStepDocument: Codable, Sendable, Equatable {
    /// `built-in rules`, or `policy from-tor rule 2 (deny-default)`.
    package var rule: String
    /// `accepts`, `rejects`, or why it has no word to say.
    package var result: String

    package init(rule: String, result: String) { (self.rule, self.result) = (rule, result) }
}

/// The attributes of a path that rules look at or change.
package struct PolicyPathDocument: Codable, Sendable, Equatable {
    package var nextHop: String
    package var asPath: String
    package var localPref: UInt32?
    package var med: UInt32?
    package var communities: [String]
    package var largeCommunities: [String]
    /// Share of the traffic that a rule gave.
    package var weight: Int?

    package init(
        nextHop: String, asPath: String, localPref: UInt32?, med: UInt32?, communities: [String],
        largeCommunities: [String], weight: Int?
    ) {
        (self.nextHop, self.asPath, self.localPref, self.med) = (nextHop, asPath, localPref, med)
        (self.communities, self.largeCommunities, self.weight) = (communities, largeCommunities, weight)
    }
}
