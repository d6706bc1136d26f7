import Foundation
import NetTypes
import TestKit

/// One pair of pods, one family: what UDP, TCP and a full-sized packet with DF found.
package struct MeshProbe: Sendable {
    package let from, to: String
    package let family: AddressFamily
    package let udp, tcp, full: Probe.Outcome
    /// What is wrong, in words; nil: all as it must be.
    package let fault: String?

    /// Hop limit of the UDP question on arrival.
    package var hopLimit: Int? { udp.echo?.hopsThere }
}

/// Pods and the nodes they are on; every one asks every other.
package struct Mesh: Sendable {
    /// Pod and number of its node.
    package let pods: [(pod: Pod, node: Int)]
    /// Octets of the full-sized IP packet: the MTU of the links.
    package var fullSize = 1500

    package init(_ pods: [(pod: Pod, node: Int)]) { self.pods = pods }

    /// Routers between two pods: the node, and between nodes also the ToR and the other node.
    package static func routers(_ from: Int, _ to: Int) -> Int { from == to ? 1 : 3 }

    /// Every pod asks every other one over both families, by UDP, by TCP, and with a full-sized packet that must not
    /// be fragmented.
    package func probe() throws -> [MeshProbe] {
        var results: [MeshProbe] = []
        for from in pods {
            for to in pods where to.pod !== from.pod {
                for family in AddressFamily.allCases { results.append(try probe(from, to, family)) }
            }
        }
        return results
    }

    private func probe(_ from: (pod: Pod, node: Int), _ to: (pod: Pod, node: Int), _ family: AddressFamily) throws
        -> MeshProbe
    {
        let target = try to.pod.address(family)
        let probe = Probe(from: from.pod.namespace)
        let udp = try probe.udp(target)
        let tcp = try probe.tcp(target)
        let full = try probe.udp(target, octets: fullSize)
        let own = try from.pod.address(family)
        let expected = 64 - Self.routers(from.node, to.node)
        var faults: [String] = []
        for (name, outcome) in [("UDP", udp), ("TCP", tcp), ("\(fullSize) octets with DF", full)] {
            guard let echo = outcome.echo else {
                faults.append("\(name): \(outcome)")
                continue
            }
            if echo.seenSource != own { faults.append("\(name): seen as \(echo.seenSource.map(\.description) ?? "?")") }
        }
        if let echo = udp.echo, echo.hopsThere != expected || echo.hopsBack != expected {
            faults.append("hop limits \(echo.hopsThere) there and \(echo.hopsBack) back, not \(expected)")
        }
        return MeshProbe(
            from: from.pod.name, to: to.pod.name, family: family, udp: udp, tcp: tcp, full: full,
            fault: faults.isEmpty ? nil : faults.joined(separator: "; "))
    }
}
