import DispatchIO
import NetTypes

// Pods whose addresses lie in no podCIDR of the node any more: they were plugged before `node.podCIDRs` changed. Nobody
// outside the node can reach them, since only what is configured is announced; a runtime has to make them anew.
extension Agent {
    /// How soon it is seen that the last of them is gone.
    private static let lookTime = Duration.seconds(1)

    /// Looks who lives outside of the podCIDRs; again and again, while there is somebody.
    func lookForOldPods() {
        let cidrs = configuration.node.podCIDRs
        // Where the addresses come from elsewhere, none is outside of anything.
        let outside =
            cidrs.isEmpty
            ? []
            : ((try? pods()) ?? []).filter { pod in
                pod.addresses.compactMap { IPAddress($0) }.contains { address in
                    cidrs.contains { $0.family == address.family } && !cidrs.contains { $0.contains(address) }
                }
            }
        let names = outside.map { "\($0.namespace)/\($0.pod)" }
        if names.count != oldPods.count {
            if names.isEmpty {
                LogLine.oldPodsGone.log(to: logger)
            } else if oldPods.isEmpty {
                LogLine.oldPods(names.count, refuses: configuration.cni.refuseWhileOldPods).log(to: logger)
            }
        }
        let wasBlocked = isBlocked
        oldPods = names
        if isBlocked != wasBlocked { writeNodeState() }
        guard !names.isEmpty else { return oldPodTimer?.arm(nil, at: .now) ?? () }
        let timer =
            oldPodTimer
            ?? LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.lookForOldPods() } }
        oldPodTimer = timer
        timer.arm(.now + Self.lookTime, at: .now)
    }

    /// Whether ADD is refused.
    var isBlocked: Bool { configuration.cni.refuseWhileOldPods && !oldPods.isEmpty }

    /// For the plugin: why; nil: it may go on.
    var blockedText: String? {
        guard isBlocked, let first = oldPods.first else { return nil }
        let more = oldPods.count > 1 ? " and \(oldPods.count - 1) more" : ""
        return "\(first)\(more): delete or move them, or set cni.refuseWhileOldPods: false"
    }
}
