import Foundation

/// The root of the package.
package let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

/// A binary of the package that has not been built.
package struct BinaryMissing: Error, CustomStringConvertible {
    package let name: String
    package let searched: [String]

    package var description: String { "\(name) is not built: looked for \(searched.joined(separator: ", "))" }
}

/// The path of one of our binaries: in the directory that MARTLET_BIN names, else the release build, else the debug
/// build.
package func martletBinary(_ name: String) throws -> String {
    let named = ProcessInfo.processInfo.environment["MARTLET_BIN"]
    let directories = named.map { [$0] } ?? ["\(packageRoot)/build/bin", "\(packageRoot)/.build/debug"]
    let candidates = directories.map { "\($0)/\(name)" }
    guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
        throw BinaryMissing(name: name, searched: candidates)
    }
    return found
}
