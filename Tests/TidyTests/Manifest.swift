/// The table of targets in Package.swift, read as text: asking SwiftPM inside of `swift test` would wait for itself.
struct Manifest {
    /// What each target of ours declares to depend on, products of other packages included.
    let dependencies: [String: Set<String>]

    private static let products = ["argumentParser": "ArgumentParser", "logging": "Logging"]

    init(_ text: String) throws {
        let entry = try Regex(#"(?:core|edge|tool|tests)\(\s*"([\w-]+)"(?:,\s*\[([^\]]*)\])?"#)
        let plain = try Regex(#"arget\(\s*name:\s*"([\w-]+)"(?:,\s*dependencies:\s*\[([^\]]*)\])?"#)
        var found: [String: Set<String>] = [:]
        for match in text.matches(of: entry) + text.matches(of: plain) {
            guard let name = match.output[1].substring else { continue }
            let list = match.output[2].substring?.split { ", \n".contains($0) } ?? []
            found[String(name)] = Set(
                list.map { word in Self.products[String(word)] ?? word.filter { $0 != "\"" } })
        }
        dependencies = found
    }
}
