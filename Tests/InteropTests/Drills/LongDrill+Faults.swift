import Foundation
import Glibc
import Lab
import NetTypes
import TestKit

extension LongDrill {
    /// What may go wrong, by the rows of docs/drills.md.
    enum Fault: String, CaseIterable {
        /// R1, R2, R16.
        case kill, terminate, sleep
        /// R54: a router's daemon dies and comes back.
        case routerCrash
        /// R11: SIGHUP with the file as it is.
        case reload
        /// An operator begins a session anew.
        case reset
        /// R18.
        case halfOpen
        /// R60, R61.
        case flush, delete, foreignRoutes
        /// R64.
        case flap, address
        /// Pods come and go.
        case churn
    }

    func cause(_ fault: Fault) throws {
        let node = pick(nodes.count)
        let tor = pick(routers.count)
        switch fault {
        case .kill, .terminate:
            try excusing(node) {
                if fault == .kill { nodes[node].kill() } else { nodes[node].stop() }
                pause(2)
                try nodes[node].start()
            }
        case .sleep:
            nodes[node].send(SIGSTOP)
            pause(2)
            nodes[node].send(SIGCONT)
        case .routerCrash:
            try routers[tor].crash()
            pause(2)
            try routers[tor].recover()
        case .reload: nodes[node].reload()
        case .reset: _ = try nodes[node].ctl("reset", rack.link(tor: tor, node: node).routerIPv4)
        case .halfOpen: try openHalf(100, tor, node)
        case .flush where mayLose(node):
            // The agent may put some back meanwhile, which `ip` says is none of its business.
            try? rack.nodes[node].takeRoutesAway()
        case .delete where mayLose(node):
            let routes = try rack.nodes[node].routes(protocolID: 179)
            guard !routes.isEmpty else { return }
            let prefix = routes[pick(routes.count)].prefix
            _ = try rack.nodes[node].run(["ip", "route", "delete", prefix, "proto", "179"])
        case .foreignRoutes: try addForeignRoutes(2000, tor, node)
        case .flap:
            try rack.setLink(tor: tor, node: node, up: false)
            pause(2)
            try rack.setLink(tor: tor, node: node, up: true)
            // The kernel took those of the link away and told nobody: zebra would go on without a route of its own.
            if tor == 0 { try rack.addStaticRoutes() }
        case .address: try renewAddress(tor, node)
        case .churn, .flush, .delete: try churn(node)
        }
    }

    private func openHalf(_ count: Int, _ tor: Int, _ node: Int) throws {
        let link = rack.link(tor: tor, node: node)
        let local = Endpoint(IPAddress(link.routerIPv4) ?? .v4(.any), 0)
        let remote = Endpoint(IPAddress(link.nodeIPv4) ?? .v4(.any), 179)
        let descriptors = try rack.tors[tor].inside {
            try (0..<count).map { _ in try RawSpeaker.connect(local, remote) }
        }
        pause(1)
        for descriptor in descriptors { close(descriptor) }
    }

    private func addForeignRoutes(_ count: Int, _ tor: Int, _ node: Int) throws {
        let gateway = rack.link(tor: tor, node: node).routerIPv4
        for verb in ["add", "delete"] {
            let lines = (0..<count).map {
                "route \(verb) 10.\(64 + $0 >> 8).\($0 & 255).0/24 via \(gateway) proto static\n"
            }
            let finished = try rack.nodes[node].run(["ip", "-batch", "-"], input: lines.joined())
            try check(finished.succeeded, finished.errors)
        }
    }

    /// As who renews a lease by taking the address away first.
    private func renewAddress(_ tor: Int, _ node: Int) throws {
        let link = rack.link(tor: tor, node: node)
        for verb in ["delete", "add"] {
            try rack.nodes[node].require("ip", "address", verb, "\(link.nodeIPv4)/31", "dev", link.nodeInterface)
        }
    }

    private func churn(_ node: Int) throws {
        let indices = podIndices(node)
        if indices.count > 1 { try removePod(indices[pick(indices.count)]) }
        try addPod(node)
        if indices.count < 2 { try addPod(node) }
    }
}
