import Foundation
import NetTypes
import Testing

/// Whole routers, sessions and all, disturbed in every way and then left in peace.
///
/// `MARTLET_SEED=N` runs one seed again, with any number; `MARTLET_TEST_LONG=1` runs fifty times as many.
@Suite struct FabricNetworkTests {
    private static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["MARTLET_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return Array(1...(environment["MARTLET_TEST_LONG"] == nil ? 6 : 300))
    }()

    @Test(arguments: Fabric.Plan.allCases)
    func `routers agree after any disturbance`(plan: Fabric.Plan) throws {
        for seed in Self.seeds {
            let fabric = Fabric(plan, seed: seed)
            try fabric.run(until: .seconds(30))
            fabric.check("\(plan), before anything happens")
            for phase in 1...2 {
                try fabric.livePhase(disturbances: 12)
                fabric.check("\(plan), phase \(phase)")
            }
            fabric.mend()
            try fabric.run(until: fabric.now + Duration.seconds(300))
            fabric.check("\(plan), mended")
        }
    }
}
