import CNIPlugin
import Glibc

/// The `nft` program, whose transactions take effect as a whole or not at all.
package enum Nft {
    /// Why a transaction or a question failed.
    package enum Problem: Error, Hashable, Sendable {
        /// The program is not on this node.
        case missing
        /// It could not be started.
        case unusable(SystemError)
        /// What it said on its way out.
        case refused(String)

        package var isExisting: Bool {
            if case .refused(let text) = self { text.contains("File exists") } else { false }
        }
        package var isMissing: Bool {
            if case .refused(let text) = self { text.contains("No such file or directory") } else { false }
        }
    }

    /// Where runtimes with a bare environment find it.
    private static let directories = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"]

    /// The program's path; throws `missing`.
    @discardableResult
    package static func program() throws(Problem) -> String {
        let named = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
        for directory in named.filter({ $0.hasPrefix("/") }) + directories {
            let path = "\(directory)/nft"
            if access(path, X_OK) == 0 { return path }
        }
        throw .missing
    }

    /// Carries out a script as one transaction.
    package static func apply(_ script: String) throws(Problem) { _ = try run(["-f", "-"], input: script) }

    /// A table as JSON; nil when there is none.
    package static func table(_ name: String) throws(Problem) -> JSONValue? {
        do {
            let text = try run(["-j", "list", "table", "inet", name], input: "")
            // It may say something before the document, of tables that others have made.
            return try? JSONValue(parsing: Array(text.drop { $0 != UInt8(ascii: "{") }))
        } catch {
            if error.isMissing { return nil }
            throw error
        }
    }

    private static func run(_ arguments: [String], input: String) throws(Problem) -> [UInt8] {
        let path = try program()
        let finished: FinishedProcess
        do {
            finished = try runProcess(
                path, arguments: arguments, environment: ["LC_ALL": "C"], input: Array(input.utf8), joinsErrors: true)
        } catch {
            throw .unusable(error)
        }
        guard finished.succeeded else {
            let lines = String(decoding: finished.output.prefix(1000), as: UTF8.self).split(separator: "\n")
            // Its first line says what and where; the others repeat our script.
            throw .refused(lines.first.map(String.init) ?? "nft ended with \(finished.end)")
        }
        return finished.output
    }
}
