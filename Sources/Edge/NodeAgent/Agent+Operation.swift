import BGPSession
import BGPWire
import ControlAPI
import FIB
import NetTypes

/// Shutting, enabling and resetting single sessions, by configuration or by an operator at run time.
extension Agent {
    /// Why a session is shut down: the configuration's word comes before an operator's.
    func shutdown(of peer: PeerHandle) -> ShutdownDocument? {
        if let settings = peer.settings.shutdown {
            return ShutdownDocument(by: .configuration, message: settings.message)
        }
        guard let settings = operatorShutdowns[peer.settings.name] else { return nil }
        return ShutdownDocument(by: .operator, message: settings.message)
    }

    /// `martletctl shutdown PEER`: until `enable`, over reloads, but not over a restart of the agent.
    func shutDown(_ peer: PeerHandle, message: String?) async {
        operatorShutdowns[peer.settings.name] = Configuration.Shutdown(message: message)
        guard peer.settings.shutdown == nil else { return }
        updateBFD()
        await speaker?.setShut(true, peer.id)
        await peer.loop.shutDown(message: message)
    }

    /// `martletctl enable PEER`; an error's text when the configuration keeps the peer shut.
    func enable(_ peer: PeerHandle) async -> String? {
        let was = operatorShutdowns.removeValue(forKey: peer.settings.name)
        guard peer.settings.shutdown == nil else {
            return "the configuration has shut down \(peer.settings.name): take shutdown away there, and reload"
        }
        guard was != nil else { return nil }
        await speaker?.setShut(false, peer.id)
        if drainState.state == .serving { await peer.loop.enable() }
        updateBFD()
        return nil
    }

    /// `martletctl reset PEER`; an error's text when there is nothing to do it with.
    func reset(_ peer: PeerHandle, _ order: ResetOrder) async -> String? {
        if shutdown(of: peer) != nil { return "\(peer.settings.name) is shut down" }
        guard let soft = order.soft else {
            await peer.loop.reset(message: order.message)
            return nil
        }
        if soft != .out, await !peer.loop.requestRefresh() {
            return "\(peer.settings.name) cannot be asked for its routes: no session, or no route refresh"
        }
        if soft != .in, await speaker?.resend(to: peer.id) != true {
            return "\(peer.settings.name) cannot be told our routes: no session"
        }
        return nil
    }

    /// Starts a peer's session unless somebody has shut it down.
    func open(_ peer: PeerHandle) async {
        await speaker?.setShut(shutdown(of: peer) != nil, peer.id)
        guard drainState.state == .serving, shutdown(of: peer) == nil else { return }
        await peer.loop.start()
    }

    /// Takes over what can change while the session stays.
    func changeLive(_ peer: PeerHandle, to entry: Configuration.PeerSettings) async {
        let isOfRange = peer.template != nil
        let settings = isOfRange ? peer.settings.address.map { entry.instance($0) } ?? entry : entry
        await updateRules(of: peer, to: settings)
        await speaker?.setPace(settings.advertisementInterval(configuration.bgp), for: peer.id)
        guard let index = peers.firstIndex(where: { $0.id == peer.id }) else { return }
        let before = shutdown(of: peer)
        peers[index].settings = settings
        if isOfRange { peers[index].template = entry }
        updateBFD()
        let after = shutdown(of: peers[index])
        guard before != after else { return }
        await speaker?.setShut(after != nil, peer.id)
        if let after {
            if before == nil { await peer.loop.shutDown(message: after.message) }
        } else if drainState.state == .serving {
            await peer.loop.enable()
        }
    }

    /// Peers whose link has come up are called at once.
    func callPeers(_ old: Topology, _ new: Topology) {
        for peer in peers {
            guard let address = peer.settings.address else { continue }
            guard old.interface(reaching: address) == nil, new.interface(reaching: address) != nil else { continue }
            peer.loop.post { $0.linkCameUp() }
        }
    }

    /// What a session's first OPEN says of our restart. Once the agent has converged the kernel forwards what it was
    /// told, whatever session it is.
    func restartState() async -> RestartState {
        guard await speaker?.hasConverged == true else { return restart }
        return RestartState(restarted: false, forwardingPreserved: .all)
    }
}
