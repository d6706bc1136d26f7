import NetTypes

/// Octets as text: digits with or without blanks, colons, commas, `0x`; dumps with offsets and characters beside them;
/// comments from `#` or `//` on, of which the fixtures' `# context: WORDS` are read.
struct HexReader: RecordReader {
    /// Octets of a line that are read at once: a whole capture may stand in one.
    var longestLine = 1 << 20

    private var line = 0
    /// The line goes on.
    private var isWithin = false
    /// Set by the first line with octets: a dump begins at offset 0.
    private var hasOffsets: Bool?
    private var waiting: [CaptureRecord] = []

    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord? {
        while waiting.isEmpty {
            if !isWithin { line += 1 }
            guard let text = takeLine(&queue, isAtEnd: isAtEnd) else {
                if !isWithin { line -= 1 }
                return nil
            }
            read(text)
        }
        return waiting.removeFirst()
    }

    private mutating func takeLine(_ queue: inout ByteQueue, isAtEnd: Bool) -> String? {
        var length = 0
        while let byte = queue.byte(at: length), byte != UInt8(ascii: "\n"), length < longestLine { length += 1 }
        guard length < queue.count || isAtEnd && length > 0 else { return nil }
        let isEnd = length == queue.count || queue.byte(at: length) == UInt8(ascii: "\n")
        if !isEnd { length = cut(queue, before: length) }
        let text = String(decoding: queue.copy(from: 0, count: length), as: UTF8.self)
        queue.drop(isEnd ? length + 1 : length)
        isWithin = !isEnd
        return text
    }

    /// Where a line that is too long is cut: between two words, or two octets of the one word that there is.
    private func cut(_ queue: ByteQueue, before length: Int) -> Int {
        for place in stride(from: length, to: 0, by: -1) where Self.separators.contains(queue.byte(at: place - 1) ?? 0)
        {
            return place
        }
        return max(2, length & ~1)
    }

    private static let separators = Set(" \t\r,;:".utf8)

    private mutating func read(_ text: String) {
        let characters = Array(text.unicodeScalars)
        let isComment = characters.first { $0 != " " && $0 != "\t" } == "#"
        if isComment {
            let words = text.split { " \t#\r".contains($0) }.map(String.init)
            if words.first == "context:" { waiting.append(.words(Array(words.dropFirst()))) }
            return
        }
        let code = Self.withoutComment(text)
        var tokens = Self.tokens(code)
        guard let first = tokens.first else { return }
        if hasOffsets == nil { hasOffsets = tokens.count > 1 && Self.offset(first.text) == 0 }
        if hasOffsets == true {
            guard Self.offset(first.text) != nil else {
                return complain("\"\(first.text.prefix(20))\" is no offset of a dump")
            }
            tokens = Self.dumped(Array(tokens.dropFirst()), hasBar: code.contains("|"))
        }
        var bytes: [UInt8] = []
        for token in tokens {
            guard let part = Self.octets(token.text) else {
                complain("\"\(token.text.prefix(20))\" are no hexadecimal octets")
                break
            }
            bytes += part
        }
        guard !bytes.isEmpty else { return }
        waiting.append(.stream(bytes))
    }

    private mutating func complain(_ text: String) {
        let safe = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
        waiting.append(.note(CaptureNote(place: .line(line), text: safe)))
    }

    private struct Token {
        var text: String
        /// Blanks in front of it.
        var gap: Int
    }

    private static func withoutComment(_ text: String) -> String {
        var result = ""
        var last: Character = " "
        for character in text {
            if character == "#" { break }
            if character == "/", last == "/" { return String(result.dropLast()) }
            result.append(character)
            last = character
        }
        return result
    }

    private static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        var gap = 0
        var word = ""
        for character in text + " " {
            if character.isWhitespace || character == "," || character == ";" {
                if !word.isEmpty {
                    tokens.append(Token(text: word, gap: gap))
                    gap = 0
                    word = ""
                }
                gap += 1
            } else {
                word.append(character)
            }
        }
        return tokens
    }

    /// `0000`, `00000010`, `0x0010:`; nil when it is none.
    private static func offset(_ text: String) -> Int? {
        var digits = text[...]
        if digits.hasSuffix(":") { digits = digits.dropLast() }
        if digits.hasPrefix("0x") { digits = digits.dropFirst(2) }
        guard (3...16).contains(digits.utf8.count), digits.allSatisfy(\.isHexDigit) else { return nil }
        return Int(digits, radix: 16)
    }

    /// The octets of a dump's line, without the characters beside them: those begin at a bar, or after 16 octets, or
    /// behind a gap that is not the one in the middle.
    private static func dumped(_ tokens: [Token], hasBar: Bool) -> [Token] {
        var result: [Token] = []
        var count = 0
        for token in tokens {
            if token.text.hasPrefix("|") || count >= 16 { break }
            if !hasBar, !result.isEmpty, token.gap > 2 || token.gap == 2 && count != 8 { break }
            guard let part = octets(token.text) else {
                // Characters beside the octets; a wrong digit among them is told.
                if token.gap < 2 { result.append(token) }
                break
            }
            count += part.count
            result.append(token)
        }
        return result
    }

    private static func octets(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for part in text.split(separator: ":") {
            let digits = part.hasPrefix("0x") || part.hasPrefix("0X") ? part.dropFirst(2) : part
            guard digits.utf8.count % 2 == 0, !digits.isEmpty else { return nil }
            var high: UInt8?
            for character in digits {
                guard let value = character.hexDigitValue.map({ UInt8($0) }), character.isASCII else { return nil }
                if let first = high {
                    bytes.append(first << 4 | value)
                    high = nil
                } else {
                    high = value
                }
            }
        }
        return bytes.isEmpty ? nil : bytes
    }
}

/// Octets of one direction of a session, as they are.
struct RawReader: RecordReader {
    mutating func next(_ queue: inout ByteQueue, isAtEnd: Bool) -> CaptureRecord? {
        guard queue.count > 0 else { return nil }
        let bytes = queue.copy(from: 0, count: min(queue.count, 65536))
        queue.drop(bytes.count)
        return .stream(bytes)
    }
}
