import Foundation
import Lab
import TestKit

extension Demo {
    /// Pods, agents, router and namespaces go; nothing is left.
    func sayGoodbye() throws {
        screen.heading("Goodbye")
        for (pod, _) in pods { try pod.delete() }
        // DEL takes links down and leaves them to the agents, which delete many at once.
        let nodes = rack.nodes
        let isGone = { try nodes.flatMap { try $0.linkKinds() }.allSatisfy { !$0.name.hasPrefix("mlt") } }
        try? eventually("the agents have deleted the links", isGone)
        screen.check(try isGone(), "\(pods.count) pods deleted, no link of theirs is left")
        let routes = try rack.nodes.flatMap { try $0.routes(protocolID: 180) }
        screen.check(routes.isEmpty, "no route of theirs is left")
        pods = []
        for agent in agents {
            agent.stop()
            screen.check(!agent.isRunning, "martletd on \(agent.namespace.role) ended on SIGTERM")
        }
        top?.stop()
        rack.remove()
        let namespaces = try FileManager.default.contentsOfDirectory(atPath: "/run/netns").filter {
            $0.hasPrefix(rack.name.prefix)
        }
        let files = FileManager.default.fileExists(atPath: rack.name.directory)
        screen.check(namespaces.isEmpty && !files, "no namespace, no process, no file is left")
    }

    /// The rack stays, with the commands to explore it.
    func keep() {
        screen.heading("The rack stays")
        isKept = true
        for (pod, _) in pods { pod.keep() }
        for agent in agents { agent.keep() }
        top?.keep()
        rack.keep()
        let inside = { (namespace: Namespace) in "ip netns exec \(namespace.name)" }
        let program = (try? martletBinary("martletctl")) ?? "martletctl"
        for agent in agents {
            screen.line(
                "    \(inside(agent.namespace)) \(program) sessions --socket \(agent.socket)"
            )
        }
        switch top {
        case let frr as FRRRouter: screen.line("    \(inside(frr.namespace)) \(frr.cli) -c 'show bgp summary'")
        case let bird as BIRDRouter: screen.line("    \(inside(bird.namespace)) \(bird.cli) show protocols")
        case let martlet as MartletNode:
            screen.line("    \(inside(martlet.namespace)) \(program) sessions --socket \(martlet.socket)")
        default: break
        }
        for namespace in rack.nodes {
            screen.line("    ip -n \(namespace.name) route; ip -n \(namespace.name) -6 route")
        }
        if let first = pods.first?.pod, let last = pods.last?.pod, let target = try? last.address(.ipv4) {
            screen.line(
                "    \(inside(first.namespace)) ping \(target)    # \(last.name); the echo servers are gone"
            )
        }
        screen.line("    ls \(rack.name.directory)        # configurations and logs")
        screen.line("  Remove it with:")
        screen.line("    \(CommandLine.arguments[0]) --remove")
        screen.check(true, "kept")
    }
}
