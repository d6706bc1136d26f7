/// Swift text with comments, string literals and quoted identifiers blanked out: what is left is code, at its place.
///
/// Knows nested comments, raw and multi-line strings and interpolation (which is code again); no regex literals.
struct SwiftCode {
    /// Same number of lines as the input, each of the same length.
    let lines: [String]

    init(_ text: String) {
        var blanker = Blanker(text)
        lines = blanker.run().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

extension SwiftCode {
    /// One function, initialiser or subscript with a body: its 1-based first line and the number of its lines.
    struct Function: Equatable {
        let line: Int
        let length: Int
    }

    var functions: [Function] {
        lines.indices.compactMap { index in
            guard Self.declaresFunction(lines[index]), let last = endOfBody(from: index) else { return nil }
            return Function(line: index + 1, length: last - index + 1)
        }
    }

    private static let keywords: Set<Substring> = ["func", "init", "init?", "deinit", "subscript"]

    private static func declaresFunction(_ line: String) -> Bool {
        let words = line.split { " (<{".contains($0) }
        return words.contains { keywords.contains($0) } && !line.contains("= init")
    }

    /// The line of the brace that closes the first one after `first`; nil without a body (a requirement of a protocol).
    private func endOfBody(from first: Int) -> Int? {
        var (braces, parentheses, opened) = (0, 0, false)
        for index in first..<lines.count {
            if index > first, !opened, parentheses == 0, Self.declaresFunction(lines[index]) { return nil }
            for character in lines[index].utf8 {
                switch character {
                case UInt8(ascii: "("): parentheses += 1
                case UInt8(ascii: ")"): parentheses -= 1
                case UInt8(ascii: "{") where parentheses == 0 || opened:
                    opened = true
                    braces += 1
                case UInt8(ascii: "}") where parentheses == 0 || opened:
                    braces -= 1
                    if braces <= 0 { return opened ? index : nil }
                default: break
                }
            }
        }
        return nil
    }
}

/// Writes code over as it is, and blanks for the rest.
private struct Blanker {
    private enum Mode: Equatable {
        case code(parentheses: Int)
        case string(hashes: Int, quotes: Int)
        case comment(depth: Int)
        case lineComment
        case identifier
    }

    private let input: [UInt8]
    private var output: [UInt8] = []
    private var modes: [Mode] = [.code(parentheses: 0)]
    private var at = 0

    init(_ text: String) { input = Array(text.utf8) }

    mutating func run() -> String {
        output.reserveCapacity(input.count)
        while at < input.count { step() }
        return String(decoding: output, as: UTF8.self)
    }

    private mutating func step() {
        switch modes.last {
        case .code(let parentheses): stepCode(parentheses)
        case .string(let hashes, let quotes): stepString(hashes, quotes)
        case .comment(let depth):
            if starts("*/") {
                blank(2)
                modes[modes.count - 1] = .comment(depth: depth - 1)
                if depth == 1 { modes.removeLast() }
            } else if starts("/*") {
                blank(2)
                modes[modes.count - 1] = .comment(depth: depth + 1)
            } else {
                blank(1)
            }
        case .lineComment:
            if starts("\n") { modes.removeLast() }
            blank(1)
        case .identifier:
            if starts("`") { modes.removeLast() }
            blank(1)
        case nil: at = input.count
        }
    }

    private mutating func stepCode(_ parentheses: Int) {
        if starts("//") { return enter(.lineComment, 2) }
        if starts("/*") { return enter(.comment(depth: 1), 2) }
        if starts("`") { return enter(.identifier, 1) }
        let hashes = input[at...].prefix { $0 == UInt8(ascii: "#") }.count
        if starts("\"", ahead: hashes) {
            let quotes = starts("\"\"\"", ahead: hashes) ? 3 : 1
            return enter(.string(hashes: hashes, quotes: quotes), hashes + quotes)
        }
        if starts("(") { modes[modes.count - 1] = .code(parentheses: parentheses + 1) }
        if starts(")") {
            modes[modes.count - 1] = .code(parentheses: parentheses - 1)
            if parentheses == 0, modes.count > 1 {  // the end of an interpolation
                modes.removeLast()
                return blank(1)
            }
        }
        output.append(input[at])
        at += 1
    }

    private mutating func stepString(_ hashes: Int, _ quotes: Int) {
        let pounds = String(repeating: "#", count: hashes)
        if starts(String(repeating: "\"", count: quotes) + pounds) {
            modes.removeLast()
            blank(quotes + hashes)
        } else if starts("\\" + pounds + "(") {
            modes.append(.code(parentheses: 0))
            blank(hashes + 2)
        } else {
            blank(starts("\\" + pounds) ? hashes + 2 : 1)
        }
    }

    private func starts(_ text: String, ahead: Int = 0) -> Bool {
        input.dropFirst(at + ahead).starts(with: text.utf8)
    }

    private mutating func enter(_ mode: Mode, _ count: Int) {
        modes.append(mode)
        blank(count)
    }

    /// Line ends stay, one column each stays, also for characters of several bytes.
    private mutating func blank(_ count: Int) {
        for byte in input.dropFirst(at).prefix(count) where byte & 0xc0 != 0x80 {
            output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
        at += count
    }
}
