import Foundation
import Lab
import TestKit

/// docs/interop.md.
enum MatrixDocument {
    static let path = "\(packageRoot)/docs/interop.md"

    /// The document when cells come to `outcome`; nil: not run.
    static func text(_ outcome: (Cell) -> Outcome?) -> String {
        let routers = RouterKind.allCases
        let names = routers.map { "\(Matrix.identity($0).name) \(Matrix.identity($0).version)" }
        var notes: [String] = []
        var lines = [
            "# Interop", "",
            "Real routers of Debian 12 in network namespaces, asked over their own CLIs, and our agent over martletctl.",
            "`make test` runs every cell, `make interop-table` writes this page from such a run, and a test holds it to",
            "the cells that there are. \"yes\" is a test that passed; \"no\" is what the router lacks, said below.", "",
            "| | what is seen | \(names.joined(separator: " | ")) |", "|---|---|\(names.map { _ in "---|" }.joined())",
        ]
        for feature in Feature.allCases {
            let cells = routers.map { router -> String in
                let cell = Cell(router: router, feature: feature)
                let word: String
                let note: String?
                switch Matrix.content(cell) {
                case .test(let text): (word, note) = (self.word(outcome(cell)), text)
                case .lacks(let reason, let capability):
                    (word, note) = (capability == nil ? "no" : self.word(outcome(cell), "no"), reason)
                }
                guard let note else { return word }
                if !notes.contains(note) { notes.append(note) }
                return "\(word) [\((notes.firstIndex(of: note) ?? 0) + 1)]"
            }
            lines.append("| \(feature.title) | \(feature.sentence) | \(cells.joined(separator: " | ")) |")
        }
        lines.append("")
        lines += notes.enumerated().map {
            "\($0.offset + 1). \($0.element.prefix(1).uppercased())\($0.element.dropFirst())."
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func word(_ outcome: Outcome?, _ word: String = "yes") -> String {
        switch outcome {
        case .passed: word
        case .failed: "**fails**"
        case nil: "not run"
        }
    }
}

/// Gathers outcomes for the file that MARTLET_INTEROP_TABLE names.
actor MatrixReport {
    static let shared = MatrixReport()
    static var isWriting: Bool { file != nil }
    private static var file: String? { ProcessInfo.processInfo.environment["MARTLET_INTEROP_TABLE"] }
    private var outcomes: [Cell: Outcome] = [:]

    func note(_ cell: Cell, _ outcome: Outcome) throws {
        outcomes[cell] = outcome
        guard let file = Self.file else { return }
        try MatrixDocument.text { outcomes[$0] }.write(toFile: file, atomically: true, encoding: .utf8)
    }
}
