/// A node of a YAML document that remembers where it stands.
struct YAMLNode: Sendable, Equatable {
    /// Place of the first character of a node.
    struct Mark: Sendable, Equatable, Comparable {
        /// 1-based.
        let line: Int
        /// 1-based, in characters.
        let column: Int

        static let start = Self(line: 1, column: 1)

        static func < (a: Self, b: Self) -> Bool { (a.line, a.column) < (b.line, b.column) }
    }

    /// One key of a mapping with its value.
    struct Entry: Sendable, Equatable {
        let key: String
        let mark: Mark
        let value: YAMLNode
    }

    indirect enum Content: Sendable, Equatable {
        /// Text as YAML understands it; `plain`: written without quotes.
        case scalar(String, plain: Bool)
        case sequence([YAMLNode])
        /// In the order of the file; keys are unique.
        case mapping([Entry])
    }

    let content: Content
    let mark: Mark

    /// Nothing was written: `key:` alone, `null` or `~`.
    var isNull: Bool {
        guard case .scalar(let text, plain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

/// A fault of the YAML text itself.
struct YAMLProblem: Error, Equatable {
    let mark: YAMLNode.Mark
    let message: String
}
