import BGPWire
import NetTypes
import RIB

extension Configuration {
    /// Key `bgp.bestPath`.
    package struct BestPathSettings: Sendable, Equatable {
        package var options = DecisionOptions()
        /// Most paths that share traffic, 1...256.
        package var maximumPaths = 16
    }

    static func bestPath(_ section: ConfigurationSection) -> BestPathSettings {
        var section = section
        var settings = BestPathSettings()
        func bool(_ key: String) -> Bool? {
            section.value(key, ConfigurationValue.boolWords, ConfigurationValue.bool)?.value
        }
        settings.options.alwaysCompareMED = bool("alwaysCompareMED") ?? false
        settings.options.missingMEDWorst = bool("missingMEDWorst") ?? false
        settings.options.multipathRelax = bool("multipathRelax") ?? true
        let paths = section.value(
            "maximumPaths", "a number of paths from 1 to 256", ConfigurationValue.integer(1...256))
        settings.maximumPaths = paths?.value ?? 16
        section.finish()
        return settings
    }

    /// Key `bgp.aggregates`.
    static func aggregates(_ sections: [ConfigurationSection]) -> [Located<Aggregate>] {
        var found: [Located<Aggregate>] = []
        for var section in sections {
            let prefix = section.required("prefix", ConfigurationValue.prefixWords, ConfigurationValue.prefix)
            let summary = section.value("summaryOnly", ConfigurationValue.boolWords, ConfigurationValue.bool)
            section.finish()
            guard let prefix else { continue }
            if found.contains(where: { $0.value.prefix == prefix.value }) {
                section.problems.error(prefix.mark, "\(prefix.value) is listed twice; remove it")
            } else if prefix.value.isDefault || prefix.value.isSpecialUse {
                section.problems.error(
                    prefix.mark, "\(prefix.value) cannot be an aggregate; write a prefix that pods live in")
            } else if prefix.value.isHost {
                section.problems.error(prefix.mark, "\(prefix.value) has nothing inside; write a shorter prefix")
            }
            found.append(
                Located(
                    value: Aggregate(prefix: prefix.value, summaryOnly: summary?.value ?? false), mark: prefix.mark))
        }
        return found
    }

    /// An aggregate is `unreachable` in the kernel, so it must not take what is not the cluster's.
    static func check(
        _ aggregates: [Located<Aggregate>], podCIDRs: [Located<Prefix>], clusterCIDRs: [Located<Prefix>],
        fibEnabled: Bool, _ problems: ProblemCollector
    ) {
        for aggregate in aggregates {
            let prefix = aggregate.value.prefix
            if podCIDRs.contains(where: { $0.value == prefix }) {
                problems.error(aggregate.mark, "\(prefix) is a pod CIDR, which is announced anyway; remove it")
            } else if fibEnabled, !clusterCIDRs.contains(where: { $0.value.contains(prefix) }) {
                problems.error(
                    aggregate.mark,
                    "\(prefix) lies in none of clusterCIDRs, and the node would drop all traffic to it;"
                        + " write a prefix inside them")
            }
        }
    }
}

extension ConfigurationValue {
    /// `65001:100`, or a well-known name.
    static func community(_ text: String) -> Community? { Community(text) }

    /// `65001:1:2`.
    static func largeCommunity(_ text: String) -> LargeCommunity? { LargeCommunity(text) }
}
