import DispatchIO
import FIB
import NetTypes

/// Where a peer can be called.
struct PeerTarget: Hashable, Sendable, CustomStringConvertible {
    let address: IPAddress
    /// Index of the interface of a link-local address; 0 for others.
    var scope: UInt32 = 0
    /// Name of that interface.
    var interface: String?

    init(_ address: IPAddress) { self.address = address }

    /// `address` on an interface, which only a link-local one needs.
    init(_ address: IPAddress, on interface: Interface) {
        self.address = address
        guard address.needsScope else { return }
        scope = interface.index
        self.interface = interface.name
    }

    /// As `fe80::1%eth0`.
    var description: String { interface.map { "\(address)%\($0)" } ?? address.description }

    /// Whether a connection that comes from there is the peer's.
    func matches(_ remote: SocketAddress) -> Bool {
        address == remote.address && (!address.needsScope || scope == remote.scope)
    }
}

extension IPAddress {
    /// A link-local address of IPv6 says nothing without its interface.
    var needsScope: Bool { family == .ipv6 && isLinkLocal }
}

/// Whether we know where a peer is.
enum PeerPlace: Hashable, Sendable {
    case at(PeerTarget)
    /// Not yet, or not any more; what we wait for, in words.
    case unknown(String)

    var target: PeerTarget? {
        if case .at(let target) = self { target } else { nil }
    }

    /// What we wait for.
    var waiting: String? {
        if case .unknown(let text) = self { text } else { nil }
    }
}

/// What was found out about the neighbours on links.
struct FoundNeighbors: Sendable, Equatable {
    /// By interface.
    var addresses: [String: IPv6Address] = [:]
    /// Why nobody can be found on an interface.
    var problems: [String: String] = [:]
}

extension Configuration.PeerSettings {
    /// Where the peer is by what is known now.
    func place(_ topology: Topology, _ neighbors: FoundNeighbors) -> PeerPlace {
        switch location {
        case .address(let address):
            guard address.needsScope, let interface else { return .at(PeerTarget(address)) }
            return topology.link(interface).place { .at(PeerTarget(address, on: $0)) }
        case .interface(let name):
            return topology.link(name).place { link in
                if let address = neighbors.addresses[name] { return .at(PeerTarget(.v6(address), on: link)) }
                return .unknown(neighbors.problems[name] ?? "no router advertisement on \(name) yet")
            }
        case .defaultGateway:
            guard let gateway = topology.defaultGateways.first else {
                return .unknown("the kernel has no default route through a gateway yet")
            }
            let link = topology.interface(index: gateway.interfaceIndex)
            return .at(link.map { PeerTarget(gateway.address, on: $0) } ?? PeerTarget(gateway.address))
        case .range(let prefix): return .unknown("a peer of \(prefix) has to connect")
        }
    }
}

extension Topology {
    /// A link, or why it cannot be used.
    enum Link {
        case usable(Interface)
        case unusable(String)

        func place(_ body: (Interface) -> PeerPlace) -> PeerPlace {
            switch self {
            case .usable(let interface): body(interface)
            case .unusable(let reason): .unknown(reason)
            }
        }
    }

    /// The interface of that name if link-local sessions can run over it.
    func link(_ name: String) -> Link {
        guard let interface = interface(named: name) else { return .unusable("there is no interface \(name)") }
        guard interface.isUp else { return .unusable("\(name) is down") }
        guard interface.isRunning else { return .unusable("\(name) has no carrier") }
        guard interface.hasLinkLocalAddress else {
            return .unusable("\(name) has no IPv6 link-local address of ours yet")
        }
        return .usable(interface)
    }
}

extension Interface {
    /// IFA_F_TENTATIVE and IFA_F_DADFAILED of linux/if_addr.h.
    private static let notUsable: UInt32 = 0x40 | 0x08

    /// Whether an address of the link can be used: duplicate address detection is over.
    var hasLinkLocalAddress: Bool {
        addresses.contains { $0.address.needsScope && $0.flags & Self.notUsable == 0 }
    }
}
