extension Render {
    /// `martletctl explain DESTINATION`: the answer first, then how it comes about, from the peers to the kernel.
    package static func explain(_ document: ExplainDocument) -> String {
        var parts = [Printable.text(document.summary) + "\n", owner(document)]
        parts += document.prefixes.enumerated().map { index, prefix in
            paths(prefix, title: index == 0 ? "used" : "less specific, not used")
        }
        parts += [announcements(document.announcements), nearMisses(document.nearMisses), kernel(document)]
        return parts.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private static func owner(_ document: ExplainDocument) -> String {
        var facts: [(name: String, value: String)] = []
        if let cidr = document.podCIDR { facts.append(("podCIDR", "\(cidr), of this node")) }
        if let pod = document.pod {
            facts.append(("Pod", pod.pod.isEmpty ? "not named by the runtime" : "\(pod.namespace)/\(pod.pod)"))
            facts.append(("Container", pod.containerID))
            facts.append(("Link", "\(pod.hostInterface), \(pod.state)"))
        }
        return lines(facts, indent: "  ")
    }

    private static func paths(_ prefix: ExplainedPrefixDocument, title: String) -> String {
        // Nobody sees the column who has no add-path.
        let hasPathIDs = prefix.paths.contains { $0.pathID != nil }
        var table = TextTable(
            [.left("PEER")] + (hasPathIDs ? [.right("PATH ID")] : []) + [
                .left("NEXT HOP"), .left("AS PATH"), .left("ORIGIN"), .right("LOCAL PREF"),
                .right("MED"),
                .left("COMMUNITIES"), .right("AGE"), .left("STATE"), .left("REASON"),
            ], indent: "  ")
        for path in prefix.paths {
            let communities = path.marks.joined(separator: " ")
            let pathID = hasPathIDs ? [path.pathID.map { String($0) } ?? ""] : []
            table.add(
                [path.peer] + pathID + [
                    path.nextHop, path.asPath, path.origin, path.localPref.map { String($0) } ?? "",
                    path.med.map { String($0) } ?? "", communities, Printable.duration(path.ageSeconds),
                    path.state.rawValue + (path.stale ? ", stale" : ""), path.reason,
                ])
        }
        return Printable.text("Paths of \(prefix.prefix) (\(title))") + "\n" + table.text + route(prefix.route)
    }

    private static func route(_ route: FIBRouteDocument?) -> String {
        guard let route else { return "" }
        let (desired, installed) = (route.desired.joined(separator: ", "), route.installed.joined(separator: ", "))
        let same = !desired.isEmpty && desired == installed
        return "\n"
            + lines(
                [
                    ("Desired", desired.isEmpty ? "nothing" : desired),
                    ("Installed", same ? "as desired" : installed.isEmpty ? "nothing" : installed),
                    ("Status", route.status.rawValue + (route.detail.map { ": \($0)" } ?? "")),
                ], indent: "  ")
    }

    private static func announcements(_ announcements: [AnnouncementDocument]) -> String {
        guard !announcements.isEmpty else { return "" }
        var table = TextTable([.left("PREFIX"), .left("PEER"), .left("TOLD"), .left("HOW")], indent: "  ")
        for entry in announcements {
            table.add([entry.prefix, entry.peer, entry.announced ? "yes" : "no", entry.detail])
        }
        return "Announcements\n" + table.text
    }

    private static func nearMisses(_ misses: [NearMissDocument]) -> String {
        guard !misses.isEmpty else { return "" }
        var table = TextTable([.left("PREFIX"), .left("FROM"), .left("NOT USED BECAUSE")], indent: "  ")
        for miss in misses { table.add([miss.prefix, miss.source, miss.reason]) }
        return "Covers it, but is not used\n" + table.text
    }

    private static func kernel(_ document: ExplainDocument) -> String {
        let kernel = document.kernel
        var facts: [(name: String, value: String)] = [("Outcome", kernel.error ?? kernel.outcome)]
        if let entry = kernel.entry { facts.append(("By the route", entry)) }
        return "What the kernel does now\n" + lines(facts, indent: "  ")
    }
}
