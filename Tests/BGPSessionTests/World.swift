import BGPWire
import NetTypes

@testable import BGPSession

/// Two peers and the TCP connections between them, stepped by chance.
struct World {
    private enum Packet {
        case message(Message)
        case closed
    }

    /// One end of a TCP connection: what is under way to it, and whether its owner knows the connection yet.
    private struct End {
        var id: ConnectionID?
        var isUp = false
        var isClosed = false
        var inbox: [Packet] = []
    }

    private struct Link {
        let dialer: Int
        /// By peer.
        var ends = [End(), End()]
    }

    private(set) var now = Instant(nanoseconds: 0)
    private(set) var downs: [DownReason] = []
    private var peers: [Peer]
    private var links: [Link] = []
    private var random: SplitMix

    init(_ left: UInt32, _ right: UInt32, _ restart: PeerConfiguration.GracefulRestartOptions?, seed: UInt64) {
        random = SplitMix(seed: seed)
        let configurations = [
            PeerConfiguration.test(remoteAS: 65002, localAS: 65001, routerID: left, gracefulRestart: restart),
            PeerConfiguration.test(remoteAS: 65001, localAS: 65002, routerID: right, gracefulRestart: restart),
        ]
        peers = configurations.enumerated().map { Peer($1, seed: seed &* 2 &+ UInt64($0)) }
    }

    /// The link that each peer takes for its session.
    var sessions: (Int?, Int?) {
        func link(_ peer: Int) -> Int? {
            peers[peer].session.flatMap { id in links.firstIndex { $0.ends[peer].id == id } }
        }
        return (link(0), link(1))
    }

    /// Connections that neither side has closed.
    var openLinks: Int { links.count { !$0.ends[0].isClosed && !$0.ends[1].isClosed } }

    mutating func start(_ peer: Int) { perform(peers[peer].start(at: now), of: peer) }

    /// The process is gone without a word; its connections stay as the other side sees them.
    mutating func crash(_ peer: Int) {
        for index in links.indices {
            links[index].ends[peer] = End(isUp: true, isClosed: true)
        }
        peers[peer] = Peer(peers[peer].configuration, seed: random.next())
    }

    /// Delivers until nothing is under way; no time passes.
    mutating func settle() {
        while step() {}
    }

    mutating func steps(_ count: Int) {
        for _ in 0..<count where !step() { return }
    }

    /// Lets the time of the next timer come.
    mutating func advance() {
        guard let next = peers.compactMap(\.nextDeadline).min() else { return }
        now = max(now, next)
        for peer in peers.indices {
            if let session = peers[peer].session { peers[peer].sendProgress(on: session, at: now) }
            perform(peers[peer].tick(at: now), of: peer)
        }
        settle()
    }

    /// One thing that can happen, chosen by chance; false when there is none.
    private mutating func step() -> Bool {
        var choices: [(link: Int, peer: Int)] = []
        for (index, link) in links.enumerated() {
            for peer in 0...1 where !link.ends[peer].isClosed {
                if !link.ends[peer].isUp || !link.ends[peer].inbox.isEmpty { choices.append((index, peer)) }
            }
        }
        guard !choices.isEmpty else { return false }
        let choice = choices[Int(random.next() % UInt64(choices.count))]
        if links[choice.link].ends[choice.peer].isUp {
            deliver(choice.link, choice.peer)
        } else {
            open(choice.link, choice.peer)
        }
        return true
    }

    private mutating func open(_ index: Int, _ peer: Int) {
        links[index].ends[peer].isUp = true
        if let id = links[index].ends[peer].id {
            perform(peers[peer].connected(id, at: now), of: peer)
        } else {
            let (id, actions) = peers[peer].accepted(at: now)
            links[index].ends[peer].id = id
            perform(actions, of: peer)
        }
    }

    private mutating func deliver(_ index: Int, _ peer: Int) {
        guard let id = links[index].ends[peer].id else { return }
        switch links[index].ends[peer].inbox.removeFirst() {
        case .message(let message): perform(peers[peer].received(message, on: id, at: now), of: peer)
        case .closed:
            links[index].ends[peer].isClosed = true
            perform(peers[peer].closed(id, reason: "end of stream", at: now), of: peer)
        }
    }

    private mutating func perform(_ actions: [PeerAction], of peer: Int) {
        for action in actions {
            switch action {
            case .connect(let id):
                var link = Link(dialer: peer)
                link.ends[peer].id = id
                links.append(link)
            case .send(let id, let message): post(.message(message), from: peer, id)
            case .close(let id):
                post(.closed, from: peer, id)
                if let index = index(of: id, peer) { links[index].ends[peer].isClosed = true }
            case .down(let reason): downs.append(reason)
            case .established, .deliver, .refresh, .refreshBegan, .refreshEnded, .stateChanged: break
            }
        }
    }

    private mutating func post(_ packet: Packet, from peer: Int, _ id: ConnectionID) {
        guard let index = index(of: id, peer) else { return }
        links[index].ends[1 - peer].inbox.append(packet)
    }

    private func index(of id: ConnectionID, _ peer: Int) -> Int? {
        links.firstIndex { $0.ends[peer].id == id }
    }
}
