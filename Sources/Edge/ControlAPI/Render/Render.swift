/// Documents as `martletctl` prints them; `wide` adds the columns that are rarely needed.
package enum Render {
    /// `martletctl routes`: what became of each path, and why.
    package static func routes(_ document: RoutesDocument, wide: Bool = false) -> String {
        guard !document.routes.isEmpty else { return document.total == 0 ? "No routes.\n" : "" }
        var columns: [TextTable.Column] = [.left("PREFIX"), .left("NEXT HOP"), .left("PEER"), .left("AS PATH")]
        if wide { columns += [.left("ORIGIN"), .right("LOCAL PREF"), .right("MED"), .left("COMMUNITIES")] }
        // Nobody sees the column who has no add-path.
        let hasPathIDs = document.routes.contains { $0.pathID != nil }
        if hasPathIDs { columns.insert(.right("PATH ID"), at: 1) }
        var table = TextTable(columns + [.right("AGE"), .left("STATE"), .left("REASON")])
        for route in document.routes {
            var cells = [route.prefix, route.nextHop, route.peer, route.asPath]
            if hasPathIDs { cells.insert(route.pathID.map { String($0) } ?? "", at: 1) }
            if wide {
                let communities = route.marks
                cells += [
                    route.origin, route.localPref.map { String($0) } ?? "", route.med.map { String($0) } ?? "",
                    communities.joined(separator: " "),
                ]
            }
            let state = route.state.rawValue + (route.stale ? ", stale" : "")
            table.add(cells + [Printable.duration(route.ageSeconds), state, route.reason])
        }
        let hidden = document.total - document.routes.count
        return table.text + (hidden > 0 ? "\(hidden) more not shown.\n" : "")
    }

    /// `martletctl pods`: what our plugin plugged in on this node.
    package static func pods(_ document: PodsDocument, wide: Bool = false) -> String {
        guard !document.pods.isEmpty else { return "No pods of this network on this node.\n" }
        var columns: [TextTable.Column] = [
            .left("NAMESPACE"), .left("POD"), .left("ADDRESSES"), .left("HOST LINK"),
        ]
        if wide { columns += [.left("POD LINK")] }
        var table = TextTable(columns + [.left("CONTAINER"), .left("STATE")])
        for pod in document.pods {
            var cells = [pod.namespace, pod.pod, pod.addresses.joined(separator: ", "), pod.hostInterface]
            if wide { cells += [pod.interface ?? ""] }
            table.add(cells + [wide ? pod.containerID : String(pod.containerID.prefix(12)), pod.state])
        }
        return table.text
    }

    /// `martletctl status`: the agent itself.
    package static func status(_ document: StatusDocument) -> String {
        let uptime = Printable.duration(document.uptimeSeconds)
        let libraries = document.libraries.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var pairs: [(name: String, value: String)] = [
            ("Node", document.node),
            ("Router id", document.routerID),
            ("AS", String(document.asn)),
            ("Pod CIDRs", document.podCIDRs.isEmpty ? "none" : document.podCIDRs.joined(separator: ", ")),
            ("Sessions", "\(document.sessionsEstablished) of \(document.sessions) established"),
            ("Agent", "martletd \(document.version), pid \(document.pid), up \(uptime)"),
            ("Libraries", libraries.isEmpty ? "none" : libraries.joined(separator: ", ")),
        ]
        if let start = document.start { pairs.append(("Start", start)) }
        if let configuration = document.configuration {
            pairs.append(("Configuration", "\(configuration.file ?? "none"): \(configurationState(configuration))"))
        }
        for conflict in document.conflicts ?? [] { pairs.append(("CONFLICT", conflict)) }
        if let count = document.oldPods, count > 0 {
            pairs.append(("Old pods", "\(Printable.count(count, "pod")) outside of the pod CIDRs, not reachable"))
        }
        if let drain = document.drain { pairs.append(("Drain", String(Self.drain(drain).dropLast()))) }
        return lines(pairs)
    }

    /// Names and values, the values in one column.
    static func lines(_ pairs: [(name: String, value: String)], indent: String = "") -> String {
        let width = pairs.map(\.name.count).max() ?? 0
        return pairs.map { name, value in
            let padding = String(repeating: " ", count: width - name.count)
            return Printable.trimmed("\(indent)\(name)\(padding)  \(Printable.text(value))") + "\n"
        }.joined()
    }
}
