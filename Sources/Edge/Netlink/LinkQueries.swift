import CNetlink
import Glibc
import NetTypes
import PodWiring

/// What the kernel says of a link.
package struct LinkInfo: Hashable, Sendable {
    package let index: Int32
    package let name: String
    package let isUp: Bool
    package let isLoopback: Bool
    /// Administratively up and with a carrier.
    package let isRunning: Bool
    package let mac: MACAddress?
    package let mtu: UInt32
    package let alias: String?
    /// `veth`, `bridge`, ...; nil for hardware.
    package let kind: String?
    /// For a veth: the other end's index in its own namespace.
    package let peerIndex: Int32?
    /// IFLA_GROUP; 0 for nearly all links.
    package let group: UInt32

    /// Whether DEL took it out of service and left its deletion to the agent.
    package var isSetAside: Bool {
        guard group == PodLink.deletedGroup, !isUp, let alias else { return false }
        return PodIdentity(alias: alias)?.hostName == name
    }
}

extension LinkInfo {
    /// Reads RTM_NEWLINK (`ifinfomsg`: family, pad, type, index, flags, change).
    init?(_ reply: LibnlReply) {
        guard reply.type == UInt16(RTM_NEWLINK), let index: Int32 = reply.number(at: 4),
            let flags: UInt32 = reply.number(at: 8)
        else { return nil }
        let attributes = reply.attributes(after: MemoryLayout<ifinfomsg>.size)
        self.index = index
        isUp = flags & UInt32(IFF_UP) != 0
        isLoopback = flags & UInt32(IFF_LOOPBACK) != 0
        isRunning = isUp && flags & UInt32(IFF_RUNNING) != 0
        name = attributes.text(IFLA_IFNAME) ?? ""
        mac = attributes.mac(IFLA_ADDRESS)
        mtu = attributes.number(IFLA_MTU) ?? 0
        alias = attributes.text(IFLA_IFALIAS)
        kind = attributes.nested(IFLA_LINKINFO)?.text(IFLA_INFO_KIND)
        peerIndex = attributes.number(IFLA_LINK).map { Int32(bitPattern: $0) }
        group = attributes.number(IFLA_GROUP) ?? 0
    }
}

extension LibnlSocket {
    /// The link of a name; nil when there is none.
    package func link(named name: String) throws(LibnlError) -> LinkInfo? {
        do { return try perform([Self.getLink(named: name)]).lazy.compactMap { LinkInfo($0) }.first } catch {
            if error.code == ENODEV { return nil }
            throw error
        }
    }

    package func link(index: Int32) throws(LibnlError) -> LinkInfo? {
        do { return try perform([Self.getLink(index)]).lazy.compactMap { LinkInfo($0) }.first } catch {
            if error.code == ENODEV { return nil }
            throw error
        }
    }

    static func getLink(_ index: Int32) -> LibnlMessage {
        var header = ifinfomsg()
        header.ifi_index = index
        let message = LibnlMessage("get link \(index)", type: Int(RTM_GETLINK), header: header)
        message.put(IFLA_EXT_MASK, withoutStatistics)
        return message
    }

    /// RTEXT_FILTER_SKIP_STATS: the counters, which nobody reads here, are most of an answer.
    private static let withoutStatistics: UInt32 = 8

    static func getLink(named name: String) -> LibnlMessage {
        let message = LibnlMessage("get link \(name)", type: Int(RTM_GETLINK), header: ifinfomsg())
        message.put(IFLA_IFNAME, name)
        message.put(IFLA_EXT_MASK, withoutStatistics)
        return message
    }

    /// Every link of the namespace.
    package func links() throws(LibnlError) -> [LinkInfo] {
        let message = LibnlMessage("list links", type: Int(RTM_GETLINK), flags: NLM_F_DUMP, header: ifinfomsg())
        return try dump(message).compactMap { LinkInfo($0) }
    }

    /// Removes a link with its routes, addresses and neighbours, and the other end of a veth. One that is gone is no
    /// error.
    package func deleteLink(_ link: LinkInfo) throws(LibnlError) {
        var header = ifinfomsg()
        header.ifi_index = link.index
        do { try perform([LibnlMessage("delete link \(link.name)", type: Int(RTM_DELLINK), header: header)]) } catch {
            guard error.code == ENODEV else { throw error }
        }
    }

    /// Takes a link out of service, which flushes its routes and neighbours, and marks it for deletion: 0.05 ms, where
    /// the deletion itself waits 20 ms for the kernel's readers. One that is gone is no error.
    package func setAside(_ link: LinkInfo) throws(LibnlError) {
        var header = ifinfomsg()
        header.ifi_index = link.index
        header.ifi_change = UInt32(IFF_UP)
        let message = LibnlMessage("set \(link.name) aside", type: Int(RTM_SETLINK), header: header)
        message.put(IFLA_GROUP, PodLink.deletedGroup)
        do { try perform([message]) } catch {
            guard error.code == ENODEV else { throw error }
        }
    }

    /// Deletes every link of a group with one wait for all.
    func deleteLinks(group: UInt32) throws(LibnlError) {
        let message = LibnlMessage("delete links of group \(group)", type: Int(RTM_DELLINK), header: ifinfomsg())
        message.put(IFLA_GROUP, group)
        do { try perform([message]) } catch {
            guard error.code == ENODEV else { throw error }
        }
    }

    /// The MTU of the link that packets to the world leave by; without such a route that of the first running link.
    package func uplinkMTU() throws(LibnlError) -> UInt32? {
        let world = [IPAddress.v4(IPv4Address(198, 51, 100, 1)), IPAddress("2001:db8::1")].compactMap { $0 }
        for destination in world {
            guard let route = try? route(to: destination, match: false), let link = try link(index: route.device),
                !link.isLoopback
            else { continue }
            return link.mtu
        }
        return try links().first { $0.isRunning && !$0.isLoopback && !$0.name.hasPrefix("mlt") }?.mtu
    }
}

/// The kernel's answer to "how do you route this address?".
package struct RouteAnswer: Hashable, Sendable {
    /// The matching route's length; the family's full length if the route itself was not asked for.
    package let length: Int
    /// Index of the link; 0 for a route over several links.
    package let device: Int32
    package let gateway: IPAddress?
    /// Protocol id of who made it.
    package let protocolID: UInt8
    /// Whether it is one of the node's own addresses.
    package let isLocal: Bool
}

extension LibnlSocket {
    /// Asks the kernel for the route to an address: with `match` the entry of the table, otherwise the way a packet
    /// would take. Nil when there is none, or one that says "unreachable".
    package func route(to address: IPAddress, match: Bool) throws(LibnlError) -> RouteAnswer? {
        guard let outcome = try exchange([Self.getRoute(to: address, match: match)]).first else { return nil }
        return try Self.route(outcome)
    }

    static func getRoute(to address: IPAddress, match: Bool) -> LibnlMessage {
        var header = rtmsg()
        header.rtm_family = address.family.socketFamily
        header.rtm_dst_len = UInt8(address.family.bitWidth)
        // RTM_F_FIB_MATCH: "return full fib lookup match".
        header.rtm_flags = match ? 0x2000 : 0
        let message = LibnlMessage("get the route to \(address)", type: Int(RTM_GETROUTE), header: header)
        message.put(RTA_DST.rawValue, address)
        return message
    }

    static func route(_ outcome: Outcome) throws(LibnlError) -> RouteAnswer? {
        if let error = outcome.error {
            if [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ESRCH].contains(error.code) { return nil }
            throw error
        }
        return outcome.replies.lazy.compactMap { RouteAnswer($0) }.first
    }
}

extension RouteAnswer {
    /// Reads RTM_NEWROUTE (`rtmsg`: family, dst_len, src_len, tos, table, protocol, scope, type, flags).
    init?(_ reply: LibnlReply) {
        guard reply.type == UInt16(RTM_NEWROUTE), let length: UInt8 = reply.number(at: 1),
            let protocolID: UInt8 = reply.number(at: 5), let type: UInt8 = reply.number(at: 7),
            ![UInt8(RTN_UNREACHABLE), UInt8(RTN_BLACKHOLE), UInt8(RTN_PROHIBIT)].contains(type)
        else { return nil }
        let attributes = reply.attributes(after: MemoryLayout<rtmsg>.size)
        self.length = Int(length)
        self.protocolID = protocolID
        device = Int32(bitPattern: attributes.number(RTA_OIF.rawValue) ?? 0)
        gateway = attributes.address(RTA_GATEWAY.rawValue)
        isLocal = type == UInt8(RTN_LOCAL)
    }
}

extension AddressFamily {
    /// AF_INET or AF_INET6.
    var socketFamily: UInt8 { UInt8(self == .ipv4 ? AF_INET : AF_INET6) }
}
