import BGPWire
import NetTypes

/// A regular expression over the text of an AS_PATH, in the manner that route maps of other routers have.
///
/// It finds its place anywhere in the path. `_` is a border of an AS number: a space, a comma, a brace, a parenthesis,
/// or an end of the path; `^` and `$` are its ends. `.`, `[0-9]`, `[^1]`, `( | )`, `*`, `+`, `?` and `\` are as usual.
///
/// The pattern becomes one automaton of positions (Glushkov's), which walks over the text once with all its states as
/// bits of a number: the time is the text's length times the pattern's, whatever they are, so no path that a peer makes
/// up can hold us.
package struct ASPathPattern: Sendable, Hashable {
    /// As it was written.
    package let text: String
    /// For each symbol the positions that take it.
    private let accepting: [UInt128]
    /// For each position those that may come after it.
    private let followers: [UInt128]
    private let first: UInt128
    private let last: UInt128
    /// States at the beginning of every path.
    private var initial: UInt128 = 0
    /// Every path matches: what is searched may be nothing, or no more than the beginning.
    private var matchesAll: Bool
    private var matchesEmptyPath = false

    /// Why a pattern is none.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    package init(_ text: String) throws(Problem) {
        var parser = PatternParser(text)
        let whole = try parser.parse()
        self.text = text
        accepting = parser.accepting
        followers = parser.followers
        first = whole.first
        last = whole.last
        matchesAll = whole.isEmpty
        let (start, end) = (symbolMask(.start), symbolMask(.end))
        var states: UInt128 = 0
        // An end of the path is no character: any number of `^`, `$` and `_` may stand for the same one.
        if settle(&states, start) { matchesAll = true }
        initial = states
        states = 0
        matchesEmptyPath = settle(&states, start | end)
    }

    /// Whether the path has the pattern somewhere.
    package func matches(_ path: ASPath) -> Bool {
        if matchesAll { return true }
        guard path.segments.contains(where: { !$0.numbers.isEmpty }) else { return matchesEmptyPath }
        var states = initial
        for (index, segment) in path.segments.enumerated() {
            if index > 0, step(&states, .space) { return true }
            if step(&states, segment) { return true }
        }
        return settle(&states, symbolMask(.end))
    }

    /// Goes on by an end of the path until nothing comes of it; true when the pattern ends here.
    private func settle(_ states: inout UInt128, _ mask: UInt128) -> Bool {
        for _ in 0...followers.count {
            let before = states
            if step(&states, mask) { return true }
            if states == before { break }
        }
        return false
    }

    private func symbolMask(_ symbol: PathSymbol) -> UInt128 { accepting[Int(symbol.rawValue)] }

    private func step(_ states: inout UInt128, _ segment: ASPath.Segment) -> Bool {
        // 2 is a sequence, 3 and 4 are of a confederation (RFC 5065).
        let marks: (open: PathSymbol, separator: PathSymbol, close: PathSymbol)? =
            switch segment.kind {
            case 1: (.openBrace, .comma, .closeBrace)
            case 3: (.openParenthesis, .space, .closeParenthesis)
            case 4: (.openBracket, .comma, .closeBracket)
            default: nil
            }
        if let marks, step(&states, marks.open) { return true }
        for (index, number) in segment.numbers.enumerated() {
            if index > 0, step(&states, marks?.separator ?? .space) { return true }
            for digit in number.description.utf8 {
                if let symbol = PathSymbol(digit: digit), step(&states, symbol) { return true }
            }
        }
        return marks.map { step(&states, $0.close) } ?? false
    }

    /// Goes on by one symbol; true when the pattern ends here.
    private func step(_ states: inout UInt128, _ symbol: PathSymbol) -> Bool { step(&states, symbolMask(symbol)) }

    private func step(_ states: inout UInt128, _ mask: UInt128) -> Bool {
        var next = first
        var rest = states
        while rest != 0 {
            let position = rest.trailingZeroBitCount
            rest &= rest - 1
            next |= followers[position]
        }
        states = next & mask
        return states & last != 0
    }
}

/// What the text of a path consists of.
enum PathSymbol: UInt8, CaseIterable {
    case zero, one, two, three, four, five, six, seven, eight, nine
    case space, comma, openBrace, closeBrace, openParenthesis, closeParenthesis, openBracket, closeBracket
    case start, end

    init?(digit: UInt8) {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        self.init(rawValue: digit - UInt8(ascii: "0"))
    }

    init?(_ character: Character) {
        switch character {
        case " ": self = .space
        case ",": self = .comma
        case "{": self = .openBrace
        case "}": self = .closeBrace
        case "(": self = .openParenthesis
        case ")": self = .closeParenthesis
        case "[": self = .openBracket
        case "]": self = .closeBracket
        default:
            guard let byte = character.asciiValue else { return nil }
            self.init(digit: byte)
        }
    }

    /// `.`: everything that is written in a path.
    static let written = Set(allCases).subtracting([.start, .end])
    /// `_`: what an AS number ends at.
    static let borders = Set(allCases).filter { $0.rawValue > PathSymbol.nine.rawValue }
}

/// Reads a pattern into positions.
struct PatternParser {
    /// A part of a pattern: where it may begin and end, and whether it may be passed over.
    struct Part {
        var first: UInt128 = 0
        var last: UInt128 = 0
        var isEmpty = true
    }

    private(set) var accepting = [UInt128](repeating: 0, count: PathSymbol.allCases.count)
    private(set) var followers: [UInt128] = []
    private let characters: [Character]
    private var index = 0
    private var depth = 0

    init(_ text: String) { characters = Array(text) }

    mutating func parse() throws(ASPathPattern.Problem) -> Part {
        guard !characters.isEmpty else { throw problem("is empty") }
        let part = try alternatives()
        guard index == characters.count else { throw problem("has a ) without its (") }
        return part
    }

    private func problem(_ words: String) -> ASPathPattern.Problem { .init(description: words) }

    private var next: Character? { index < characters.count ? characters[index] : nil }

    private mutating func alternatives() throws(ASPathPattern.Problem) -> Part {
        var whole = try sequence()
        while next == "|" {
            index += 1
            let other = try sequence()
            whole = Part(
                first: whole.first | other.first, last: whole.last | other.last,
                isEmpty: whole.isEmpty || other.isEmpty)
        }
        return whole
    }

    private mutating func sequence() throws(ASPathPattern.Problem) -> Part {
        var whole = Part()
        while let character = next, character != "|", character != ")" {
            let part = try repeated()
            link(whole.last, to: part.first)
            whole = Part(
                first: whole.isEmpty ? whole.first | part.first : whole.first,
                last: part.isEmpty ? whole.last | part.last : part.last, isEmpty: whole.isEmpty && part.isEmpty)
        }
        return whole
    }

    private mutating func repeated() throws(ASPathPattern.Problem) -> Part {
        var part = try atom()
        while let character = next, "*+?".contains(character) {
            index += 1
            if character != "?" { link(part.last, to: part.first) }
            if character != "+" { part.isEmpty = true }
        }
        return part
    }

    private mutating func atom() throws(ASPathPattern.Problem) -> Part {
        guard let character = next else { return Part() }
        index += 1
        switch character {
        case "(": return try group()
        case "[": return try position(set())
        case ".": return try position(PathSymbol.written)
        case "_": return try position(PathSymbol.borders)
        case "^": return try position([.start])
        case "$": return try position([.end])
        case "*", "+", "?": throw problem("has a \(character) with nothing before it")
        case "{", "}": throw problem("has a \(character), which counts in no pattern; write \\\(character) for a set's")
        case "\\":
            guard let escaped = next else { throw problem("ends with \\") }
            index += 1
            return try literal(escaped)
        default: return try literal(character)
        }
    }

    private mutating func group() throws(ASPathPattern.Problem) -> Part {
        depth += 1
        guard depth <= 32 else { throw problem("has more than 32 parentheses inside each other") }
        let part = try alternatives()
        guard next == ")" else { throw problem("has a ( without its )") }
        index += 1
        depth -= 1
        return part
    }

    private mutating func literal(_ character: Character) throws(ASPathPattern.Problem) -> Part {
        guard let symbol = PathSymbol(character) else {
            throw problem("has \"\(character)\", which no AS_PATH contains")
        }
        return try position([symbol])
    }

    /// `[0-9]`, `[^12]`: after the bracket.
    private mutating func set() throws(ASPathPattern.Problem) -> Set<PathSymbol> {
        var symbols: Set<PathSymbol> = []
        var isComplement = false
        if next == "^" {
            isComplement = true
            index += 1
        }
        while let character = next, character != "]" {
            guard let low = PathSymbol(character) else {
                throw problem("has \"\(character)\", which no AS_PATH contains")
            }
            index += 1
            guard next == "-" else {
                symbols.insert(low)
                continue
            }
            index += 1
            guard let end = next, let high = PathSymbol(end), low.rawValue <= high.rawValue,
                high.rawValue <= PathSymbol.nine.rawValue
            else { throw problem("has a range in brackets that is none; write digits, such as [0-9]") }
            index += 1
            symbols.formUnion(PathSymbol.allCases.filter { (low.rawValue...high.rawValue).contains($0.rawValue) })
        }
        guard next == "]", !symbols.isEmpty else { throw problem("has a [ without its ], or nothing in between") }
        index += 1
        return isComplement ? PathSymbol.written.subtracting(symbols) : symbols
    }

    private mutating func position(_ symbols: Set<PathSymbol>) throws(ASPathPattern.Problem) -> Part {
        guard followers.count < 128 else { throw problem("is longer than 128 characters") }
        let bit: UInt128 = 1 << UInt128(followers.count)
        followers.append(0)
        for symbol in symbols { accepting[Int(symbol.rawValue)] |= bit }
        return Part(first: bit, last: bit, isEmpty: false)
    }

    private mutating func link(_ from: UInt128, to: UInt128) {
        var rest = from
        while rest != 0 {
            followers[rest.trailingZeroBitCount] |= to
            rest &= rest - 1
        }
    }
}
