import BFD
import FIB
import NetTypes
import Synchronization

/// What a BFD session means for its peer's routes (RFC 5882). Its changes come on BFD's thread, which must not wait.
final class PathWatch: Sendable {
    let peer: String
    private let gateway: DeadGateway
    private let dead: DeadGateways
    private let onStep: @Sendable (BFDChange) -> Void
    /// The session is lost, and the peer's routes are kept because it restarts.
    private let isRestarting = Mutex(false)

    /// `onStep` hears of every change after the kernel.
    init(
        peer: String, gateway: DeadGateway, dead: DeadGateways, onStep: @escaping @Sendable (BFDChange) -> Void
    ) {
        self.peer = peer
        self.gateway = gateway
        self.dead = dead
        self.onStep = onStep
    }

    /// A step of the session. The kernel first.
    func changed(_ change: BFDChange) {
        if change.to == .up { clear() }
        if change.isFailure, !isExcused(change) { dead.set(gateway, for: peer) }
        onStep(change)
    }

    /// A peer that restarts loses its BFD with its routing process, unless it says that the two are independent: then
    /// the restart goes on (RFC 5882 sections 4.3.1 and 4.3.2).
    func isExcused(_ change: BFDChange) -> Bool { isRestarting.withLock { $0 } && !change.peerIsIndependent }

    /// The peer's routes are used again: BFD is Up, or is no more, or BGP has found a way.
    func clear() { dead.set(nil, for: peer) }

    /// What has become of the BGP session.
    func sessionIsUp() {
        isRestarting.withLock { $0 = false }
        clear()
    }

    func sessionIsLost(keepsRoutes: Bool) { isRestarting.withLock { $0 = keepsRoutes } }
}

extension PeerLoop {
    /// The BFD session with the peer is this one from now on; nil: there is none.
    func setPathWatch(_ watch: PathWatch?) {
        pathWatch = watch
        watch?.sessionIsLost(keepsRoutes: session == nil && patience > .zero)
    }

    /// BFD has made a step.
    func pathChanged(_ change: BFDChange) {
        LogLine.bfd(peer: name, change).log(to: logger)
        history.note(name, .bfd, "\(change.from) to \(change.to): \(change.reason)")
        guard change.isFailure else { return }
        guard pathWatch?.isExcused(change) != true else {
            return history.note(name, .bfd, "its routes are kept: it restarts, and BFD with it (C bit clear)")
        }
        if session == nil, patience > .zero {
            // There is no session to end, but the peer's routes are kept for its restart.
            patience = .zero
            history.note(name, .bfd, "its routes are not kept any longer: the path is dead")
            speaker.post { [id] in $0.down(id, keepsRoutes: false) }
        }
        perform(machine.pathFailed(because: change.reason, at: .now))
    }
}
