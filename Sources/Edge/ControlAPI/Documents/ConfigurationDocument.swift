/// Answer of `/v1/configuration`, and, without the text, part of `/v1/status`.
package struct ConfigurationDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// The file as it was named; absent when there is none.
    package var file: String?
    /// What is in use, as it was read.
    package var text: String?
    /// When that was taken over: wall clock, milliseconds since 1970.
    package var loadedMilliseconds: Int64
    /// Why what the file says now is not in use; empty: it is.
    package var problems: [String]
    /// How often the file was taken over after the start, and how often it was refused.
    package var reloads: Int
    package var refusals: Int
    /// The host's name, a default of the file.
    package var hostname: String?
    /// Names of peers whose sessions are established.
    package var established: [String] = []

    /// An earlier text than the file's is in use.
    package var isStale: Bool { !problems.isEmpty }

    package init(file: String?, loadedMilliseconds: Int64, problems: [String], reloads: Int, refusals: Int) {
        self.file = file
        self.loadedMilliseconds = loadedMilliseconds
        self.problems = problems
        self.reloads = reloads
        self.refusals = refusals
    }
}
