import NetTypes
import RIB

@testable import BGPSession
@testable import BGPSpeaker

extension Fabric {
    enum Plan: CaseIterable {
        /// Racks of two ToRs with their nodes, and spines above; the two ToRs of a rack may share an AS number.
        case racks
        /// Nodes of one AS, each with a session to every other.
        case mesh
        /// Two clusters of two reflectors and their clients (RFC 4456).
        case clusters
        /// Nodes that peer with two route servers only.
        case routeServers
    }

    func lay(_ plan: Plan) {
        switch plan {
        case .racks: layRacks()
        case .mesh: layMesh()
        case .clusters: layClusters()
        case .routeServers: layRouteServers()
        }
    }

    private func layRacks() {
        let spines = (0..<Int.random(in: 1...2, using: &random)).map { add(.transit, 65100 + UInt32($0)) }
        let sharesNumber = Bool.random(using: &random)
        for rack in 0..<2 {
            let tors = (0..<2).map { add(.transit, 65001 + UInt32(rack * 2 + (sharesNumber ? 0 : $0))) }
            for tor in tors { for spine in spines { connect(tor, spine) } }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let node = add(.node, 64601 + UInt32(members.count))
                for tor in tors { connect(node, tor) }
            }
        }
    }

    private func layMesh() {
        let nodes = (0..<Int.random(in: 3...6, using: &random)).map { _ in add(.node, 64600) }
        for (index, node) in nodes.enumerated() { for other in nodes[..<index] { connect(node, other) } }
    }

    private func layClusters() {
        var reflectors: [Int] = []
        for cluster in UInt32(0)..<2 {
            // With one cluster id for both, each ignores what the other reflects of their clients.
            let clusterID = Bool.random(using: &random) ? 900 + cluster : nil
            let pair = (0..<2).map { _ in add(.reflector, 64600, clusterID: clusterID) }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let client = add(.node, 64600)
                for reflector in pair { connect(client, reflector, isClient: true) }
            }
            reflectors += pair
        }
        for (index, one) in reflectors.enumerated() { for other in reflectors[..<index] { connect(one, other) } }
    }

    private func layRouteServers() {
        let servers = (0..<2).map { add(.transit, 65500 + UInt32($0)) }
        for index in 0..<Int.random(in: 2...6, using: &random) {
            let node = add(.node, 64601 + UInt32(index))
            for server in servers { connect(node, server) }
        }
    }

    // MARK: parts

    private func add(_ role: Role, _ number: UInt32, clusterID: UInt32? = nil) -> Int {
        let index = members.count
        let own: Set<Prefix> =
            role == .node ? [cidr("10.244.\(index + 1).0/24"), cidr("fd00:10:244:\(index + 1)::/64")] : []
        members.append(Member(role, number, index, clusterID: clusterID, own: own))
        return index
    }

    /// A link whose session `a` and `b` both open; `a` may be a client of the reflector `b`.
    private func connect(_ a: Int, _ b: Int, isClient: Bool = false) {
        let ends = [a, b].map { (member: $0, session: members[$0].sessions.count) }
        links.append(Link(ends: ends, delay: .random(in: 100_000...50_000_000, using: &random)))
        for side in 0...1 {
            let member = members[[a, b][side]]
            let machine = machine(member, members[[b, a][side]], restart: RestartState())
            member.sessions.append(
                Session(link: links.count - 1, side: side, isClient: isClient && side == 1, machine: machine))
        }
    }

    private func machine(_ member: Member, _ other: Member, restart: RestartState) -> Peer {
        let configuration = PeerConfiguration(
            name: "member-\(other.index)", address: ip(other.text), remoteAS: asn(other.number),
            localAS: asn(member.number), routerID: RouterID(rawValue: UInt32(member.index + 1)),
            gracefulRestart: (member.index + other.index) % 5 == 0 ? nil : .init(restartTime: 40))
        var machine = Peer(configuration, seed: random.next())
        machine.restartState = restart
        return machine
    }

    /// The process starts: all that it knew is gone. A graceful one found its routes in the kernel.
    func boot(_ index: Int, graceful: Bool) {
        let member = members[index]
        member.reboot()
        member.isAlive = true
        member.farewell = .none
        let restart = RestartState(restarted: graceful, forwardingPreserved: graceful ? .all : [])
        for number in member.sessions.indices {
            let session = member.sessions[number]
            let other = members[links[session.link].ends[1 - session.side].member]
            let machine = machine(member, other, restart: restart)
            let isTransit = member.role != .node
            let id = member.speaker.addPeer(
                SpeakerPeer(
                    name: "member-\(other.index)", address: ip(other.text), asNumber: asn(other.number),
                    isExternal: other.number != member.number, importMode: isTransit ? .all : .safe,
                    exportMode: isTransit ? .all : .localOnly, isClient: session.isClient))
            var fresh = Session(link: session.link, side: session.side, isClient: session.isClient, machine: machine)
            fresh.id = id
            member.sessions[number] = fresh
        }
        member.speaker.originate(member.own, at: now)
        for number in member.sessions.indices { act(member.sessions[number].machine.start(at: now), member, number) }
    }
}
