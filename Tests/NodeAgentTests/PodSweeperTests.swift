import Logging
import PodWiring
import TestKit
import Testing

@testable import NodeAgent

struct PodSweeperTests {
    @Test func `links that DELs left are deleted, at the start and later, and nothing else is`() async throws {
        let rig = try SweeperRig()
        let (early, live, other) = (try rig.makeLink("c1"), try rig.makeLink("c2"), try rig.makeLink("c3"))
        try rig.ip("route add 10.244.1.7/32 dev \(live) proto 180")
        try rig.setAside(early)
        try await rig.start()
        try await rig.expect([live, "pc2", other, "pc3"])
        let many = try (10..<40).map { try rig.makeLink("c\($0)") }
        for link in many + [other] { try rig.setAside(link) }
        try await rig.expect([live, "pc2"])
        #expect(try rig.ip("route show proto 180").contains("10.244.1.7 dev \(live)"))
        await rig.sweeper.stop()
    }

    @Test func `in our group only what is down, named and labelled as ours goes`() async throws {
        let rig = try SweeperRig()
        let (ours, up, bare, renamed) = (
            try rig.makeLink("c1"), try rig.makeLink("c2"), try rig.makeLink("c3"), try rig.makeLink("c4")
        )
        try rig.setAside(up)
        try rig.ip("link set \(up) up")
        try rig.setAside(bare)
        try require("ip", "-n", rig.name, "link", "set", bare, "alias", "")
        try rig.setAside(renamed)
        try rig.ip("link set \(renamed) name mltrenamed")
        try rig.ip("link add foreign0 type veth peer name foreign1; link set foreign0 group \(PodLink.deletedGroup)")
        try rig.setAside(ours)
        try await rig.start()
        let stay: Set = [up, "pc2", bare, "pc3", "mltrenamed", "pc4", "foreign0", "foreign1"]
        try await rig.expect(stay)
        let another = try rig.makeLink("c5")
        try rig.setAside(another)
        try await rig.expect(stay)
        await rig.sweeper.stop()
    }

    @Test func `while it runs the lock is held, and a second one waits for its turn`() async throws {
        let (first, second) = (try SweeperRig(), try SweeperRig())
        try await first.start()
        try await first.expectLock(true)
        let next = PodSweeper(
            stateDirectory: first.directory, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await next.start(namespace: "/run/netns/\(second.name)")
        await first.sweeper.stop()
        try await first.expectLock(true)
        await next.stop()
        try await first.expectLock(false)
    }
}
