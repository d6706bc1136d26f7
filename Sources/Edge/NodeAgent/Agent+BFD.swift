import BFD
import BFDSocket
import DispatchIO
import FIB
import NetTypes

extension Agent {
    /// A BFD session as the loop was told.
    struct PathSession {
        /// What makes it another session, or another way of the same.
        struct Wish: Equatable {
            let target: BFDTarget
            let interfaceName: String?
            let settings: BFDSettings
            let keySource: BFDKeySource?
        }

        let wish: Wish
        let loop: PeerLoop
        let watch: PathWatch
    }

    /// Makes the BFD sessions those of the peers as they are now. One whose peer is shut down, or whose place is not
    /// known, has none.
    func updateBFD() {
        var wishes: [String: (wish: PathSession.Wish, peer: PeerHandle)] = [:]
        for peer in peers where drainState.state != .drained && shutdown(of: peer) == nil {
            guard let bfd = peer.settings.bfd, let target = peer.place.target else { continue }
            wishes[peer.settings.name] = (wish(peer.settings, bfd, target), peer)
        }
        for (name, session) in pathSessions where wishes[name]?.peer.loop !== session.loop {
            pathSessions[name] = nil
            bfd?.remove(name)
            session.watch.clear()
            session.loop.post { $0.setPathWatch(nil) }
        }
        guard !wishes.isEmpty, let bfd = bfdLoop() else { return }
        for (name, wanted) in wishes where pathSessions[name]?.wish != wanted.wish { order(name, wanted, bfd) }
    }

    private func order(_ name: String, _ wanted: (wish: PathSession.Wish, peer: PeerHandle), _ bfd: BFDLoop) {
        let (wish, loop) = (wanted.wish, wanted.peer.loop)
        let old = pathSessions[name]
        let watch: PathWatch
        if let old, old.wish.target == wish.target {
            watch = old.watch
        } else {
            old?.watch.clear()
            let interface = wanted.peer.place.target?.interface
            watch = PathWatch(
                peer: name, gateway: DeadGateway(address: wish.target.address, interface: interface),
                dead: deadGateways,
                onStep: { change in loop.post { $0.pathChanged(change) } })
            loop.post { $0.setPathWatch(watch) }
        }
        pathSessions[name] = PathSession(wish: wish, loop: loop, watch: watch)
        bfd.set(
            name,
            BFDOrder(
                target: wish.target, interfaceName: wish.interfaceName, settings: wish.settings,
                keySource: wish.keySource, onChange: { watch.changed($0) }))
    }

    private func wish(
        _ settings: Configuration.PeerSettings, _ bfd: Configuration.BFDPeerSettings, _ target: PeerTarget
    ) -> PathSession.Wish {
        let isMultihop = bfd.multihop ?? settings.isFarAway(target.address, configuration.bgp, topology)
        let interface =
            target.scope != 0 ? target.scope : settings.interface.flatMap { topology.interface(named: $0)?.index } ?? 0
        var session = BFDSettings(
            desiredMinTx: bfd.transmitInterval, requiredMinRx: bfd.receiveInterval, multiplier: bfd.multiplier)
        session.isPassive = bfd.passive
        session.minimumHopLimit = isMultihop ? settings.farthestHopLimit : 255
        return PathSession.Wish(
            target: BFDTarget(
                address: target.address, interface: interface, localAddress: settings.localAddress,
                isMultihop: isMultihop),
            interfaceName: settings.interface, settings: session, keySource: bfd.keySource)
    }

    private func bfdLoop() -> BFDLoop? {
        if let bfd { return bfd }
        let logger = logger
        do throws(SystemError) {
            let loop = try BFDLoop { LogLine.bfdNotice($0).log(to: logger) }
            bfd = loop
            return loop
        } catch {
            LogLine.setting("BFD", failed: "\(error)").log(to: logger)
            return nil
        }
    }

    /// Ends our BFD, and tells all peers that this is no failure; or says nothing where graceful restart is to keep our
    /// routes. Peers that know of the restart first do not mind the silence, but FRR and BIRD take AdminDown for a
    /// failure, and then it depends on what they hear first whether they keep anything.
    func stopBFD(isSilent: Bool = false) async {
        await bfd?.stop(isSilent: isSilent)
        bfd = nil
        pathSessions = [:]
    }
}

extension Configuration.PeerSettings {
    /// Whether there may be routers between us and the peer, by what the BGP session is allowed.
    fileprivate func isFarAway(
        _ address: IPAddress, _ bgp: Configuration.BGPSettings, _ topology: Topology
    ) -> Bool {
        switch reach {
        case .multihop(let hops): hops > 1
        case .secured(let hops): hops > 1
        case .byKind:
            isInternal(bgp) && !address.isLinkLocal && topology.interface(reaching: address) == nil
                && topology.interface(owning: address) == nil
        }
    }

    /// The least TTL that packets of the peer can come with over several hops (RFC 5883 section 5, RFC 5082). Only with
    /// `ttlSecurity` there is one: BIRD sends such packets with the system's usual TTL.
    fileprivate var farthestHopLimit: UInt8 {
        if case .secured(let hops) = reach { 255 - (hops - 1) } else { 1 }
    }
}
