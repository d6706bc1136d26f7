import Foundation

/// The package's own files, found from where this file lies.
struct Project {
    struct File {
        /// Relative to the package, such as `Sources/Core/RIB/RIB.swift`.
        let path: String
        let lines: [String]
        /// `lines` without comments and literals; only for Swift.
        let code: SwiftCode

        /// The parts of the path: `["Sources", "Core", "RIB", "RIB.swift"]`.
        var parts: [String] { path.split(separator: "/").map(String.init) }

        /// Modules that are imported, with their 1-based lines.
        var imports: [(module: String, line: Int)] {
            code.lines.enumerated().compactMap { index, line in
                var words = line.split(separator: " ")
                while let first = words.first, first.hasPrefix("@") || Self.access.contains(first) {
                    words.removeFirst()
                }
                guard words.first == "import", let last = words.last else { return nil }
                return (String(last.split(separator: ".").first ?? last), index + 1)
            }
        }

        private static let access: Set<Substring> = ["internal", "package", "private", "fileprivate", "public"]
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let sources = swift(in: "Sources")
    static let tests = swift(in: "Tests")

    /// Names of the targets in a layer: `Core`, `Edge`, `Tools` or `C`.
    static func targets(in layer: String) -> [String] {
        let directory = root.appending(path: "Sources/\(layer)").path
        return ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
    }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// All files of the project that are text, without what is built and git's own.
    static let everything: [(path: String, lines: [String])] = {
        let skipped = [".git", ".build", "build", ".swiftpm"]
        let top = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        return top.filter { name in !skipped.contains { name == $0 || name.hasPrefix(".build") } }.flatMap(files)
            .compactMap { path in
                guard let text = try? text(of: path) else { return nil }
                return (path, text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            }
    }()

    private static func swift(in directory: String) -> [File] {
        files(under: directory).filter { $0.hasSuffix(".swift") }.compactMap { path in
            guard let text = try? text(of: path) else { return nil }
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return File(path: path, lines: text.hasSuffix("\n") ? lines.dropLast() : lines, code: SwiftCode(text))
        }
    }

    private static func files(under path: String) -> [String] {
        var isDirectory: ObjCBool = false
        let full = root.appending(path: path).path
        guard FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory) else { return [] }
        guard isDirectory.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: full)) ?? []
        return names.filter { $0 != "__pycache__" }.sorted().flatMap { files(under: "\(path)/\($0)") }
    }
}
