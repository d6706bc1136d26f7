import BGPWire
import NetTypes
import Testing

@testable import RIB

/// What is said of the paths that are not the best one.
@Suite struct `A path that lost` {
    private let prefix = cidr("10.244.7.0/24")

    /// Paths of one prefix, from peers numbered from 1 on: AS, router identifier, MED.
    private func standings(_ paths: [(number: UInt32, id: UInt32, med: UInt32?)]) -> [UInt16: PathView.Standing] {
        var rib = RIBTables(policy: .node, seed: 1)
        for (index, path) in paths.enumerated() {
            let peer = PeerID(rawValue: UInt16(index + 1))
            rib.setPeer(peer, .external(path.number, "192.0.2.\(index + 1)", id: path.id))
            let fields = AttributeFields.path([path.number]) { $0.med = path.med }
            rib.apply(.announce([prefix], fields, via: ip("192.0.2.\(index + 1)")), from: peer, at: 0)
        }
        let views = rib.paths(PathQuery(.usable, prefix: prefix))
        return Dictionary(uniqueKeysWithValues: views.map { ($0.peer.rawValue, $0.standing) })
    }

    @Test func `by MED to one that did not win itself is not said to have a higher router ID than the best one`() {
        // 2 has the lowest router ID of all, but 3, of the same AS, has a lower MED; 1 then wins by its router ID.
        let found = standings([(65001, 10, nil), (65002, 1, 100), (65002, 20, 50)])
        #expect(found == [1: .best(.routerID), 2: .outranked, 3: .multipath(.routerID)])
    }

    @Test func `by MED to the best one is said to have a higher MED than that`() {
        let found = standings([(65001, 30, nil), (65002, 1, 100), (65002, 20, 50)])
        #expect(found == [1: .multipath(.routerID), 2: .candidate(.med), 3: .best(.routerID)])
    }

    @Test func `before MED was looked at has the reason that comes first`() {
        var found = standings([(65001, 30, nil), (65002, 1, 100), (65002, 20, 50), (65002, 2, 50)])
        #expect(found[4] == .best(.routerID) && found[2] == .candidate(.med))
        found = standings([(65001, 1, 7), (65002, 2, 7)])
        #expect(found == [1: .best(.routerID), 2: .multipath(.routerID)])
    }
}
