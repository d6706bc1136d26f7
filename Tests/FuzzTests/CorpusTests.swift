import Foundation
import FuzzTargets
import TestKit
import Testing

/// Every input of the corpus, also those that broke something once. A trap ends the test run: the last name printed is its.
@Suite struct CorpusTests {
    @Test(arguments: FuzzTarget.allCases)
    func `no input of the corpus breaks its reader`(target: FuzzTarget) throws {
        let directory = Fixture.packageRoot.appending(path: "Fuzz/corpus/\(target.rawValue)")
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(!names.isEmpty)
        for name in names {
            target.run([UInt8](try Data(contentsOf: directory.appending(path: name))))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `no input that was cut short breaks its reader`(target: FuzzTarget) throws {
        let directory = Fixture.packageRoot.appending(path: "Fuzz/corpus/\(target.rawValue)")
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            let bytes = [UInt8](try Data(contentsOf: directory.appending(path: name)))
            for length in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 64)) {
                target.run(Array(bytes.prefix(length)))
            }
        }
    }
}
