import CNetlink
import Glibc
import NetTypes
import PodWiring

/// Reads for CHECK what the kernel has of a pod's link. The node's tables can be large, so single entries are asked
/// for there, in two batches; a pod's tables are small and are read whole.
package enum PodObserver {
    /// The host end of a plan; nil when it does not exist.
    package static func host(_ plan: VethPlan, _ socket: LibnlSocket) throws(LibnlError) -> WiringFacts? {
        let answers = try socket.exchange(
            [LibnlSocket.getLink(named: plan.hostName)]
                + plan.addresses.map { LibnlSocket.getRoute(to: $0, match: true) })
        guard let (link, reply) = try link(answers.first) else { return nil }
        var facts = WiringFacts(link)
        facts.settings = LinkSettings(reply).values(of: plan.hostSettings)
        for index in plan.addresses.indices {
            let address = plan.addresses[index]
            if let route = try LibnlSocket.route(answers[index + 1]), route.device == link.index,
                let prefix = Prefix(address, length: route.length)
            {
                facts.routes.append(RouteFact(destination: prefix, gateway: route.gateway))
            }
        }
        var more = Questions(link.index)
        for address in plan.addresses { more.neighbour(address) }
        if plan.has(.ipv6) { more.address(PodLink.gatewayV6) }
        if plan.bandwidth.ingress != nil { more.limit() }
        try more.ask(socket, &facts)
        return facts
    }

    /// The pod's end; nil when it does not exist. `peer` is the index that the host end names: the same batch then asks
    /// for the link and what belongs to it.
    package static func pod(
        _ plan: VethPlan, _ socket: LibnlSocket, peer: Int32? = nil
    ) throws(LibnlError) -> WiringFacts? {
        var more = Questions(peer ?? 0)
        if plan.has(.ipv4) { more.neighbour(PodLink.gateway) }
        if plan.has(.ipv6) { more.neighbour(PodLink.gatewayV6) }
        if plan.bandwidth.egress != nil { more.limit() }
        let answers = try socket.exchange([LibnlSocket.getLink(named: plan.identity.ifname)] + more.messages)
        guard let (link, _) = try link(answers.first) else { return nil }
        var facts = WiringFacts(link)
        // Of another link than the host end's: that is the difference, whatever else is.
        guard link.index == peer else { return facts }
        try more.read(answers, from: 1, &facts)
        facts.addresses = try socket.addresses(link.index)
        if plan.has(.ipv4) { try socket.addRoutes(link.index, .ipv4, to: &facts) }
        if plan.has(.ipv6) { try socket.addRoutes(link.index, .ipv6, to: &facts) }
        return facts
    }

    private static func link(_ outcome: LibnlSocket.Outcome?) throws(LibnlError) -> (LinkInfo, LibnlReply)? {
        if let error = outcome?.error {
            if error.code == ENODEV { return nil }
            throw error
        }
        guard let reply = outcome?.replies.first, let link = LinkInfo(reply) else { return nil }
        return (link, reply)
    }
}

extension WiringFacts {
    fileprivate init(_ link: LinkInfo) {
        self.init(isUp: link.isUp, mac: link.mac, mtu: link.mtu, alias: link.alias)
        index = link.index
        peerIndex = link.peerIndex
    }
}

/// What is asked about a link in one batch.
private struct Questions {
    private enum Kind {
        case neighbour(IPAddress)
        case address(IPAddress)
        case limit
    }

    private let index: Int32
    private var kinds: [Kind] = []
    private(set) var messages: [LibnlMessage] = []

    init(_ index: Int32) { self.index = index }

    mutating func neighbour(_ address: IPAddress) {
        var header = ndmsg()
        header.ndm_family = address.family.socketFamily
        header.ndm_ifindex = index
        let message = LibnlMessage("get neighbour \(address)", type: Int(RTM_GETNEIGH), header: header)
        message.put(NDA_DST, address)
        kinds.append(.neighbour(address))
        messages.append(message)
    }

    /// IPv6 only: of IPv4 the kernel tells all or nothing.
    mutating func address(_ address: IPAddress) {
        var header = ifaddrmsg()
        header.ifa_family = address.family.socketFamily
        header.ifa_index = UInt32(index)
        let message = LibnlMessage("get address \(address)", type: Int(RTM_GETADDR), header: header)
        message.put(IFA_ADDRESS, address)
        kinds.append(.address(address))
        messages.append(message)
    }

    mutating func limit() {
        kinds.append(.limit)
        messages.append(LibnlSocket.getLimit(index))
    }

    func ask(_ socket: LibnlSocket, _ facts: inout WiringFacts) throws(LibnlError) {
        try read(try socket.exchange(messages), &facts)
    }

    /// Takes the answers to `messages`, the first of which is number `start`. (`zip` would have the process make types
    /// at run time, which costs more than the rest of a CHECK.)
    func read(
        _ answers: [LibnlSocket.Outcome], from start: Int = 0, _ facts: inout WiringFacts
    ) throws(LibnlError) {
        for index in kinds.indices {
            let outcome = answers[start + index]
            switch kinds[index] {
            case .neighbour(let address):
                guard let mac = try Self.permanentNeighbour(outcome) else { continue }
                facts.neighbours.append(NeighbourFact(address: address, mac: mac))
            case .address(let address):
                guard outcome.error?.code != EADDRNOTAVAIL else { continue }
                if let error = outcome.error { throw error }
                facts.addresses.append(address)
            case .limit: facts.limit = try LibnlSocket.limit(outcome)
            }
        }
    }

    private static func permanentNeighbour(_ outcome: LibnlSocket.Outcome) throws(LibnlError) -> MACAddress? {
        if let error = outcome.error {
            if error.code == ENOENT { return nil }
            throw error
        }
        // `ndmsg`: family, pad, ifindex, state, flags, type.
        let reply = outcome.replies.first { $0.type == UInt16(RTM_NEWNEIGH) }
        guard let state: UInt16 = reply?.number(at: 8), state & UInt16(NUD_PERMANENT) != 0 else { return nil }
        return reply?.attributes(after: MemoryLayout<ndmsg>.size).mac(NDA_LLADDR)
    }
}

extension LibnlSocket {
    fileprivate func addresses(_ index: Int32) throws(LibnlError) -> [IPAddress] {
        let message = LibnlMessage("list addresses", type: Int(RTM_GETADDR), flags: NLM_F_DUMP, header: ifaddrmsg())
        var result: [IPAddress] = []
        // `ifaddrmsg`: family, prefixlen, flags, scope, index.
        for reply in try dump(message) where reply.number(Int32.self, at: 4) == index {
            let attributes = reply.attributes(after: MemoryLayout<ifaddrmsg>.size)
            if let address = attributes.address(IFA_LOCAL) ?? attributes.address(IFA_ADDRESS) { result.append(address) }
        }
        return result
    }

    fileprivate func addRoutes(
        _ index: Int32, _ family: AddressFamily, to facts: inout WiringFacts
    ) throws(LibnlError) {
        var header = rtmsg()
        header.rtm_family = family.socketFamily
        let message = LibnlMessage("list routes", type: Int(RTM_GETROUTE), flags: NLM_F_DUMP, header: header)
        for reply in try dump(message) {
            let attributes = reply.attributes(after: MemoryLayout<rtmsg>.size)
            guard let length: UInt8 = reply.number(at: 1),
                attributes.number(RTA_OIF.rawValue) == UInt32(bitPattern: index)
            else { continue }
            let address = attributes.address(RTA_DST.rawValue) ?? IPAddress(leftAligned: 0, family: family)
            guard let prefix = Prefix(address, length: Int(length)) else { continue }
            facts.routes.append(RouteFact(destination: prefix, gateway: attributes.address(RTA_GATEWAY.rawValue)))
        }
    }
}
