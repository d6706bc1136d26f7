import FIB
import Synchronization

/// The next hops that BFD has found dead, peer by peer: the short way from BFD's thread to the kernel's routes, past
/// all that the end of a session has to do.
final class DeadGateways: Sendable {
    private struct State {
        var gateways: [String: DeadGateway] = [:]
        var onForwardingChange: (@Sendable (Set<DeadGateway>) -> Void)?
    }

    private let state = Mutex(State())

    /// `body` hears of all of them after each change, in order; it must not wait.
    func onForwardingChange(_ body: @escaping @Sendable (Set<DeadGateway>) -> Void) {
        state.withLock { $0.onForwardingChange = body }
    }

    /// A peer's next hop is dead; nil: it is not.
    func set(_ gateway: DeadGateway?, for peer: String) {
        state.withLock { state in
            guard state.gateways[peer] != gateway else { return }
            state.gateways[peer] = gateway
            state.onForwardingChange?(Set(state.gateways.values))
        }
    }
}
