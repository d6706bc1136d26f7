import CNetlink
import Glibc
import NetTypes
import PodWiring

extension LinkStep {
    /// The message that does the step on a link.
    func message(index: Int32, name: String) -> LibnlMessage {
        switch self {
        case .alias(let text):
            let message = Self.setLink(index, "set alias of \(name)")
            message.put(IFLA_IFALIAS, text)
            return message
        case .settingsIPv4(let values): return Self.settings(values, index, name)
        case .limit(let limit): return limit.message(index: index, name: name)
        case .noAutomaticIPv6:
            let message = Self.setLink(index, "set address generation of \(name)")
            message.nest(IFLA_AF_SPEC) {
                message.nest(AF_INET6) {
                    message.put(IFLA_INET6_ADDR_GEN_MODE, [UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue)])
                }
            }
            return message
        case .up: return Self.setLink(index, "set \(name) up", up: true)
        case .address(let address): return Self.address(address, length: address.family.bitWidth, index, name)
        case .linkLocal(let address): return Self.address(address, length: 64, index, name)
        case .route(let route): return route.message(index: index, name: name)
        case .neighbour(let address, let mac): return Self.neighbour(address, mac, index, name)
        case .answerFor(let address): return Self.neighbour(address, nil, index, name)
        }
    }

    /// A permanent neighbour; without a MAC one that the link itself stands for.
    private static func neighbour(_ address: IPAddress, _ mac: MACAddress?, _ index: Int32, _ name: String)
        -> LibnlMessage
    {
        var header = ndmsg()
        header.ndm_family = address.family.socketFamily
        header.ndm_ifindex = index
        header.ndm_state = UInt16(NUD_PERMANENT)
        header.ndm_flags = mac == nil ? UInt8(NTF_PROXY) : 0
        let message = LibnlMessage(
            "add neighbour \(address) dev \(name)", type: Int(RTM_NEWNEIGH), flags: NLM_F_CREATE | NLM_F_REPLACE,
            header: header)
        message.put(NDA_DST, address)
        if let mac { message.put(NDA_LLADDR, mac.bytes) }
        return message
    }

    static func setLink(
        _ index: Int32, _ operation: @autoclosure @escaping () -> String, up: Bool = false
    ) -> LibnlMessage {
        var header = ifinfomsg()
        header.ifi_index = index
        if up {
            header.ifi_flags = UInt32(IFF_UP)
            header.ifi_change = UInt32(IFF_UP)
        }
        return LibnlMessage(operation(), type: Int(RTM_SETLINK), header: header)
    }

    private static func settings(_ values: [LinkSettingValue], _ index: Int32, _ name: String) -> LibnlMessage {
        let message = setLink(index, "set forwarding and source check of \(name)")
        message.nest(IFLA_AF_SPEC) {
            message.nest(AF_INET) {
                // IFLA_INET_CONF.
                message.nest(1) {
                    for entry in values { message.put(entry.setting.number, UInt32(bitPattern: entry.value)) }
                }
            }
        }
        return message
    }

    private static func address(_ address: IPAddress, length: Int, _ index: Int32, _ name: String) -> LibnlMessage {
        var header = ifaddrmsg()
        header.ifa_family = address.family.socketFamily
        header.ifa_prefixlen = UInt8(length)
        header.ifa_flags = UInt8(IFA_F_NODAD)
        header.ifa_scope = UInt8((address.isLinkLocal ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE).rawValue)
        header.ifa_index = UInt32(index)
        let message = LibnlMessage(
            "add address \(address)/\(length) dev \(name)", type: Int(RTM_NEWADDR), flags: NLM_F_CREATE | NLM_F_EXCL,
            header: header)
        message.put(IFA_LOCAL, address)
        message.put(IFA_ADDRESS, address)
        return message
    }
}

extension LinkRoute {
    func message(index: Int32, name: String) -> LibnlMessage {
        var header = rtmsg()
        header.rtm_family = destination.family.socketFamily
        header.rtm_dst_len = destination.length
        header.rtm_table = UInt8(truncatingIfNeeded: table.map { $0 > 255 ? 0 : $0 } ?? 254)
        header.rtm_protocol = protocolID
        header.rtm_scope = UInt8((gateway == nil ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE).rawValue)
        header.rtm_type = UInt8(RTN_UNICAST)
        let via = gateway.map { " via \($0)" } ?? ""
        let message = LibnlMessage(
            "add route \(destination)\(via) dev \(name)", type: Int(RTM_NEWROUTE), flags: NLM_F_CREATE | NLM_F_EXCL,
            header: header)
        if !destination.isDefault { message.put(RTA_DST.rawValue, destination.address) }
        if let gateway { message.put(RTA_GATEWAY.rawValue, gateway) }
        message.put(RTA_OIF.rawValue, UInt32(index))
        if let priority { message.put(RTA_PRIORITY.rawValue, priority) }
        if let table, table > 255 { message.put(RTA_TABLE.rawValue, table) }
        if mtu != nil || advertisedMSS != nil {
            message.nest(RTA_METRICS.rawValue) {
                if let mtu { message.put(RTAX_MTU, mtu) }
                if let advertisedMSS { message.put(RTAX_ADVMSS, advertisedMSS) }
            }
        }
        return message
    }
}
