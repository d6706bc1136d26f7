import Foundation
import TestKit
import Testing

/// docs/errors.md against the code.
struct ErrorTableTests {
    struct Entry: Hashable, CustomStringConvertible {
        let code: String
        let message: String
        var description: String { "\(code) \(message)" }
    }

    /// `NAME` of `static let NAME = Self(rawValue: N)`, and the number.
    func codes() throws -> [String: String] {
        let text = try Project.text(of: "Sources/Edge/CNIPlugin/PluginError.swift")
        var result: [String: String] = [:]
        for match in text.matches(of: /static let (\w+) = Self\(rawValue: (\d+)\)/) {
            result[String(match.1)] = String(match.2)
        }
        return result
    }

    /// Every `PluginError(.CODE, "MESSAGE"` of the sources, with `…` for what is filled in.
    func written() throws -> Set<Entry> {
        let codes = try codes()
        var result: Set<Entry> = []
        for file in Project.sources {
            let text = file.lines.joined(separator: "\n")
            for match in text.matches(of: /PluginError\(\s*\.(\w+),\s*"/) {
                let code = try #require(codes[String(match.1)], "\(file.path): \(match.1)")
                result.insert(Entry(code: code, message: Self.literal(text[match.range.upperBound...])))
            }
        }
        return result
    }

    /// The text of a string literal up to its closing quote.
    static func literal(_ source: Substring) -> String {
        var text = ""
        var depth = 0
        var isEscaped = false
        for character in source {
            if depth > 0 {
                if character == "(" { depth += 1 } else if character == ")" { depth -= 1 }
            } else if isEscaped {
                isEscaped = false
                if character == "(" {
                    depth = 1
                    text += "…"
                } else {
                    text.append(character)
                }
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                break
            } else {
                text.append(character)
            }
        }
        return text
    }

    /// Rows whose message is in backquotes; in parentheses are those that other programs fill.
    func listed() throws -> Set<Entry> {
        let text = try Project.text(of: "docs/errors.md")
        return Set(
            text.split(separator: "\n").compactMap { line in
                guard let match = line.wholeMatch(of: /\| (\d+) \| `(.+?)` \| (.+) \|/) else { return nil }
                return Entry(code: String(match.1), message: String(match.2))
            })
    }

    @Test func `every error that the plugins can print is listed, and no other`() throws {
        let (written, listed) = try (written(), listed())
        #expect(written.count > 50)
        #expect(written.subtracting(listed).map(\.description).sorted() == [], "not in docs/errors.md")
        #expect(listed.subtracting(written).map(\.description).sorted() == [], "not in the code any more")
    }

    @Test func `every code of ours has a row that says what to do`() throws {
        let text = try Project.text(of: "docs/errors.md")
        for (name, number) in try codes()
        where !["unsupportedField", "unknownContainer", "limitedConnectivity"].contains(name) {
            #expect(text.contains("\n| \(number) | "), "\(name) (\(number))")
        }
    }

    @Test func `a literal ends at its quote, whatever is filled in`() {
        #expect(Self.literal(#"no \"x\" in \(list.map { "(\($0))" }) here", details: "d")"#) == #"no "x" in … here"#)
        #expect(Self.literal(#"plain")"#) == "plain")
    }
}
