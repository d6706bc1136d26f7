import Testing

/// docs/drills.md against the tests: a row without a drill or a reason, and a drill without a row, are failures.
struct DrillTableTests {
    /// The rows that there must be: tables a and d of the faults that the drills are about.
    static let rows = (1...20).map { "R\($0)" } + ["R56"] + (60...67).map { "R\($0)" }

    /// One row of the page.
    struct Row {
        let name: String
        /// The last column: tests, or why there is none.
        let answer: String

        /// `File: `sentence`, `sentence`; File: ...`
        var tests: [(file: String, sentence: String)] {
            var file = ""
            return answer.matches(of: /(?:(\w+Tests): )?`([^`]+)`/).map { match in
                if let name = match.1 { file = String(name) }
                return (file, String(match.2))
            }
        }

        /// Whether it says why there is no drill, in words.
        var hasReason: Bool {
            guard let start = answer.firstRange(of: "not here: ") else { return false }
            return answer[start.upperBound...].split(separator: " ").count >= 5
        }
    }

    private func listed() throws -> [Row] {
        try Project.text(of: "docs/drills.md").split(separator: "\n").compactMap { line in
            guard let match = line.wholeMatch(of: /\| (R\d+) \| (?:.+?) \| (.+) \|/) else { return nil }
            return Row(name: String(match.1), answer: String(match.2.split(separator: " | ").last ?? ""))
        }
    }

    /// Every test of the package by its sentence: the file that has it, without the extension.
    private func sentences() -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for file in Project.tests {
            let name = String((file.parts.last ?? "").dropLast(".swift".count))
            for match in file.lines.joined(separator: "\n").matches(of: /func `([^`]+)`/) {
                found[String(match.1), default: []].insert(name)
            }
        }
        return found
    }

    /// The rows in a test's name: `R1 R5: ...`.
    private func tags(of sentence: String) -> [String] {
        guard let match = sentence.prefixMatch(of: /(?:R\d+ )*R\d+(?=: )/) else { return [] }
        return match.0.split(separator: " ").map(String.init)
    }

    @Test func `every row of the fault tables has a drill or a reason, once`() throws {
        let listed = try listed()
        #expect(listed.map(\.name) == Self.rows)
        let mute = listed.filter { row in
            !row.hasReason && !row.tests.contains { tags(of: $0.sentence).contains(row.name) }
        }
        #expect(mute.map(\.name) == [], "no test that is named by the row, and no `not here: ` with the reason")
    }

    @Test func `every test that the page of drills names is there`() throws {
        let sentences = sentences()
        let missing = try listed().flatMap(\.tests).filter { sentences[$0.sentence]?.contains($0.file) != true }
        #expect(missing.map { "\($0.file): \($0.sentence)" } == [])
    }

    @Test func `every test that is named by a row stands in that row`() throws {
        let listed = try listed()
        var missing: [String] = []
        for (sentence, files) in sentences() {
            for tag in tags(of: sentence) {
                let tests = listed.first { $0.name == tag }?.tests ?? []
                for file in files where !tests.contains(where: { $0 == (file, sentence) }) {
                    missing.append("\(tag): \(file): \(sentence)")
                }
            }
        }
        #expect(missing.sorted() == [])
    }

    @Test func `R20: nothing but what is shown to people asks for the time of day`() {
        // The history, the log and captures; everything else has the monotonic clock, which nobody can step.
        let shown: Set = ["HistoryBook.swift", "LogHandlers.swift", "PeerCapture.swift"]
        let clocks: Set<Substring> = [
            "CLOCK_REALTIME", "DispatchWallTime", "wallDeadline", "gettimeofday", "Date", "SystemClock", "time",
        ]
        expectNone(
            Project.sources.filter { !shown.contains($0.parts.last ?? "") }.flatMap { file in
                file.code.lines.enumerated().compactMap { index, line in
                    let found = words(line).first {
                        clocks.contains($0) && ($0 != "time" || line.contains("time(nil)"))
                    }
                    return found.map { "\(file.path):\(index + 1): \($0)" }
                }
            })
    }
}
