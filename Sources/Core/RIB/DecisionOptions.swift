import BGPWire
import NetTypes

/// Where operators differ about the decision process. The defaults follow RFC 4271, with ECMP over every path that is
/// as good.
package struct DecisionOptions: Sendable, Hashable {
    /// MED is compared between paths of different neighbour ASes too.
    package var alwaysCompareMED = false
    /// A path without MED has the worst one, not 0 (RFC 4271 section 9.1.2.2 c).
    package var missingMEDWorst = false
    /// Paths share traffic if only the lengths of their AS_PATHs are the same: two ToRs of different ASes are used
    /// both. Without it external paths must come from one neighbour AS, and internal ones have the same AS_PATH.
    package var multipathRelax = true

    package init() {}
}

extension FamilyRIB {
    /// The candidates that share traffic with the best one, which is the first.
    func multipath(_ decision: Decision, _ context: borrowing Context) -> ArraySlice<Candidate> {
        let equal = decision.candidates.prefix(decision.equalCount)
        guard !context.options.multipathRelax, equal.count > 1, let best = equal.first else {
            return equal.prefix(context.maximumPaths)
        }
        let bestPath = path(best, context)
        var kept = ArraySlice<Candidate>()
        for candidate in equal where kept.count < context.maximumPaths {
            let isAlike =
                best.isExternal
                ? summary(candidate, context).neighborAS == summary(best, context).neighborAS
                : path(candidate, context) == bestPath
            if isAlike { kept.append(candidate) }
        }
        return kept
    }

    private func summary(_ candidate: Candidate, _ context: borrowing Context) -> PathAttributes.Summary {
        context.attributes.summary(paths[Int(candidate.path)].attributes)
    }

    private func path(_ candidate: Candidate, _ context: borrowing Context) -> ASPath {
        AttributeFields(context.attributes[handle: paths[Int(candidate.path)].attributes]).asPath
    }
}

extension RIBTables {
    /// How paths are compared; a change decides for every prefix anew.
    package var decisionOptions: DecisionOptions { context.options }

    /// Sets how paths are compared, and how many of them (1 or more) share traffic at most.
    package mutating func setDecision(_ options: DecisionOptions, maximumPaths: Int) {
        guard options != context.options || maximumPaths != context.maximumPaths else { return }
        context.options = options
        context.maximumPaths = max(1, maximumPaths)
        ipv4.decideAll(in: &context)
        ipv6.decideAll(in: &context)
    }
}
