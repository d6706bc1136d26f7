extension Render {
    /// `martletctl policy test`: rule by rule, then what comes out.
    package static func policy(_ document: PolicyDocument) -> String {
        let words = document.direction == .import ? "from" : "to"
        let path = document.held ? "the path held" : "a path as given"
        let from = document.direction == .export ? ", from \(document.source)" : ""
        var table = TextTable([.left("RULE"), .left("RESULT")])
        for step in document.steps { table.add([step.rule, step.result]) }
        return Printable.text(
            "\(document.prefix) \(words) \(document.peer), \(document.direction.rawValue), \(path)\(from)") + "\n\n"
            + table.text + "\n" + Printable.text(document.verdict) + "\n\n" + attributes(document)
    }

    private static func attributes(_ document: PolicyDocument) -> String {
        let before = document.before.rows
        guard let after = document.after?.rows else {
            var table = TextTable([.left("ATTRIBUTE"), .left("PATH")])
            for row in before { table.add([row.name, row.value.isEmpty ? "-" : row.value]) }
            return table.text
        }
        var table = TextTable([.left("ATTRIBUTE"), .left("BEFORE"), .left("AFTER")])
        for (old, new) in zip(before, after) {
            table.add([old.name, old.value, new.value.isEmpty ? "-" : new.value])
        }
        return table.text
    }
}

extension PolicyPathDocument {
    fileprivate var rows: [(name: String, value: String)] {
        [
            ("next hop", nextHop), ("AS path", asPath), ("local pref", localPref.map { String($0) } ?? ""),
            ("MED", med.map { String($0) } ?? ""), ("communities", communities.joined(separator: " ")),
            ("large communities", largeCommunities.joined(separator: " ")), ("weight", weight.map { String($0) } ?? ""),
        ]
    }
}
