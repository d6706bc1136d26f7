import BGPWire
import NetTypes
import RoutePolicy
import Testing

/// A pattern with paths that it finds and paths that it does not.
struct PatternRow: Sendable, CustomTestStringConvertible {
    let pattern: String
    let found: [String]
    let missed: [String]

    init(_ pattern: String, _ found: [String], not missed: [String]) {
        (self.pattern, self.found, self.missed) = (pattern, found, missed)
    }

    var testDescription: String { pattern }
}

@Suite struct `AS path patterns` {
    @Test(arguments: [
        PatternRow(
            "_65001_", ["65001", "1 65001", "65001 2", "1 65001 2", "{65001,3}", "1 (65001)"],
            not: ["165001", "650011", ""]),
        PatternRow("^65001_", ["65001", "65001 2"], not: ["1 65001", "650011"]),
        PatternRow("_65001$", ["65001", "2 65001"], not: ["65001 1"]),
        PatternRow("^65001 .* 64512$", ["65001 7 64512", "65001 7 8 64512"], not: ["65001 64512", "65001 7 64512 9"]),
        PatternRow("^$", [""], not: ["1"]),
        PatternRow(".*", ["", "1 2"], not: []),
        PatternRow("^[0-9]+$", ["1", "65001"], not: ["", "1 2"]),
        PatternRow("^6500[1-3](_6500[1-3])*$", ["65001", "65001 65003 65002"], not: ["65004", "65001 65004"]),
        PatternRow("^(65001|65002)_(7|8)?$", ["65001", "65002 7"], not: ["65002 9"]),
        PatternRow("_(1|2)_(3|4)_", ["1 3", "9 2 4 9"], not: ["1 9 3", "13"]),
        PatternRow("^_7_$", ["7"], not: ["7 7", "77"]),
        PatternRow("^65001(_.*)?$", ["65001", "65001 3"], not: ["650013"]),
        PatternRow("[^1]2", ["32", "1 2"], not: ["12", "2"]),
        PatternRow("\\{1,2\\}", ["7 {1,2}"], not: ["1 2"]),
        PatternRow("^5+0?1$", ["51", "5501"], not: ["501 1", "1"]),
    ]) func `find what they find elsewhere`(row: PatternRow) throws {
        let pattern = try ASPathPattern(row.pattern)
        for text in row.found { #expect(pattern.matches(path(text)), "\(text)") }
        for text in row.missed { #expect(!pattern.matches(path(text)), "\(text)") }
    }

    @Test(arguments: [
        ("", "is empty"), ("_(1", "has a ( without its )"), ("1)", "has a ) without its ("),
        ("*1", "has a * with nothing before it"), ("[1", "has a [ without its ], or nothing in between"),
        ("[9-1]", "has a range in brackets that is none; write digits, such as [0-9]"),
        ("1{2}", "has a {, which counts in no pattern; write \\{ for a set's"),
        ("abc", "has \"a\", which no AS_PATH contains"), ("1\\", "ends with \\"),
        (String(repeating: "1", count: 129), "is longer than 128 characters"),
        (String(repeating: "(", count: 40), "has more than 32 parentheses inside each other"),
    ]) func `that are none say why`(text: String, problem: String) {
        let error = #expect(throws: ASPathPattern.Problem.self) { try ASPathPattern(text) }
        #expect(error?.description == problem)
    }

    /// Swift's own engine reads the same patterns, with `_` spelled out.
    @Test(arguments: 1...40) func `agree with another engine`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let atoms = ["1", "2", "_", "^", "$", ".", "[12]", "[^1]", "(1|2)", "(_1)", "12"]
        for _ in 0..<25 {
            var text = ""
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                text += atoms.randomElement(using: &random) ?? ""
                if !"^$_".contains(text.last ?? "_") {
                    text += ["", "", "*", "+", "?"].randomElement(using: &random) ?? ""
                }
            }
            let pattern = try ASPathPattern(text)
            let spelled = text.map { $0 == "_" ? "(?:^|[ ,]|$)" : String($0) }.joined()
            let other = try Regex(spelled)
            for _ in 0..<8 {
                let numbers = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    ["1", "2", "12", "21", "11"].randomElement(using: &random) ?? ""
                }
                let subject = numbers.joined(separator: " ")
                #expect(
                    pattern.matches(path(subject)) == (subject.firstMatch(of: other) != nil), "\(text) on \(subject)")
            }
        }
    }

    @Test func `no pattern and no path take more than their lengths`() throws {
        let pattern = try ASPathPattern("^((1*)*_?)*((1|11)*_)*2$")
        let long = ASPath([.init(kind: 2, numbers: Array(repeating: asn(1_111_111_111), count: 15_000))])
        #expect(!pattern.matches(long))
    }
}
