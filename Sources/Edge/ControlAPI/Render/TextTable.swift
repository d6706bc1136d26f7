/// Rows of cells under titles: columns as wide as their widest cell, two spaces apart, no lines drawn.
struct TextTable {
    enum Alignment {
        case left, right
    }

    struct Column {
        let title: String
        let alignment: Alignment

        static func left(_ title: String) -> Self { Self(title: title, alignment: .left) }
        static func right(_ title: String) -> Self { Self(title: title, alignment: .right) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []
    private let indent: String

    init(_ columns: [Column], indent: String = "") { (self.columns, self.indent) = (columns, indent) }

    /// Adds a row; an empty cell shows as `-` unless it is the last one, so that every row has all its fields.
    mutating func add(_ cells: [String]) {
        let last = columns.count - 1
        rows.append(
            cells.prefix(columns.count).enumerated().map { index, cell in
                cell.isEmpty && index != last ? "-" : Printable.text(cell)
            })
    }

    /// The table, each line ended by a line feed and without trailing spaces.
    var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in lines.map { $0.dropFirst(column).first?.count ?? 0 }.max() ?? 0 }
        return lines.map { line in
            var text = indent
            for ((cell, column), width) in zip(zip(line, columns), widths) {
                let padding = String(repeating: " ", count: width - cell.count)
                text += (column.alignment == .left ? cell + padding : padding + cell) + "  "
            }
            return Printable.trimmed(text) + "\n"
        }.joined()
    }
}

/// Texts as a terminal may get them.
enum Printable {
    /// Control characters become U+FFFD: some texts, such as a shutdown message, are written by peers.
    static func text(_ text: String) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.properties.generalCategory == .control }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? "\u{fffd}" : $0 }))
    }

    static func trimmed(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }

    /// `45s`, `12m07s`, `3h05m`, `2d04h`: two units at most, always in the same width from a minute on.
    static func duration(_ seconds: Int) -> String {
        let seconds = max(0, seconds)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m\(two(seconds % 60))s"
        case ..<86400: "\(seconds / 3600)h\(two(seconds / 60 % 60))m"
        default: "\(seconds / 86400)d\(two(seconds / 3600 % 24))h"
        }
    }

    /// `1 peer`, `2 peers`.
    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
