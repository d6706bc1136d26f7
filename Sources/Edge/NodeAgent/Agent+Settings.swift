import ControlAPI
import FIB
import NetTypes

/// Kernel settings that routing needs.
extension Agent {
    /// Looks at them, and again whenever other links lead to the peers.
    func checkSettings() {
        guard configuration.fib.enabled else { return }
        let uplinks = uplinks
        guard uplinks != checkedUplinks else { return }
        checkedUplinks = uplinks
        let news = settings.apply(uplinks: Array(uplinks))
        let changed = news.filter { $0.problem == nil && $0.before != nil }
        if !changed.isEmpty { LogLine.settingsChanged(changed).log(to: logger) }
        let failed = news.filter { $0.problem != nil }
        if !failed.isEmpty { LogLine.settingsDiffer(failed).log(to: logger) }
    }

    /// The links that peers are on.
    private var uplinks: Set<String> {
        let peers = configuration.bgp.peers
        let named = peers.compactMap { peer in
            if case .interface(let name) = peer.location { name } else { peer.interface }
        }
        let reached = peers.compactMap(\.address).compactMap { topology.interface(reaching: $0)?.name }
        return Set(named + reached)
    }

    /// What became of them.
    var settingDocuments: [KernelSettingDocument] {
        settings.settings.map {
            KernelSettingDocument(
                name: $0.name, value: $0.value, wanted: $0.wanted, before: $0.before, problem: $0.problem)
        }
    }
}
