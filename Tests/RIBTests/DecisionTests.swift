import BGPWire
import NetTypes
import Testing

@testable import RIB

/// A candidate that differs from the common one in what is given.
private func candidate(
    _ path: UInt32, isLocal: Bool = false, external: Bool = true, address text: String = "192.0.2.1", id: UInt32 = 1,
    _ change: (inout PathAttributes.Summary) -> Void = { _ in }
) -> Candidate {
    var summary = PathAttributes.Summary()
    summary.asPathLength = 2
    summary.neighborAS = asn(65001)
    change(&summary)
    let peer = RIBPeer(address: ip(text), asNumber: asn(65001), routerID: RouterID(rawValue: id), isExternal: external)
    return Candidate(path: path, summary: summary, peer: peer, isLocal: isLocal)
}

private func decide(_ candidates: [Candidate]) -> (best: UInt32?, equal: Set<UInt32>, reason: DecisionStep) {
    var decision = Decision()
    for candidate in candidates { decision.add(candidate) }
    decision.run()
    return (
        decision.candidates.first?.path, Set(decision.candidates.prefix(decision.equalCount).map(\.path)),
        decision.reason
    )
}

/// All orders of a list.
private func permutations<Element>(_ list: [Element]) -> [[Element]] {
    guard list.count > 1 else { return [list] }
    return list.indices.flatMap { index in
        var rest = list
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}

@Suite struct `Decision process` {
    /// The winner stands first; it must win in every order, at this step, and alone or with the loser in the ECMP set.
    private func check(_ step: DecisionStep, _ winner: Candidate, _ loser: Candidate, isMultipath: Bool = false) {
        for order in [[winner, loser], [loser, winner]] {
            let (best, equal, reason) = decide(order)
            #expect(best == winner.path, "\(step)")
            #expect(reason == step)
            #expect(equal == (isMultipath ? [winner.path, loser.path] : [winner.path]), "\(step)")
        }
        #expect(Decision.step(winner: winner, loser: loser) == step)
    }

    @Test func `no path is no best`() {
        let (best, equal, _) = decide([])
        #expect(best == nil && equal.isEmpty)
    }

    @Test func `one path is best`() {
        let (best, equal, reason) = decide([candidate(7)])
        #expect(best == 7 && equal == [7] && reason == .onlyPath)
    }

    @Test func `our own path wins whatever the others say`() {
        check(.localOrigin, candidate(1, isLocal: true), candidate(2, external: false) { $0.localPref = 4_294_967_295 })
    }

    @Test func `higher LOCAL_PREF wins between internal paths`() {
        check(
            .localPref, candidate(1, external: false) { ($0.localPref, $0.asPathLength) = (200, 9) },
            candidate(2, external: false) { $0.localPref = 100 })
    }

    @Test func `a missing LOCAL_PREF counts 100`() {
        check(.localPref, candidate(1, external: false) { $0.localPref = 101 }, candidate(2, external: false))
        check(.localPref, candidate(1, external: false), candidate(2, external: false) { $0.localPref = 99 })
    }

    @Test func `LOCAL_PREF that a policy gave an external path counts`() {
        check(.localPref, candidate(1) { $0.localPref = 101 }, candidate(2) { $0.asPathLength = 1 })
    }

    @Test func `the shorter AS_PATH wins over origin and MED`() {
        check(.asPathLength, candidate(1) { ($0.asPathLength, $0.origin, $0.med) = (1, 2, 9) }, candidate(2))
    }

    @Test func `the lower origin wins`() {
        check(.origin, candidate(1) { $0.med = 9 }, candidate(2) { $0.origin = 1 })
        check(.origin, candidate(1) { $0.origin = 1 }, candidate(2) { $0.origin = 2 })
    }

    @Test func `the lower MED of one neighbour AS wins, and a missing one is 0`() {
        check(.med, candidate(1) { $0.med = 5 }, candidate(2) { $0.med = 6 })
        check(.med, candidate(1, id: 9), candidate(2) { $0.med = 1 })
    }

    @Test func `MEDs of different neighbour ASes are not compared`() {
        check(
            .routerID, candidate(1, id: 1) { ($0.med, $0.neighborAS) = (900, asn(65001)) },
            candidate(2, id: 2) { ($0.med, $0.neighborAS) = (1, asn(65002)) }, isMultipath: true)
    }

    @Test func `an external path wins over an internal one`() {
        check(.externalOverInternal, candidate(1, id: 9), candidate(2, external: false, id: 1))
    }

    @Test func `the lower router ID wins, and both share the traffic`() {
        check(.routerID, candidate(1, id: 1), candidate(2, id: 2), isMultipath: true)
    }

    @Test func `ORIGINATOR_ID stands for the router ID`() {
        check(
            .routerID, candidate(1, external: false, id: 9) { $0.originatorID = RouterID(rawValue: 3) },
            candidate(2, external: false, id: 4), isMultipath: true)
    }

    @Test func `the shorter CLUSTER_LIST wins`() {
        check(
            .clusterListLength, candidate(1, external: false, address: "192.0.2.9") { $0.clusterListLength = 1 },
            candidate(2, external: false, address: "192.0.2.1") { $0.clusterListLength = 2 }, isMultipath: true)
    }

    @Test func `the lower peer address wins`() {
        check(.peerAddress, candidate(1, address: "192.0.2.9"), candidate(2, address: "192.0.2.10"), isMultipath: true)
    }

    @Test func `MED gives the same answer in every order of arrival`() {
        // The example of RFC 4451 2.1: comparing in pairs gives three answers.
        let paths = [
            candidate(1, id: 10) { ($0.neighborAS, $0.med) = (asn(65001), 10) },
            candidate(2, external: false, id: 5) { ($0.neighborAS, $0.med) = (asn(65001), 5) },
            candidate(3, id: 20) { ($0.neighborAS, $0.med) = (asn(65002), 20) },
            candidate(4, id: 1) { ($0.neighborAS, $0.med) = (asn(65002), 30) },
            candidate(5, external: false, id: 2) { ($0.neighborAS, $0.med) = (asn(65003), 0) },
        ]
        let expected = decide(paths)
        #expect(expected.best == 3, "1 loses to 2 by MED, 4 to 3; 2 and 5 are internal")
        for order in permutations(paths) {
            let result = decide(order)
            #expect(result.best == expected.best && result.equal == expected.equal)
            #expect(result.reason == expected.reason)
        }
    }

    @Test(arguments: 1...30) func `random paths give the same answer in every order`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let paths = (0..<5).map { index in
            candidate(
                UInt32(index), external: Bool.random(using: &random), address: "192.0.2.\(index + 1)",
                id: UInt32.random(in: 1...3, using: &random)
            ) {
                $0.med = UInt32.random(in: 0...2, using: &random)
                $0.neighborAS = asn(UInt32.random(in: 65001...65002, using: &random))
                $0.asPathLength = UInt16.random(in: 1...2, using: &random) / 2 + 1
            }
        }
        let expected = decide(paths)
        for order in permutations(paths) {
            let result = decide(order)
            #expect(
                result.best == expected.best && result.equal == expected.equal && result.reason == expected.reason,
                "seed \(seed)")
        }
    }
}

@Suite struct `Equal paths` {
    /// A RIB with the same prefix from four ToRs of different ASes.
    private func nextHops(maximumPaths: Int, lengths: [Int]) -> [String] {
        var rib = RIBTables(policy: .node, maximumPaths: maximumPaths, seed: 1)
        for (index, length) in lengths.enumerated() {
            let number = UInt32(65001 + index)
            rib.setPeer(
                PeerID(rawValue: UInt16(index + 1)), .external(number, "192.0.2.\(index + 1)", id: UInt32(index + 1)))
            rib.apply(
                .announce(
                    [cidr("10.244.7.0/24")], .path([number] + Array(repeating: 64700, count: length)),
                    via: ip("192.0.2.\(index + 1)")),
                from: PeerID(rawValue: UInt16(index + 1)), at: 0)
        }
        return rib.takeChanges(limit: 10, describing: true).last?.best?.nextHops.map { "\($0.address)" } ?? []
    }

    @Test func `paths of different neighbour ASes share the traffic`() {
        #expect(nextHops(maximumPaths: 16, lengths: [1, 1, 1]) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    }

    @Test func `a longer path takes no part`() {
        #expect(nextHops(maximumPaths: 16, lengths: [1, 2, 1]) == ["192.0.2.1", "192.0.2.3"])
    }

    @Test func `maximumPaths keeps the best ones`() {
        #expect(nextHops(maximumPaths: 2, lengths: [1, 1, 1, 1]) == ["192.0.2.1", "192.0.2.2"])
        #expect(nextHops(maximumPaths: 1, lengths: [1, 1]) == ["192.0.2.1"])
        #expect(nextHops(maximumPaths: 0, lengths: [1, 1]) == ["192.0.2.1"], "less than one is one")
    }
}
