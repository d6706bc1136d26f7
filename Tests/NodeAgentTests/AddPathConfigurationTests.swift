import BGPSpeaker
import NetTypes
import RIB
import Testing

@testable import NodeAgent

/// The key `addPath` of a peer, down to the session and the speaker.
struct AddPathConfigurationTests {
    private static func load(_ keys: String) -> (
        bgp: Configuration.BGPSettings?, peer: Configuration.PeerSettings?, problems: [String]
    ) {
        let text = "bgp: {asn: 1, peers: [\n{address: 192.0.2.1, asn: 2\(keys)}]}\nfib: {enabled: false}"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        return (configuration?.bgp, configuration?.bgp.peers.first, problems.map(\.description))
    }

    @Test(arguments: [
        ("", false, false, PathSelection.best), (", addPath: {}", false, false, .best),
        (", addPath: {receive: true}", true, false, .best), (", addPath: {send: off}", false, false, .best),
        (", addPath: {receive: false, send: best}", false, true, .best), (", addPath: {send: all}", false, true, .all),
        (", addPath: {receive: true, send: 3}", true, true, .most(3)),
    ])
    func `what is offered and what is told follow from the key`(
        keys: String, takes: Bool, sends: Bool, selection: PathSelection
    ) throws {
        let loaded = Self.load(keys)
        #expect(loaded.problems == [])
        let (bgp, peer) = (try #require(loaded.bgp), try #require(loaded.peer))
        let session = peer.sessionConfiguration(
            bgp, routerID: RouterID(rawValue: 1), hostName: "h", keepsForwarding: true)
        #expect(session.takesPathIDs == takes && session.sendsPathIDs == sends)
        #expect(peer.speakerPeer(bgp).pathSelection == selection)
    }

    @Test(arguments: [
        (
            ", addPath: {send: 1}",
            "f:2:46: bgp.peers[0].addPath.send is \"1\"; write off, best, all, or a number of paths from 2 to 64"
        ),
        (
            ", addPath: {recieve: true}",
            "f:2:40: unknown key \"recieve\" in bgp.peers[0].addPath; did you mean \"receive\"?"
        ),
    ])
    func `wrong values`(keys: String, problem: String) { #expect(Self.load(keys).problems == [problem]) }
}
