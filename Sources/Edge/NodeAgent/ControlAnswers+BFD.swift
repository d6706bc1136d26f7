import BFD
import BFDSocket
import ControlAPI
import DispatchIO
import NetTypes

extension ControlAnswers {
    func bfd() async -> BFDDocument {
        let snapshot = await agent.bfd?.snapshot() ?? BFDSnapshot()
        return BFDDocument(
            sessions: snapshot.sessions.map { BFDSessionDocument($0, at: .now) }.sorted { $0.peer < $1.peer },
            realTime: snapshot.isPunctual, malformed: Int(clamping: snapshot.malformed),
            strangers: Int(clamping: snapshot.strangers))
    }

    /// By the peers' names.
    func bfdSessions() async -> [String: BFDSessionDocument] {
        guard let snapshot = await agent.bfd?.snapshot() else { return [:] }
        let pairs = snapshot.sessions.map { ($0.name, BFDSessionDocument($0, at: .now)) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}

extension BFDSessionDocument {
    init(_ status: BFDStatus, at now: Instant) {
        let (session, target) = (status.session, status.target)
        let zone = target.address.needsScope ? "%\(target.interface)" : ""
        self.init(
            peer: status.name, address: "\(target.address)\(zone)", state: State(session.state),
            discriminator: session.discriminator, multiplier: Int(session.settings.multiplier))
        multihop = target.isMultihop
        sinceSeconds = Int((now - session.since).wholeSeconds)
        transmitMilliseconds = session.transmitInterval.milliseconds
        receiveMilliseconds = session.settings.requiredMinRx.milliseconds
        detectionMilliseconds = session.detectionTime?.milliseconds
        passive = session.settings.isPassive
        if session.diagnostic != .none { diagnostic = "\(session.diagnostic)" }
        authentication = status.keySource.map {
            ($0.kind == .sha1 ? Configuration.BFDKeyType.sha1 : .meticulous).rawValue
        }
        take(session.counters)
        if let peer = session.peer { take(peer) }
        lastDown = session.lastDown?.change.reason
        lastDownSecondsAgo = session.lastDown.map { Int((now - $0.at).wholeSeconds) }
        problem = status.problem
    }

    private mutating func take(_ counters: BFDCounters) {
        packetsReceived = Int(clamping: counters.received)
        packetsSent = Int(clamping: counters.sent)
        packetsDiscarded = Int(clamping: counters.discarded)
        ups = Int(clamping: counters.ups)
        downs = Int(clamping: counters.downs)
    }

    private mutating func take(_ packet: ControlPacket) {
        peerState = State(packet.state)
        if packet.diagnostic != .none { peerDiagnostic = "\(packet.diagnostic)" }
        peerDiscriminator = packet.discriminator
        peerTransmitMilliseconds = Double(packet.desiredMinTx) / 1000
        peerReceiveMilliseconds = Double(packet.requiredMinRx) / 1000
        peerMultiplier = Int(packet.multiplier)
    }
}

extension BFDSessionDocument.State {
    init(_ state: BFDState) {
        switch state {
        case .adminDown: self = .adminDown
        case .down: self = .down
        case .initial: self = .initial
        case .up: self = .up
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Double { Double(nanoseconds / 1000) / 1000 }
}

extension Exposition {
    /// BFD by peer; nothing where nobody has it.
    mutating func bfd(_ document: BFDDocument) {
        guard !document.sessions.isEmpty else { return }
        func labels(_ session: BFDSessionDocument) -> [(String, String)] { [("peer", session.peer)] }
        family("bfd_session_up", .gauge, "1 when the BFD session is Up.")
        for session in document.sessions { sample("bfd_session_up", labels(session), session.state == .up ? 1 : 0) }
        family("bfd_state_changes_total", .counter, "How often the BFD session came Up, or left Up.")
        for session in document.sessions {
            for (direction, count) in [("up", session.ups), ("down", session.downs)] {
                sample("bfd_state_changes_total", labels(session) + [("to", direction)], count)
            }
        }
        family("bfd_packets_total", .counter, "BFD control packets; those discarded were received and not believed.")
        for session in document.sessions {
            let counts = [
                ("received", session.packetsReceived), ("sent", session.packetsSent),
                ("discarded", session.packetsDiscarded),
            ]
            for (kind, count) in counts { sample("bfd_packets_total", labels(session) + [("kind", kind)], count) }
        }
        family("bfd_detection_time_milliseconds", .gauge, "Silence after which the peer is found gone; 0: not heard.")
        for session in document.sessions {
            sample("bfd_detection_time_milliseconds", labels(session), Int(session.detectionMilliseconds ?? 0))
        }
        family("bfd_real_time", .gauge, "1 when BFD's thread has real-time priority.")
        sample("bfd_real_time", document.realTime ? 1 : 0)
    }
}
