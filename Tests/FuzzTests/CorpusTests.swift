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
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 16)) {
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

    /// The octet that chooses what was negotiated, before each of the fixtures' streams, or of their messages' bodies.
    private static func fixtures(_ target: FuzzTarget) throws -> [[UInt8]] {
        guard target == .stream || target == .update else { return [] }
        let fixtures = try Fixture.all(under: "messages") + Fixture.all(under: "captures")
        let streams = fixtures.map { target == .stream ? $0.bytes : Array($0.bytes.dropFirst(19)) }
        return streams.flatMap { bytes in [0x00, 0x13, 0x6c].map { [$0] + bytes } }
    }
}
