import NetTypes

/// A transport protocol that has ports; the raw value is IANA's protocol number.
package enum Transport: UInt8, CaseIterable, Hashable, Sendable {
    case tcp = 6
    case udp = 17
    case sctp = 132

    /// As Kubernetes and nftables write it, in lower case.
    package var name: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .sctp: "sctp"
        }
    }

    /// Any letter case; nil for any other protocol.
    package init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name.lowercased() }) else { return nil }
        self = found
    }
}

/// A wish of the runtime (capability `portMappings`): a port of the node leads to one of the pod.
package struct PortMapping: Hashable, Sendable {
    package let transport: Transport
    /// The only address of the node that the port is on; nil: all of them.
    package let hostAddress: IPAddress?
    /// 1...65535.
    package let hostPort: UInt16
    /// 1...65535.
    package let containerPort: UInt16

    /// An unspecified address (`0.0.0.0`, `::`) limits the mapping to its family, as the reference plugin does.
    package init(transport: Transport, hostAddress: IPAddress? = nil, hostPort: UInt16, containerPort: UInt16) {
        self.transport = transport
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.containerPort = containerPort
    }
}

/// One translation in one address family: what comes for a port of the node goes to a pod.
package struct HostPort: Hashable, Sendable {
    package let transport: Transport
    /// Nil: every address of the node.
    package let address: IPAddress?
    package let port: UInt16
    /// The pod's address.
    package let target: IPAddress
    package let targetPort: UInt16

    package init(transport: Transport, address: IPAddress?, port: UInt16, target: IPAddress, targetPort: UInt16) {
        self.transport = transport
        self.address = address
        self.port = port
        self.target = target
        self.targetPort = targetPort
    }

    package var family: AddressFamily { target.family }

    /// Whether two cannot be in one node: the same port of the same addresses.
    package func collides(with other: HostPort) -> Bool {
        transport == other.transport && port == other.port && family == other.family && address == other.address
    }

    /// What mappings come to for a pod: the first address of each family gets the ports; a mapping of an address of a
    /// family that the pod does not have comes to nothing. Equal ones count once.
    package static func translations(_ mappings: [PortMapping], of addresses: [IPAddress]) -> [HostPort] {
        var result: [HostPort] = []
        for mapping in mappings {
            for family in AddressFamily.allCases {
                guard let target = addresses.first(where: { $0.family == family }),
                    mapping.hostAddress.map({ $0.family == family }) ?? true
                else { continue }
                let address = mapping.hostAddress.flatMap { $0.isUnspecified ? nil : $0 }
                let port = HostPort(
                    transport: mapping.transport, address: address, port: mapping.hostPort, target: target,
                    targetPort: mapping.containerPort)
                if !result.contains(port) { result.append(port) }
            }
        }
        return result
    }
}

extension HostPort: CustomStringConvertible {
    /// `8080/tcp`, or `192.0.2.1:8080/tcp`.
    package var description: String {
        guard let address else { return "\(port)/\(transport.name)" }
        return "\(address.family == .ipv4 ? "\(address)" : "[\(address)]"):\(port)/\(transport.name)"
    }
}
