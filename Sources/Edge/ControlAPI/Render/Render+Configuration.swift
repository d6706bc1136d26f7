import NetTypes

extension Render {
    /// `martletctl configuration`: where it came from, and whether the file says something else by now.
    package static func configuration(_ document: ConfigurationDocument) -> String {
        let pairs = [
            ("File", document.file ?? "none"), ("Taken over", UTCTime.text(document.loadedMilliseconds)),
            ("Reloads", "\(document.reloads) applied, \(document.refusals) refused"),
            ("State", configurationState(document)),
        ]
        return lines(pairs) + document.problems.map { "  " + Printable.text($0) + "\n" }.joined()
    }

    /// One line for `martletctl status`.
    static func configurationState(_ document: ConfigurationDocument) -> String {
        guard let problem = document.problems.first else { return "in use" }
        let more = document.problems.count > 1 ? " (and \(document.problems.count - 1) more)" : ""
        return "STALE, an earlier one is in use: \(problem)\(more)"
    }
}
