import Foundation

/// A stream of BGP messages under `bgp-fixtures/` and what we print for it (the format is in `bgp-fixtures/README.md`).
package struct Fixture: Sendable, CustomStringConvertible {
    /// Path below `bgp-fixtures/`, without the extension.
    package let name: String
    package let bytes: [UInt8]
    /// The text beside it; nil when there is none yet.
    package let text: String?
    /// `key` to `value` of the comment lines `# key: value`.
    package let directives: [String: String]
    private let file: URL

    package var description: String { name }

    /// The words of the directive `context`.
    package var context: Set<Substring> { Set((directives["context"] ?? "").split(separator: " ")) }

    /// Why encoding does not give these bytes; nil when it must.
    package var decodeOnly: String? { directives["decode-only"] }

    /// The package's root, found from the place of this source file.
    package static let packageRoot: URL = {
        var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        while !FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path),
            folder.path != "/"
        {
            folder.deleteLastPathComponent()
        }
        return folder
    }()

    /// All `.hex` files at any depth below `bgp-fixtures/FOLDER`, sorted by name; nothing when the folder is not there.
    package static func all(under folder: String) throws -> [Fixture] {
        let root = packageRoot.appendingPathComponent("bgp-fixtures")
        let base = root.appendingPathComponent(folder)
        guard let files = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else { return [] }
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "hex" }.map { file in
            let name = file.deletingPathExtension().path.dropFirst(root.path.count + 1)
            return try Fixture(name: String(name), file: file)
        }.sorted { $0.name < $1.name }
    }

    private init(name: String, file: URL) throws {
        self.name = name
        self.file = file
        let source = try String(contentsOf: file, encoding: .utf8)
        bytes = try hex(source)
        directives = Dictionary(
            source.split(separator: "\n").compactMap(Self.directive), uniquingKeysWith: { first, _ in first })
        text = try? String(contentsOf: Self.textFile(file), encoding: .utf8)
    }

    private static func textFile(_ file: URL) -> URL { file.deletingPathExtension().appendingPathExtension("txt") }

    private static func directive(_ line: Substring) -> (String, String)? {
        guard line.hasPrefix("# "), let colon = line.range(of: ": ") else { return nil }
        return (String(line[..<colon.lowerBound].dropFirst(2)), String(line[colon.upperBound...]))
    }

    /// True when the texts are to be written anew: `UPDATE_FIXTURES=1`.
    package static var isUpdating: Bool { ProcessInfo.processInfo.environment["UPDATE_FIXTURES"] == "1" }

    /// Writes the text beside the bytes.
    package func write(text: String) throws {
        try text.write(to: Self.textFile(file), atomically: true, encoding: .utf8)
    }
}
