import BGPSession
import BGPWire
import Dispatch
import DispatchIO
import FIB
import Glibc
import NetTypes

// Where peers are: found by router advertisement, as the default gateway, or by their own call.
extension Agent {
    /// Looks for neighbours on the interfaces of unnumbered peers, as configured now.
    func startDiscovery() {
        let names = Set(configuration.bgp.peers.compactMap(\.location.interface))
        if discovery == nil {
            guard !names.isEmpty else { return }
            if !Capabilities.current.has(.netRaw) {
                LogLine.setting("neighbour discovery", failed: Capabilities.advice(.netRaw)).log(to: logger)
            }
            discovery = DiscoveryLoop { [weak self] found in self?.post { $0.neighborsChanged(found) } }
        }
        let topology = topology
        discovery?.post {
            $0.setTopology(topology)
            $0.setInterfaces(names)
        }
    }

    private func neighborsChanged(_ found: FoundNeighbors) {
        neighbors = found
        updatePlaces()
    }

    /// Tells the peers' loops where their peers are now. Passwords go with them.
    func updatePlaces() {
        var moved = false
        for index in peers.indices {
            let peer = peers[index]
            let place = peer.settings.place(topology, neighbors)
            guard place != peer.place else { continue }
            peers[index].place = place
            moved = true
            // A neighbour that is only not our gateway any more is told, so that it keeps nothing of ours; others are
            // not there to hear it.
            let notification: NotificationMessage? =
                peer.settings.location == .defaultGateway ? .cease(.peerDeconfigured) : nil
            // The listener must know the password before the peer is called.
            readPasswords()
            peer.loop.post { $0.setPlace(place, notification) }
        }
        guard moved else { return }
        readPasswords()
        updateBFD()
    }

    // MARK: calls

    /// A connection has come in. `isKnown`: its neighbour was made known before, so this is the second look.
    func accept(_ fd: CInt, _ remote: SocketAddress, isKnown: Bool) {
        guard earlyCalls == nil else { return keep(fd, remote) }
        if let peer = peers.first(where: { $0.place.target?.matches(remote) == true }) {
            return peer.loop.post { $0.accept(fd) }
        }
        if let peer = unnumberedPeer(remote) {
            guard peer.place.target == nil, !isKnown else {
                let text = peer.place.target.map { "is \($0)" } ?? "is not known"
                return refuse(fd, remote, "the neighbour of \(peer.settings.name) \(text)")
            }
            return makeKnown(fd, remote, peer)
        }
        if let template = template(of: remote.address) { return admit(fd, remote, template) }
        refuse(fd, remote, "no peer with this address is configured")
    }

    /// The unnumbered peer on whose link a link-local address is.
    private func unnumberedPeer(_ remote: SocketAddress) -> PeerHandle? {
        guard remote.address.needsScope, let link = topology.interface(index: remote.scope) else { return nil }
        return peers.first { $0.settings.location == .interface(link.name) }
    }

    /// The neighbour calls before we have heard its advertisement: its call tells where it is. The connection waits
    /// until that has gone the same way as an advertisement.
    private func makeKnown(_ fd: CInt, _ remote: SocketAddress, _ peer: PeerHandle) {
        guard case .v6(let address) = remote.address, let name = peer.settings.location.interface, let discovery else {
            return refuse(fd, remote, "nobody looks for neighbours")
        }
        discovery.post { [weak self] in
            $0.learned(address, on: name)
            guard let self else { return _ = close(fd) }
            self.post { $0.accept(fd, remote, isKnown: true) }
        }
    }
}
