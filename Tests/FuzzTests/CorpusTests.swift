import Foundation
import FuzzTargets
import TestKit
import Testing

/// The fixtures and every input of the corpus, also those that broke something once, whole and cut short.
///
/// A trap ends the test run; what it was is in the backtrace.
@Suite struct CorpusTests {
    @Test(arguments: FuzzTarget.allCases)
    func `no input breaks its reader`(target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        #expect(!inputs.isEmpty)
        for bytes in inputs {
            target.run(bytes)
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 4)) {
                target.run(Array(bytes.prefix(length)))
            }
        }
    }

    private static func inputs(_ target: FuzzTarget) throws -> [[UInt8]] {
        let directory = Fixture.packageRoot.appending(path: "Fuzz/corpus/\(target.rawValue)")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        let files = try names.map { [UInt8](try Data(contentsOf: directory.appending(path: $0))) }
        return try files + fixtures(target)
    }

    /// Two configurations that agree, for `open`.
    private static let negotiation: [UInt8] = [0, 1, 192, 0, 2, 1, 0, 3, 5, 0, 120, 0, 3, 5, 0, 120]

    /// The octets of options before each of the fixtures' streams, or of their messages' bodies.
    private static func fixtures(_ target: FuzzTarget) throws -> [[UInt8]] {
        let fixtures = try Fixture.all(under: "messages") + Fixture.all(under: "captures")
        switch target {
        case .stream:
            return fixtures.flatMap { fixture in contexts.map { $0 + fixture.bytes } }
        case .update:
            return fixtures.flatMap { fixture in contexts.map { $0 + fixture.bytes.dropFirst(19) } }
        case .open: return fixtures.map { negotiation + $0.bytes.dropFirst(19) }
        case .capture: return fixtures.map { [0] + $0.bytes }
        case .session, .discovery, .bfd, .cni, .plugin, .configuration, .addresses: return []
        }
    }

    /// What was negotiated, and the pieces: usual, two octets and internal, extended, one family and refresh.
    private static let contexts: [[UInt8]] = [[0, 0], [3, 1], [4, 18], [0x28, 0x45], [0x39, 6]]
}
