import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSession
@testable import BGPSpeaker

// What must be true when all is quiet.
extension Fabric {
    func check(_ comment: String) {
        let comment: Comment = "MARTLET_SEED=\(seed), \(comment)"
        #expect(faults == [], comment)
        for link in links.indices { checkLink(link, comment) }
        for member in members { checkMember(member, comment) }
        checkReach(comment)
    }

    /// The link is there, and both sides want the session.
    private func isWanted(_ link: Int) -> Bool {
        links[link].isUp
            && (0...1).allSatisfy { side in
                let (member, index) = end(of: link, side)
                return member.isAlive && member.sessions[index].isWanted
            }
    }

    private func checkLink(_ link: Int, _ comment: Comment) {
        let used = (0...1).map { side -> Int? in
            let (member, index) = end(of: link, side)
            return member.sessions[index].established.flatMap { member.sessions[index].wires[$0]?.connection }
        }
        #expect(used[0] == used[1], "\(comment): link \(link): both sides use one connection")
        #expect((used[0] != nil) == isWanted(link), "\(comment): link \(link)")
        guard used[0] != nil, used[0] == used[1] else { return }
        let open = connections.count { $0.link == link && $0.isOpen[0] && $0.isOpen[1] && !$0.isDead }
        #expect(open == 1, "\(comment): link \(link): open connections")
        for side in 0...1 { checkTables(link, from: side, comment) }
    }

    /// The Adj-RIB-Out of one side is the Adj-RIB-In of the other.
    private func checkTables(_ link: Int, from side: Int, _ comment: Comment) {
        let (sender, out) = end(of: link, side)
        let (receiver, into) = end(of: link, 1 - side)
        let told = sender.speaker.paths(PathQuery(.advertised(sender.sessions[out].id)))
        let held = receiver.speaker.paths(PathQuery(.received(receiver.sessions[into].id)))
        let sent = Dictionary(told.map { ($0.prefix, $0.attributes) }) { first, _ in first }
        let received = Dictionary(held.map { ($0.prefix, $0.attributes) }) { first, _ in first }
        #expect(sent == received, "\(comment): \(sender.index) told \(receiver.index)")
        for summary in receiver.speaker.summaries(receiver.sessions[into].id) {
            #expect(summary.endOfRIBReceived && summary.endOfRIBSent && summary.pending == 0, comment)
            #expect(summary.paths.stale == 0, comment)
        }
    }

    private func checkMember(_ member: Member, _ comment: Comment) {
        #expect(member.isAlive && member.speaker.isQuiet && member.speaker.nextDeadline == nil, comment)
        for view in member.speaker.paths(PathQuery(.usable)) {
            #expect(!view.isStale, "\(comment): \(view.prefix) at \(member.index)")
            let path = AttributeFields(view.attributes).asPath.segments.flatMap(\.numbers)
            #expect(Set(path).count == path.count, "\(comment): a loop: \(path)")
            #expect(!path.contains(asn(member.number)), "\(comment): own AS: \(path)")
            #expect(view.peer == .local || !member.own.contains(view.prefix), comment)
        }
    }

    // MARK: the reference

    /// How a member may come to know a prefix.
    private struct Knowledge: Hashable {
        let member: Int
        /// Numbers in its AS path.
        let path: Set<UInt32>
        /// Reflectors' cluster ids on the way.
        let clusters: Set<UInt32>
        let source: Source
    }

    private enum Source: Hashable {
        case own, external, client, internalPeer
    }

    private func checkReach(_ comment: Comment) {
        var expected = [Set<Prefix>](repeating: [], count: members.count)
        var origins: [Prefix: Int] = [:]
        for origin in members {
            let reached = reach(of: origin.index)
            for prefix in origin.own { origins[prefix] = origin.index }
            for member in reached { expected[member].formUnion(origin.own) }
        }
        for member in members {
            let views = member.speaker.paths(PathQuery(.usable))
            let best = views.filter { if case .best = $0.standing { true } else { false } }
            let found = Set(best.map(\.prefix))
            let isAsExpected = found == expected[member.index]
            #expect(
                isAsExpected || mayHidePaths && found.isSubset(of: expected[member.index]),
                "\(comment): at \(member.index): \(found.sorted()), expected \(expected[member.index].sorted())")
            for view in best where origins[view.prefix].map({ members[$0].farewell }) == .announced {
                guard view.peer != .local else { continue }
                let communities = AttributeFields(view.attributes).communities
                #expect(communities.contains(0xffff_0000), "\(comment): \(view.prefix) without GRACEFUL_SHUTDOWN")
            }
        }
    }

    /// Where two routers have one AS number, a router between them may have chosen a path through the one, which the
    /// other must take for a loop, before one that it could use. Shortest paths do not lead through both; what says
    /// goodbye makes others take a longer one (RFC 8326).
    private var mayHidePaths: Bool {
        let transits = members.filter { $0.role == .transit }.map(\.number)
        return Set(transits).count < transits.count && members.contains { $0.farewell == .announced }
    }

    /// The members that a member's prefixes come to, by the rules of the RFCs and over sessions that are up.
    private func reach(of origin: Int) -> Set<Int> {
        let start = Knowledge(member: origin, path: [], clusters: [], source: .own)
        var known: Set<Knowledge> = [start]
        var front = [start]
        while let here = front.popLast() {
            let member = members[here.member]
            guard member.farewell != .withdrawn, here.source == .own || member.role != .node else { continue }
            for session in member.sessions where isWanted(session.link) {
                let (other, index) = end(of: session.link, 1 - session.side)
                guard let next = pass(here, member, session, to: other, other.sessions[index]) else { continue }
                if known.insert(next).inserted { front.append(next) }
            }
        }
        return Set(known.map(\.member))
    }

    private func pass(_ here: Knowledge, _ member: Member, _ session: Session, to other: Member, _ there: Session)
        -> Knowledge?
    {
        guard other.number == member.number else {
            let path = here.path.union([member.number])
            guard !path.contains(other.number) else { return nil }
            return Knowledge(member: other.index, path: path, clusters: [], source: .external)
        }
        var clusters = here.clusters
        if here.source == .client || here.source == .internalPeer {
            guard here.source == .client || session.isClient else { return nil }
            clusters.insert(member.clusterID)
            guard !clusters.contains(other.clusterID) else { return nil }
        }
        return Knowledge(
            member: other.index, path: here.path, clusters: clusters, source: there.isClient ? .client : .internalPeer)
    }
}
