/// What `martletctl drain` asks for.
package struct DrainOrder: Sendable, Equatable {
    /// How long peers have to move traffic away before the paths are withdrawn, in milliseconds.
    package var waitMilliseconds: Int
    /// Text for the peers' operators (RFC 9003); at most 255 octets of UTF-8 arrive.
    package var message: String?

    package init(waitMilliseconds: Int = 5000, message: String? = nil) {
        self.waitMilliseconds = waitMilliseconds
        self.message = message
    }

    /// The longest wait: ten minutes.
    package static let longestWait = 600_000

    /// Reads `5s`, `500ms`, `2m` or `0`, at most `longestWait`, as milliseconds.
    package static func milliseconds(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), number <= longestWait else { return nil }
        let factor: Int
        switch text.dropFirst(digits.count) {
        case "ms": factor = 1
        case "s": factor = 1000
        case "m": factor = 60_000
        case "" where number == 0: factor = 1
        default: return nil
        }
        return number * factor <= longestWait ? number * factor : nil
    }
}
