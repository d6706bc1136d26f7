extension Render {
    /// `martletctl ipam show`.
    package static func ipam(_ document: IPAMDocument, wide: Bool) -> String {
        guard !document.networks.isEmpty else { return "No network has given out addresses on this node.\n" }
        return document.networks.map { network in
            let prefixes = document.podCIDRs.joined(separator: ", ")
            let pool = prefixes.isEmpty ? "" : "; the node's prefixes are \(prefixes)"
            let title =
                "\(network.network): \(network.given) address\(network.given == 1 ? "" : "es") given out, "
                + "\(network.resting) at rest\(pool)"
            return Printable.text(title) + "\n" + (network.attachments.isEmpty ? "" : table(network, wide).text)
        }.joined(separator: "\n")
    }

    private static func table(_ network: IPAMNetworkDocument, _ wide: Bool) -> TextTable {
        var columns: [TextTable.Column] = [
            .left("ADDRESSES"), .left("POD"), .left("CONTAINER"), .left("INTERFACE"), .right("AGE"), .left("STATE"),
        ]
        if wide { columns += [.left("LINK"), .left("NETNS"), .left("WHY")] }
        var table = TextTable(columns)
        for entry in network.attachments {
            var cells = [
                entry.addresses.joined(separator: ","), entry.pod ?? "",
                wide ? entry.containerID : String(entry.containerID.prefix(13)), entry.interface,
                entry.ageSeconds.map(Printable.duration) ?? "",
                entry.life == .gone ? "GONE" : entry.life.rawValue,
            ]
            if wide { cells += [entry.hostInterface ?? "", entry.netns ?? "", entry.reason] }
            table.add(cells)
        }
        return table
    }

    /// `martletctl ipam check`.
    package static func ipamCheck(_ document: IPAMCheckDocument) -> String {
        let looked = "\(Printable.count(document.attachments, "attachment")) looked at"
        guard !document.ok else { return "Nothing is wrong: \(looked).\n" }
        var table = TextTable([.left("PROBLEM"), .left("NETWORK"), .left("WHAT"), .left("DETAIL")])
        for problem in document.problems {
            table.add([problem.kind, problem.network, problem.subject, problem.detail])
        }
        return table.text + "\(Printable.count(document.problems.count, "problem")), \(looked).\n"
    }

    /// `martletctl ipam release` and `martletctl ipam import`.
    package static func ipamChange(_ document: IPAMChangeDocument) -> String {
        Printable.text(document.summary) + "\n"
    }
}
