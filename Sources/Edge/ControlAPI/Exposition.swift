/// Metrics in the text form of Prometheus (exposition format 0.0.4), family by family.
package struct Exposition: Sendable {
    /// What a number means.
    package enum Kind: String, Sendable {
        case gauge, counter
    }

    /// The text so far.
    package private(set) var text = ""

    package init() {}

    /// Begins a family: its samples follow. `name` without the common prefix `martlet_`.
    package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP martlet_\(name) \(help)\n# TYPE martlet_\(name) \(kind.rawValue)\n"
    }

    /// A sample; label values may hold any text.
    package mutating func sample(_ name: String, _ labels: [(String, String)], _ value: some BinaryInteger) {
        let list = labels.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(separator: ",")
        text += "martlet_\(name)\(list.isEmpty ? "" : "{\(list)}") \(value)\n"
    }

    /// A sample of a family that has no labels.
    package mutating func sample(_ name: String, _ value: some BinaryInteger) { sample(name, [], value) }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
