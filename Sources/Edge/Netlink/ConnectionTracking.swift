import CNetlink
import Glibc
import NetTypes
import PodWiring

/// What the kernel remembers of conversations over a port of the node. UDP has no end that the kernel sees: who goes on
/// sending would be led to the pod that had the port before, or to none.
package enum ConnectionTracking {
    // NFNL_SUBSYS_CTNETLINK; IPCTNL_MSG_CT_NEW, _GET, _DELETE.
    private static let (subsystem, new, get, delete) = (1, 0, 1, 2)
    // CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM, CTA_PROTO_DST_PORT, CTA_ZONE.
    private static let (original, protocolPart, protocolNumber, destinationPort, zone) = (1, 2, 1, 3, 18)

    /// Forgets, in the calling thread's namespace, every UDP conversation with one of the ports, in the families that
    /// they are of; other transports make new ones by themselves.
    package static func forget(_ ports: [HostPort]) throws(LibnlError) {
        let udp = ports.filter { $0.transport == .udp }
        guard !udp.isEmpty else { return }
        let socket = try LibnlSocket(family: NETLINK_NETFILTER)
        if udp.contains(where: { $0.family == .ipv4 }) { try forget(udp, .ipv4, socket) }
        if udp.contains(where: { $0.family == .ipv6 }) { try forget(udp, .ipv6, socket) }
    }

    private static func forget(_ ports: [HostPort], _ family: AddressFamily, _ socket: LibnlSocket) throws(LibnlError) {
        // `nfgenmsg`: family, version, resource.
        let header = UInt32(littleEndian: UInt32(family.socketFamily))
        let question = LibnlMessage(
            "list connections", type: subsystem << 8 | get, flags: NLM_F_DUMP, header: header)
        for reply in try socket.dump(question) where Int(reply.type) == subsystem << 8 | new {
            let attributes = reply.attributes(after: 4)
            guard let tuple = attributes[original], let connection = attributes.nested(original)?.nested(protocolPart),
                connection[protocolNumber]?.first == Transport.udp.rawValue,
                let port: UInt16 = connection[destinationPort]?.number(at: 0),
                ports.contains(where: { $0.family == family && $0.port == UInt16(bigEndian: port) })
            else { continue }
            let message = LibnlMessage(
                "forget a connection", type: subsystem << 8 | delete, header: header)
            message.put(original | Int(NLA_F_NESTED), Array(tuple))
            if let zone = attributes[zone] { message.put(Self.zone, Array(zone)) }
            do { try socket.perform([message]) } catch {
                // It may have ended meanwhile.
                guard error.code == ENOENT else { throw error }
            }
        }
    }
}
