import Foundation
import Lab

/// What the demo shows: headings, notes, tables, and the checks that it counts.
final class Screen: @unchecked Sendable {
    enum Colour: String {
        case green = "32", red = "31", yellow = "33", blue = "36", dim = "2", bold = "1"
    }

    private let plain: Bool
    private let coloured: Bool
    private let start = Date()
    private var step = 0
    private(set) var passed = 0
    private(set) var failed = 0

    init(plain: Bool) {
        self.plain = plain
        let wanted = ProcessInfo.processInfo.environment["NO_COLOR"] == nil
        coloured = !plain && wanted && isatty(STDOUT_FILENO) == 1
        // A reader that goes away (| head) ends the demo as Ctrl-C does, with everything cleaned up.
        signal(SIGPIPE, SIG_IGN)
    }

    func paint(_ text: String, _ colour: Colour) -> String {
        coloured ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }

    func line(_ text: String = "") {
        while Cleanup.shared.isEnding { pause() }
        guard (try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))) == nil else { return }
        Cleanup.shared.runAll()
        _exit(1)
    }

    func title(_ text: String) {
        line()
        line(paint(text, .bold))
    }

    func heading(_ text: String) {
        step += 1
        line()
        let rule = String(repeating: plain ? "-" : "─", count: max(3, 88 - text.count))
        line(paint("\(plain ? "--" : "──") \(step). \(text) \(rule)", .blue))
    }

    /// What is being done, before it is.
    func doing(_ text: String) { line(paint("  \(plain ? "*" : "·") \(text)", .dim)) }

    /// A command, as one would type it, and what it printed.
    func transcript(_ command: String, _ output: String) {
        line("  \(paint("$ " + command, .yellow))")
        for row in output.split(separator: "\n", omittingEmptySubsequences: false) where !row.isEmpty {
            line("    \(row)")
        }
    }

    @discardableResult
    func check(_ holds: Bool, _ text: String) -> Bool {
        if holds { passed += 1 } else { failed += 1 }
        let mark = holds ? paint(plain ? "ok  " : "✔", .green) : paint(plain ? "FAIL" : "✘", .red)
        line("  \(mark) \(text)")
        return holds
    }

    /// Columns as wide as their widest cell, a heading in bold.
    func table(_ header: [String], _ rows: [[String]]) {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0.indices.contains(column) ? Self.width($0[column]) : 0 }.max() ?? 0
        }
        func format(_ row: [String]) -> String {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - Self.width($0)) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
        line("    " + paint(format(header), .bold))
        for row in rows { line("    " + format(row)) }
    }

    /// Cells on the screen: without colours.
    private static func width(_ text: String) -> Int {
        text.replacing(#/\u{1b}\[[0-9]*m/#, with: "").count
    }

    /// The last line; true if all checks held.
    func finish() -> Bool {
        let seconds = Date().timeIntervalSince(start).formatted(.number.precision(.fractionLength(1)))
        line()
        let verdict =
            failed == 0
            ? paint("All \(passed) checks passed", .green)
            : paint("\(failed) of \(passed + failed) checks failed", .red)
        line("\(verdict) in \(seconds) s.")
        return failed == 0 && passed > 0
    }
}
