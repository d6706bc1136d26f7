import AddressStore
import Glibc
import IPAM
import NetTypes
import Netlink
import PodWiring

/// Whether whoever has an address is still there.
package enum PodLife: Hashable, Sendable {
    /// It is, for this reason.
    case alive(String)
    /// It is not: neither its namespace nor its link exists.
    case gone(String)
    /// That cannot be seen from here.
    case unknown(String)

    package var reason: String {
        switch self {
        case .alive(let reason), .gone(let reason), .unknown(let reason): reason
        }
    }

    package var isGone: Bool {
        if case .gone = self { true } else { false }
    }

    package var isAlive: Bool {
        if case .alive = self { true } else { false }
    }
}

/// A record with what the kernel says of its owner.
package struct AuditedRecord: Hashable, Sendable {
    package let network: String
    package let file: StoredRecord
    package let record: AddressRecord
    package let life: PodLife
    /// Name of the host end of the pod's link, if it is there.
    package let link: String?
}

/// Compares the stores below a directory with the links and namespaces of this node.
package struct AddressAudit {
    private let links: [String: LinkInfo]
    private let socket: LibnlSocket
    package let stores: [(network: String, store: AddressStore)]

    /// Looks at the stores of every network in `directories`, and at the links of the thread's network namespace
    /// or of the one at the path `namespace`, as they are now.
    package init(directories: [String], namespace: String? = nil) throws {
        stores = directories.flatMap(AddressStores.all)
        if let namespace {
            socket = try PodNamespace(path: namespace).inside { () throws(LibnlError) in try LibnlSocket() }
        } else {
            socket = try LibnlSocket()
        }
        let all = try socket.links()
        links = Dictionary(all.lazy.filter { !$0.isSetAside }.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The host ends of pods by name, with what their labels say.
    var podLinks: [(name: String, identity: PodIdentity)] {
        links.values.sorted { $0.name < $1.name }.compactMap { link in
            guard let identity = link.alias.flatMap({ PodIdentity(alias: $0) }), identity.hostName == link.name else {
                return nil
            }
            return (link.name, identity)
        }
    }

    /// Every attachment of every store.
    package func records() throws -> [AuditedRecord] {
        try stores.flatMap { network, store in
            try store.files().filter { $0.name.contains("@") }.compactMap { audit($0, network) }
        }
    }

    /// A file of a network's store; nil when it is no record.
    package func audit(_ file: StoredRecord, _ network: String) -> AuditedRecord? {
        guard let record = file.record else { return nil }
        let identity = PodIdentity(containerID: record.containerID, ifname: record.ifname, network: network)
        let link = links[identity.hostName].flatMap { identity.owns(alias: $0.alias) ? $0.name : nil }
        return AuditedRecord(
            network: network, file: file, record: record, life: life(record, link: link), link: link)
    }

    /// A link cannot outlive its pod's namespace: while it is there the pod is. Without one the namespace's name
    /// decides, if it can be seen from here at all; and whoever is not our own plugin's may be routed otherwise.
    private func life(_ record: AddressRecord, link: String?) -> PodLife {
        if let link { return .alive("its link \(link) is there") }
        guard let netns = record.netns else { return .unknown("its record names no network namespace") }
        switch Self.presence(of: netns) {
        case .present: return .alive("its network namespace \(netns) is there")
        case .hidden: return .unknown("the directory of its network namespace \(netns) cannot be seen from here")
        case .absent: break
        }
        if record.plugin != "martlet" {
            // A process's file goes with that process and not with the namespace.
            guard !netns.hasPrefix("/proc/") else { return .unknown("\(netns) is gone, which says little") }
            for address in record.addresses {
                if let device = device(of: address) { return .alive("the node routes \(address) to \(device)") }
            }
        }
        return .gone("it has neither a link nor the network namespace \(netns)")
    }

    private enum Presence {
        case present, absent, hidden
    }

    private static func presence(of path: String) -> Presence {
        var status = stat()
        if stat(path, &status) == 0 { return .present }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/") else { return .hidden }
        if path.hasPrefix("/proc/") { return seesAllProcesses ? .absent : .hidden }
        return stat(String(path[..<slash]), &status) == 0 ? .absent : .hidden
    }

    /// Whether we are in the machine's first PID namespace, whose inode number is fixed in the kernel.
    private static var seesAllProcesses: Bool {
        var status = stat()
        return stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == 0xefff_fffc
    }

    /// The device that the node has a route of this address alone to.
    private func device(of address: IPAddress) -> String? {
        guard let route = try? socket.route(to: address, match: true), route.length == address.family.bitWidth else {
            return nil
        }
        return links.values.first { $0.index == route.device }?.name
    }
}
