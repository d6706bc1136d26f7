/// Gathers everything that is wrong, so that one run shows it all.
final class ProblemCollector {
    private let file: String
    private var problems: [ConfigurationProblem] = []

    init(file: String) { self.file = file }

    func error(_ mark: YAMLNode.Mark, _ message: String) { add(.error, mark, message) }

    func warning(_ mark: YAMLNode.Mark, _ message: String) { add(.warning, mark, message) }

    /// In the order of the file.
    var sorted: [ConfigurationProblem] {
        problems.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) }
    }

    var hasErrors: Bool { problems.contains { $0.severity == .error } }

    private func add(_ severity: ConfigurationProblem.Severity, _ mark: YAMLNode.Mark, _ message: String) {
        problems.append(
            ConfigurationProblem(severity: severity, file: file, line: mark.line, column: mark.column, message: message)
        )
    }
}

/// A value and where it stands.
struct Located<Value> {
    let value: Value
    let mark: YAMLNode.Mark
}

extension Located: Sendable where Value: Sendable {}

/// A mapping of the file that is read key by key; what nobody asked for is an error.
struct ConfigurationSection {
    /// As `bgp.peers[0]`; empty for the whole file.
    let path: String
    let mark: YAMLNode.Mark
    let problems: ProblemCollector
    private let entries: [YAMLNode.Entry]
    /// Something else stands there, which was said already: what it lacks is not worth a word.
    let isWrongKind: Bool
    private var known: [String] = []

    /// A section of a node; a problem, and an empty section, where the node is no mapping.
    init(_ node: YAMLNode, path: String, problems: ProblemCollector) {
        self.path = path
        self.mark = node.mark
        self.problems = problems
        if case .mapping(let entries) = node.content {
            self.entries = entries
            isWrongKind = false
        } else {
            entries = []
            isWrongKind = !node.isNull
            if isWrongKind {
                problems.error(
                    node.mark, "\(path.isEmpty ? "the file" : path) must be a mapping; write lines of KEY: VALUE")
            }
        }
    }

    /// The full name of a key.
    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a key; nil where it is missing or null.
    mutating func node(_ key: String) -> YAMLNode? {
        if !known.contains(key) { known.append(key) }
        return entries.first { $0.key == key }.flatMap { $0.value.isNull ? nil : $0.value }
    }

    /// Whether a key is written, without making it one that is asked for.
    func contains(_ key: String) -> Bool { entries.contains { $0.key == key } }

    /// A text that `parse` accepts. `expectation` tells what to write instead of a wrong one.
    mutating func value<Value>(_ key: String, _ expectation: String, _ parse: (String) -> Value?) -> Located<Value>? {
        node(key).flatMap { read($0, name(key), expectation, parse) }
    }

    /// As `value`, for a key without a default.
    mutating func required<Value>(_ key: String, _ expectation: String, _ parse: (String) -> Value?) -> Located<Value>?
    {
        if node(key) == nil, !isWrongKind { problems.error(mark, "\(name(key)) is missing; write \(expectation)") }
        return value(key, expectation, parse)
    }

    /// A list of texts that `parse` accepts; nil where the key is missing.
    mutating func list<Value>(_ key: String, _ expectation: String, _ parse: (String) -> Value?) -> [Located<Value>]? {
        items(key)?.enumerated().compactMap { read($1, "\(name(key))[\($0)]", expectation, parse) }
    }

    /// The section under a key; empty where the key is missing.
    mutating func section(_ key: String) -> ConfigurationSection {
        let empty = YAMLNode(content: .scalar("", plain: true), mark: mark)
        return ConfigurationSection(node(key) ?? empty, path: name(key), problems: problems)
    }

    /// The list of sections under a key.
    mutating func sections(_ key: String) -> [ConfigurationSection] {
        (items(key) ?? []).enumerated().map {
            ConfigurationSection($1, path: "\(name(key))[\($0)]", problems: problems)
        }
    }

    /// Reports the keys that were never asked for. `unsupported` are keys of a later version: why they may not
    /// be ignored.
    func finish(unsupported: [String: String] = [:]) {
        for entry in entries where !known.contains(entry.key) {
            if let consequence = unsupported[entry.key] {
                problems.error(entry.mark, "\(name(entry.key)) is not supported yet; \(consequence)")
            } else {
                let place = path.isEmpty ? "" : " in \(path)"
                let advice =
                    Spelling.nearest(to: entry.key, in: known + unsupported.keys.sorted())
                    .map { "did you mean \"\($0)\"?" } ?? "known keys: \(known.sorted().joined(separator: ", "))"
                problems.error(entry.mark, "unknown key \"\(entry.key)\"\(place); \(advice)")
            }
        }
    }

    private mutating func items(_ key: String) -> [YAMLNode]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let nodes) = node.content else {
            problems.error(node.mark, "\(name(key)) must be a list; write [A, B], or lines that begin with \"- \"")
            return []
        }
        return nodes
    }

    private func read<Value>(
        _ node: YAMLNode, _ name: String, _ expectation: String, _ parse: (String) -> Value?
    ) -> Located<Value>? {
        guard case .scalar(let text, _) = node.content else {
            problems.error(node.mark, "\(name) must be a single value; write \(expectation)")
            return nil
        }
        guard let value = parse(text) else {
            problems.error(node.mark, "\(name) is \"\(text)\"; write \(expectation)")
            return nil
        }
        return Located(value: value, mark: node.mark)
    }
}

/// Finds what somebody may have meant.
enum Spelling {
    /// The word of `candidates` that differs least from `word`, when it differs little.
    static func nearest(to word: String, in candidates: [String]) -> String? {
        guard word.utf8.count <= 64 else { return nil }
        let scored = candidates.map { (distance(word.lowercased(), $0.lowercased()), $0) }
        guard let best = scored.min(by: { $0.0 < $1.0 }), best.0 <= max(1, word.count / 3) else { return nil }
        return best.1
    }

    /// Letters to insert, remove, change or swap with their neighbour (optimal string alignment).
    static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a), Array(b))
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for (i, letter) in a.enumerated() {
            var row = [i + 1]
            for (j, other) in b.enumerated() {
                var cost = min(last[j] + (letter == other ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other { cost = min(cost, beforeLast[j - 1] + 1) }
                row.append(cost)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
