extension Configuration {
    /// What a reading of a file gave: with an error among the problems there is no configuration, without a text the
    /// file could not be read.
    package struct Reading: Sendable {
        package var configuration: Configuration?
        package var problems: [ConfigurationProblem]
        package var text: String?
    }

    /// Reads a file as `load(path:hostname:)` does, and keeps its text.
    package static func read(path: String, hostname: String) -> Reading {
        do throws(ConfigurationFileError) {
            let text = try contents(path: path)
            let (configuration, problems) = load(
                text: text, file: path, hostname: hostname, inspect: passwordFileProblems,
                inspectKeys: keyFileProblems)
            return Reading(configuration: configuration, problems: problems, text: text)
        } catch {
            let problems = ProblemCollector(file: path)
            problems.error(.start, error.message)
            return Reading(configuration: nil, problems: problems.sorted, text: nil)
        }
    }
}
