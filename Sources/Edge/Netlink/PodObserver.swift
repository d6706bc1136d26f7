import CNetlink
import Glibc
import NetTypes
import PodWiring

/// Reads for CHECK what the kernel has of a pod's link. The node's tables can be large, so single entries are asked
/// for there; a pod's tables are small and are read whole.
package enum PodObserver {
    /// The host end of a plan; nil when it does not exist.
    package static func host(_ plan: VethPlan, _ socket: LibnlSocket) throws(LibnlError) -> WiringFacts? {
        guard let link = try socket.link(named: plan.hostName) else { return nil }
        var facts = WiringFacts(link)
        for address in plan.addresses {
            if let route = try socket.route(to: address, match: true), route.device == link.index,
                let prefix = Prefix(address, length: route.length)
            {
                facts.routes.insert(RouteFact(destination: prefix, gateway: route.gateway))
            }
            facts.neighbours[address] = try socket.permanentNeighbour(address, link.index)
        }
        return facts
    }

    /// The pod's end; nil when it does not exist.
    package static func pod(_ plan: VethPlan, _ socket: LibnlSocket) throws(LibnlError) -> WiringFacts? {
        guard let link = try socket.link(named: plan.identity.ifname) else { return nil }
        var facts = WiringFacts(link)
        facts.addresses = try socket.addresses(link.index)
        for family in AddressFamily.allCases where plan.has(family) {
            facts.routes.formUnion(try socket.routes(link.index, family))
            let gateway = PodLink.gateway(family)
            facts.neighbours[gateway] = try socket.permanentNeighbour(gateway, link.index)
        }
        return facts
    }
}

extension WiringFacts {
    fileprivate init(_ link: LinkInfo) { self.init(isUp: link.isUp, mac: link.mac, mtu: link.mtu, alias: link.alias) }
}

extension LibnlSocket {
    fileprivate func permanentNeighbour(_ address: IPAddress, _ index: Int32) throws(LibnlError) -> MACAddress? {
        var header = ndmsg()
        header.ndm_family = address.family.socketFamily
        header.ndm_ifindex = index
        let message = LibnlMessage("get neighbour \(address)", type: Int(RTM_GETNEIGH), header: header)
        message.put(NDA_DST, address)
        do {
            // `ndmsg`: family, pad, ifindex, state, flags, type.
            let reply = try perform([message]).first { $0.type == UInt16(RTM_NEWNEIGH) }
            guard let state: UInt16 = reply?.number(at: 8), state & UInt16(NUD_PERMANENT) != 0 else { return nil }
            return reply?.attributes(after: MemoryLayout<ndmsg>.size).mac(NDA_LLADDR)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    fileprivate func addresses(_ index: Int32) throws(LibnlError) -> Set<IPAddress> {
        let message = LibnlMessage("list addresses", type: Int(RTM_GETADDR), flags: NLM_F_DUMP, header: ifaddrmsg())
        var result: Set<IPAddress> = []
        // `ifaddrmsg`: family, prefixlen, flags, scope, index.
        for reply in try dump(message) where reply.number(Int32.self, at: 4) == index {
            let attributes = reply.attributes(after: MemoryLayout<ifaddrmsg>.size)
            if let address = attributes.address(IFA_LOCAL) ?? attributes.address(IFA_ADDRESS) { result.insert(address) }
        }
        return result
    }

    fileprivate func routes(_ index: Int32, _ family: AddressFamily) throws(LibnlError) -> Set<RouteFact> {
        var header = rtmsg()
        header.rtm_family = family.socketFamily
        let message = LibnlMessage("list routes", type: Int(RTM_GETROUTE), flags: NLM_F_DUMP, header: header)
        var result: Set<RouteFact> = []
        for reply in try dump(message) {
            let attributes = reply.attributes(after: MemoryLayout<rtmsg>.size)
            guard let length: UInt8 = reply.number(at: 1),
                attributes.number(RTA_OIF.rawValue) == UInt32(bitPattern: index)
            else { continue }
            let address = attributes.address(RTA_DST.rawValue) ?? IPAddress(leftAligned: 0, family: family)
            guard let prefix = Prefix(address, length: Int(length)) else { continue }
            result.insert(RouteFact(destination: prefix, gateway: attributes.address(RTA_GATEWAY.rawValue)))
        }
        return result
    }
}
