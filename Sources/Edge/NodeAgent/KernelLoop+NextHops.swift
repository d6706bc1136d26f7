import FIB
import Glibc
import NetTypes
import Netlink

// Nexthop objects: what the kernel can do, and the changes that come before those of routes.
extension KernelLoop {
    /// Finds out what the kernel has of what the configuration asks for.
    func chooseStyle(_ commands: RouteSocket) throws {
        guard configuration.enabled else { return }
        let support = try commands.support(for: configuration.ecmp, owner: configuration.protocolID)
        self.support = support
        ledger.setStyle(support.style)
        if let reason = support.reason { tell(.fallback(support.style, reason: reason)) }
    }

    /// All nexthop objects; none where the kernel has no such thing.
    func readNextHops(_ commands: RouteSocket) throws(NetlinkError) -> [KernelNextHop] {
        do throws(NetlinkError) {
            return try commands.nextHops()
        } catch {
            guard support.style == .inline else { throw error }
            return []
        }
    }

    /// A foreign route that names a nexthop object and nothing else (`nexthop_compat_mode` 0) with what is behind it.
    func complete(_ route: KernelRoute) -> KernelRoute {
        guard route.nextHopID != 0, route.nextHops.isEmpty, route.protocolID != configuration.protocolID,
            let nextHops = ledger.nextHops(of: route.nextHopID)
        else { return route }
        var whole = KernelRoute(
            key: route.key, kind: route.kind, protocolID: route.protocolID, nextHops: nextHops)
        whole.nextHopID = route.nextHopID
        return whole
    }

    func complete(_ observation: RouteObservation) -> RouteObservation {
        switch observation {
        case .present(let route, let isReplacing): .present(complete(route), isReplacing: isReplacing)
        case .absent(let route): .absent(complete(route))
        }
    }

    /// A link that cannot be used has lost its nexthop objects; an address that went has not.
    func loseNextHops(_ observation: LinkObservation, _ index: UInt32) {
        guard configuration.enabled else { return }
        switch observation {
        case .link, .linkGone: ledger.lost(index)
        case .address, .addressGone: return
        }
    }

    /// Carries out what is due of nexthop objects; false: nothing is.
    func changeNextHops(at now: Instant) -> Bool {
        let operations = ledger.nextHopOperations(at: now)
        guard !operations.isEmpty else { return false }
        do throws(NetlinkError) {
            if commands == nil { reopenCommands() }
            guard let commands else {
                throw NetlinkError(operation: "open a netlink socket", code: EBADF)
            }
            let failures = try commands.apply(operations)
            for (index, operation) in operations.enumerated() {
                let error = failures[index]
                if ledger.finish(operation, problem: error?.problem, at: now) { needsReading = true }
                if let error, !(operation.isDelete && error.problem.isMissing) { tally.failed(error) }
            }
        } catch {
            tally.failed(error)
            reopenCommands()
            for operation in operations {
                _ = ledger.finish(operation, problem: RouteProblem(text: error.description), at: now)
            }
            needsReading = true
        }
        for note in ledger.takeNotes() { tally.note(note) }
        return true
    }
}

extension NextHopOperation {
    fileprivate var isDelete: Bool {
        if case .delete = self { true } else { false }
    }
}
