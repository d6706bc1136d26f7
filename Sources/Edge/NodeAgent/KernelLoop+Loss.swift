import FIB
import NetTypes

// A session ends, and with it next hops that nobody else names. The decision tells what remains of each prefix in
// portions; the groups can be repaired before, by one change each.
extension KernelLoop {
    /// These next hops are lost: groups that have others do without them from now on.
    package func lose(_ gateways: Set<IPAddress>) {
        guard configuration.enabled else { return }
        leaving.formUnion(gateways)
        isLossTold = false
        updateLedger()
        queueTurn()
    }

    /// Every change that follows from the loss has been handed over, and will be done before this takes effect.
    package func lossIsTold() {
        guard !leaving.isEmpty else { return }
        isLossTold = true
        queueTurn()
    }

    /// After the wishes in the inbox: the sets that had the lost next hops are gone by now.
    func endLoss() {
        guard isLossTold else { return }
        isLossTold = false
        leaving = []
        updateLedger()
    }
}
