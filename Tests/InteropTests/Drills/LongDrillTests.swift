import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// Random faults, one after the other, and what must hold each second. `MARTLET_SEED=N` runs one seed again,
    /// `MARTLET_DRILL_SECONDS=N` as long as wanted; `make test-long` takes a seed of its own and a quarter of an hour.
    @Suite(.serialized)
    struct LongDrillTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let seed =
            environment["MARTLET_SEED"].flatMap { UInt64($0) } ?? (Drill.isLong ? UInt64.random(in: 1...1_000_000) : 1)
        private static let seconds =
            environment["MARTLET_DRILL_SECONDS"].flatMap { Double($0) } ?? (Drill.isLong ? 900 : 40)

        @Test func `each second every pod reaches every other, and kernels are as desired, whatever breaks`() throws {
            try LongDrill.run(seed: Self.seed, seconds: Self.seconds)
        }
    }
}
