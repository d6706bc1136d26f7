import ControlAPI
import FIB
import NetTypes
import Netlink
import PodWiring

extension Agent {
    /// The protocol id of the plugin's host routes.
    private static let podRouteProtocol: UInt8 = 180

    /// The pods of this node, read from the kernel alone: the plugin wrote whose link it is into the link's alias.
    func pods() throws -> [PodDocument] {
        let links = try LibnlSocket().links().filter { $0.name.hasPrefix("mlt") && !$0.isSetAside }
        let socket = try RouteSocket()
        defer { socket.close() }
        var addresses: [UInt32: [String]] = [:]
        for family in AddressFamily.allCases {
            for route in try socket.routes(family)
            where route.protocolID == Self.podRouteProtocol && route.prefix.isHost {
                for hop in route.nextHops {
                    addresses[hop.interfaceIndex, default: []].append(route.prefix.address.description)
                }
            }
        }
        let pods = links.compactMap { link -> PodDocument? in
            guard let identity = link.alias.flatMap({ PodIdentity(alias: $0) }) else { return nil }
            let own = addresses[UInt32(bitPattern: link.index)] ?? []
            return PodDocument(
                namespace: identity.namespace ?? "", pod: identity.pod ?? "", containerID: identity.containerID,
                interface: identity.ifname, addresses: own, hostInterface: link.name,
                state: own.isEmpty ? "no route to it" : link.isRunning ? "up" : "down")
        }
        return pods.sorted { ($0.namespace, $0.pod, $0.containerID) < ($1.namespace, $1.pod, $1.containerID) }
    }
}
