import BGPWire
import NetTypes
import RIB

@testable import BGPSession
@testable import BGPSpeaker

extension Fabric {
    /// A minute in which `count` things happen, and then as long as everything may take to be well again: the longest
    /// back-off, hold time, restart, and patience for an End-of-RIB after each other.
    func livePhase(disturbances count: Int) throws {
        for _ in 0..<count {
            agenda.push(.disturbance, at: now + Duration.nanoseconds(.random(in: 0...60_000_000_000, using: &random)))
        }
        try run(until: now + Duration.seconds(60))
        try run(until: now + Duration.seconds(500))
    }

    /// Every link and every peer is up, nobody says goodbye.
    func mend() {
        for index in links.indices { links[index].isUp = true }
        for member in members {
            setFarewell(.none, member)
            for index in member.sessions.indices { switchOn(index, member) }
        }
    }

    func disturb() {
        switch UInt8.random(in: 0..<20, using: &random) {
        case 0, 1, 2: cutOrMend(silently: false)
        case 3, 4: cutOrMend(silently: true)
        case 5, 6, 7: breakConnection()
        case 8, 9: crash(graceful: true)
        case 10: crash(graceful: false)
        case 11, 12, 13: changePrefixes()
        case 14, 15: askForRefresh()
        case 16, 17: sayGoodbye()
        default: switchSession()
        }
    }

    private func cutOrMend(silently: Bool) {
        guard let index = links.indices.randomElement(using: &random) else { return }
        guard links[index].isUp else { return links[index].isUp = true }
        links[index].isUp = false
        links[index].isSilent = silently
        for number in connections.indices where connections[number].link == index {
            if !silently { reset(number) }
            connections[number].isDead = true
        }
    }

    /// Both ends hear of it, each at its time; nothing that was under way arrives.
    private func reset(_ number: Int) {
        for side in 0...1 where connections[number].isOpen[side] {
            let delay = Int64.random(in: 0...100_000_000, using: &random)
            agenda.push(.end(connection: number, side: side), at: now + Duration.nanoseconds(delay))
        }
    }

    private func breakConnection() {
        let open = connections.indices.filter { connections[$0].isOpen[0] && connections[$0].isOpen[1] }
        guard let number = open.randomElement(using: &random) else { return }
        reset(number)
        connections[number].isDead = true
    }

    private func crash(graceful: Bool) {
        guard let member = members.randomElement(using: &random), member.isAlive else { return }
        member.isAlive = false
        let isNoticed = UInt8.random(in: 0..<4, using: &random) > 0
        for session in member.sessions {
            for (id, wire) in session.wires {
                connections[wire.connection].isOpen[session.side] = false
                if isNoticed, connections[wire.connection].isOpen[1 - session.side] { reset(wire.connection) }
                connections[wire.connection].isDead = true
                connections[wire.connection].ids[session.side] = id
            }
        }
        let pause = Int64.random(in: 1_000_000...20_000_000_000, using: &random)
        agenda.push(.boot(member: member.index, graceful: graceful), at: now + Duration.nanoseconds(pause))
    }

    private func changePrefixes() {
        guard let node = members.filter({ $0.role == .node && $0.isAlive }).randomElement(using: &random) else {
            return
        }
        let extra = cidr("10.244.\(100 + node.index).0/24")
        if node.own.remove(extra) == nil { node.own.insert(extra) }
        node.speaker.originate(node.own, at: now)
        node.speaker.importPolicy.ownPodCIDRs = node.own.sorted()
        queueTurn(node)
    }

    private func askForRefresh() {
        guard let member = members.randomElement(using: &random), member.isAlive,
            let index = member.sessions.indices.randomElement(using: &random)
        else { return }
        let family: AddressFamily = Bool.random(using: &random) ? .ipv4 : .ipv6
        act(member.sessions[index].machine.requestRefresh(family), member, index)
    }

    private func sayGoodbye() {
        guard let member = members.randomElement(using: &random), member.isAlive else { return }
        setFarewell([.none, .announced, .withdrawn].randomElement(using: &random) ?? .none, member)
    }

    private func setFarewell(_ farewell: Farewell, _ member: Member) {
        member.farewell = farewell
        member.speaker.setFarewell(farewell)
        queueTurn(member)
    }

    /// An operator shuts a peer, or starts it again.
    private func switchSession() {
        guard let member = members.randomElement(using: &random), member.isAlive,
            let index = member.sessions.indices.randomElement(using: &random)
        else { return }
        guard member.sessions[index].isWanted else { return switchOn(index, member) }
        member.sessions[index].isWanted = false
        let cease = NotificationMessage.cease(.administrativeShutdown, text: "maintenance")
        act(member.sessions[index].machine.stop(cease, at: now), member, index)
    }

    private func switchOn(_ index: Int, _ member: Member) {
        guard !member.sessions[index].isWanted else { return }
        member.sessions[index].isWanted = true
        act(member.sessions[index].machine.start(at: now), member, index)
    }
}
