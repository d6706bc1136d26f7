extension Render {
    /// `martletctl fib`: desired beside installed.
    package static func fib(_ document: FIBDocument) -> String {
        guard document.enabled else { return "The kernel is left alone: the configuration says fib.enabled: false.\n" }
        let counters = document.counters
        let summary =
            """
            \(Printable.count(counters.desired, "route")) desired, \(counters.installed) installed, \
            \(counters.failed) failed; \(Printable.count(counters.repairs, "repair")), \
            \(Printable.count(counters.resyncs, "full reading")) of the kernel

            """ + outranked(counters) + nextHops(document.nextHops) + overlaps(document.overlapping ?? [])
            + settings(document.settings ?? [])
        guard !document.routes.isEmpty else { return "No routes.\n\n" + summary }
        // Nobody sees the column whose kernel has no groups.
        let hasGroups = document.routes.contains { $0.group != nil }
        var columns: [TextTable.Column] = [.left("PREFIX"), .left("DESIRED"), .left("INSTALLED")]
        if hasGroups { columns.append(.left("GROUP")) }
        var table = TextTable(columns + [.left("STATUS"), .left("DETAIL")])
        for route in document.routes {
            let desired = route.desired.joined(separator: ", ")
            let installed = route.installed.joined(separator: ", ")
            let same = !desired.isEmpty && desired == installed
            var cells = [route.prefix, desired, same ? "as desired" : installed]
            if hasGroups { cells.append(route.group.map { String($0) } ?? "") }
            table.add(cells + [route.status.rawValue, route.detail ?? ""])
        }
        return table.text + "\n" + summary
    }

    private static func outranked(_ counters: FIBCountersDocument) -> String {
        guard let count = counters.outranked, count > 0 else { return "" }
        return "\(Printable.count(count, "route")) not used by the kernel: somebody else has one of a better metric\n"
    }

    private static func nextHops(_ document: NextHopsDocument?) -> String {
        guard let document else { return "" }
        let style =
            switch document.style {
            case "resilient": "resilient nexthop groups: a lost next hop moves no flow of the others"
            case "hash": "nexthop groups by hash: a lost next hop may move flows of the others"
            default: "in every route"
            }
        var text = "Next hops: \(style)" + (document.reason.map { "; \($0)" } ?? "") + "\n"
        for group in document.groups {
            text += "  group \(group.id): \(Printable.count(group.routes, "route")), "
            text += group.nextHops.joined(separator: ", ") + "\n"
        }
        for neighbor in document.neighbors ?? [] { text += "  \(neighbor.nextHop): neighbour \(neighbor.state)\n" }
        return text
    }

    private static func overlaps(_ routes: [String]) -> String {
        guard !routes.isEmpty else { return "" }
        return "Routes of others take a part of the cluster's prefixes elsewhere:\n"
            + routes.map { Printable.text("  \($0)") + "\n" }.joined()
    }

    private static func settings(_ settings: [KernelSettingDocument]) -> String {
        guard !settings.isEmpty else { return "" }
        var text = "Kernel settings:\n"
        for setting in settings {
            text += "  \(setting.name) = \(setting.value ?? "?")"
            if let before = setting.before { text += ", was \(before): changed by martletd" }
            if let problem = setting.problem { text += ", should be \(setting.wanted): \(problem)" }
            text += "\n"
        }
        return text
    }

    /// `martletctl fib verify`: every difference, or that there is none.
    package static func verify(_ document: FIBVerifyDocument) -> String {
        guard document.enabled else { return "The kernel is left alone: the configuration says fib.enabled: false.\n" }
        let seen =
            "\(Printable.count(document.routes, "route")) and "
            + "\(Printable.count(document.nextHops, "nexthop object")) read from the kernel"
        guard !document.differences.isEmpty else { return "\(seen): all as desired.\n" }
        var table = TextTable([.left("PREFIX"), .left("DIFFERENCE")])
        for difference in document.differences { table.add([difference.prefix ?? "", difference.problem]) }
        return table.text + "\n\(seen): \(Printable.count(document.differences.count, "difference")).\n"
    }
}
