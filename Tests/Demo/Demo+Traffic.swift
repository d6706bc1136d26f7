import Foundation
import Lab
import NetTypes
import TestKit

extension Demo {
    /// Every pod asks every other.
    func showReachability() throws {
        screen.heading("Every pod reaches every other: UDP, TCP, and 1500 octets with DF")
        let results = try Mesh(pods).probe()
        let names = pods.map(\.pod.name)
        let rows = names.map { from in
            [from]
                + names.map { to in
                    let pair = results.filter { $0.from == from && $0.to == to }
                    guard !pair.isEmpty else { return options.plain ? "-" : "·" }
                    let limits = pair.map { $0.hopLimit.map(String.init) ?? "??" }.joined(separator: "/")
                    return screen.paint(limits, pair.allSatisfy { $0.fault == nil } ? .green : .red)
                }
        }
        screen.table(["from \\ to"] + names, rows)
        screen.line(
            "    hop limit on arrival over IPv4/IPv6, sent with 64: 63 is one router, 61 are three (node, ToR, node)")
        for result in results {
            if let fault = result.fault {
                screen.check(false, "\(result.from) to \(result.to), \(result.family): \(fault)")
            }
        }
        let faults = results.count { $0.fault != nil }
        screen.check(
            faults == 0 && results.count == names.count * (names.count - 1) * 2,
            "\(results.count - faults) of \(results.count) paths answer by UDP and TCP, without NAT"
        )
        let kinds = try rack.nodes.flatMap { try $0.linkKinds() }
        screen.check(
            kinds.allSatisfy { $0.kind == "veth" && $0.mtu == 1500 },
            "no tunnel device on any node: \(kinds.count) links, all of kind veth with an MTU of 1500")
    }

    /// SIGKILL of an agent under traffic.
    func showRestart() throws {
        screen.heading("The agent of node-b is killed and started again, under two UDP streams")
        guard let agent = agents.last, let from = pods.first?.pod, let to = pods.last?.pod else { return }
        let streams = try AddressFamily.allCases.map { family in
            (family, try ProbeStream(from: from.namespace, to: try to.address(family)))
        }
        try streams[0].1.advance(by: 250)
        screen.doing("SIGKILL of martletd on \(agent.namespace.role), pid \(agent.pid.map(String.init) ?? "?")")
        agent.kill()
        try streams[0].1.advance(by: 1000)
        let stay = try agent.namespace.prefixes(protocolID: 179) == everyPodCIDR
        screen.doing("two seconds later: starting it again")
        try agent.start()
        try agent.waitEstablished(rack.link(node: 1).routerIPv4)
        try top?.waitEstablished(rack.link(node: 1).nodeIPv4)
        try streams[0].1.advance(by: 1000)
        let reports = streams.map { ($0.0, $0.1.stop()) }
        screen.table(
            ["stream \(from.name) to \(to.name)", "asked", "answered", "lost", "longest gap"],
            reports.map { family, report in
                [
                    family == .ipv4 ? "IPv4" : "IPv6", "\(report.sent)", "\(report.answered)", "\(report.lost)",
                    "\(report.longestGap)",
                ]
            })
        screen.check(stay, "while no agent ran, the routes stayed in the kernel")
        let lost = reports.map(\.1.lost).reduce(0, +)
        screen.check(
            lost == 0,
            "\(lost) packets lost over the kill, two seconds without an agent, and the restart (graceful restart)")
        screen.check(
            try agent.namespace.prefixes(protocolID: 179) == everyPodCIDR,
            "the new agent adopted the routes of the old one")
    }

    /// One pod goes.
    func showDeletion() throws {
        guard let index = pods.firstIndex(where: { $0.pod.name == "pod-b2" }) else { return }
        let gone = pods.remove(at: index).pod
        let node = rack.nodes[1]
        screen.heading("\(gone.name) is deleted")
        try gone.delete()
        // A runtime may say it again, when everything is gone already.
        try gone.network.delete(gone.identity, netns: "")
        let left = try node.prefixes(protocolID: 180)
        let hosts = Set(gone.addresses.map { Prefix(host: $0).description })
        screen.check(left.isDisjoint(with: hosts), "its host routes are gone, and DEL may be repeated")
        let faults = try Mesh(pods).probe().compactMap(\.fault)
        screen.check(
            faults.isEmpty,
            "the other \(pods.count) pods still reach each other" + (faults.first.map { ": \($0)" } ?? ""))
        guard let asker = pods.first?.pod else { return }
        var rows: [[String]] = []
        for family in AddressFamily.allCases {
            let uplink = rack.link(node: 1).nodeInterface
            let before = try node.sentPackets(uplink)
            let outcome = try Probe(from: asker.namespace).udp(try gone.address(family), attempts: 5)
            let sent = try node.sentPackets(uplink) - before
            rows.append([try gone.address(family).description, "\(outcome)", "\(sent)"])
            // Each refused question costs one ICMP message; a loop would cost dozens.
            screen.check(
                outcome.echo == nil && sent <= 15, "\(try gone.address(family)): nobody answers, and nothing loops")
            if case .refused(let error) = outcome {
                screen.check(!error.isLoop, "the asker is told by \(error.from.map(\.description) ?? "its kernel")")
            }
        }
        screen.table(["asked", "answer", "packets out of \(node.role)"], rows)
    }
}
