extension Render {
    /// `martletctl bfd`: a row for each session.
    package static func bfd(_ document: BFDDocument, wide: Bool = false) -> String {
        guard !document.sessions.isEmpty else { return "No peer has BFD: add bfd to it in martletd.yaml.\n" }
        var columns: [TextTable.Column] = [
            .left("PEER"), .left("ADDRESS"), .left("STATE"), .right("SINCE"), .right("SEND"), .right("DETECT"),
            .right("DOWNS"),
        ]
        if wide {
            columns += [
                .left("PEER SAYS"), .right("PEER SEND"), .right("PEER TAKE"), .right("MULT"), .left("HOPS"),
                .left("SIGNED"), .right("IN"), .right("OUT"), .right("DISCARDED"), .right("DISCRIMINATORS"),
            ]
        }
        var table = TextTable(columns + [.left("INFO")])
        for session in document.sessions {
            let cells = [
                session.peer, session.address, word(session.state), Printable.duration(session.sinceSeconds),
                time(session.transmitMilliseconds), session.detectionMilliseconds.map(time) ?? "",
                String(session.downs),
            ]
            table.add(cells + (wide ? wideCells(session) : []) + [info(session)])
        }
        let slow = "BFD has no real-time priority: intervals below 100 ms are not kept.\n"
        return table.text + (document.realTime ? "" : slow)
    }

    private static func wideCells(_ session: BFDSessionDocument) -> [String] {
        [
            session.peerState.map(word) ?? "", session.peerTransmitMilliseconds.map(time) ?? "",
            session.peerReceiveMilliseconds.map(time) ?? "",
            "\(session.multiplier)/\(session.peerMultiplier.map { String($0) } ?? "?")",
            session.multihop ? "several" : "one", session.authentication ?? "no", String(session.packetsReceived),
            String(session.packetsSent), String(session.packetsDiscarded),
            "\(session.discriminator)/\(session.peerDiscriminator ?? 0)",
        ]
    }

    /// What is remarkable: a problem here, or why it is not up.
    private static func info(_ session: BFDSessionDocument) -> String {
        if let problem = session.problem { return problem }
        guard session.state != .up else { return "" }
        if session.peerState == .adminDown { return "the peer has switched it off" }
        let failure = session.lastDown.map {
            "\($0) (\(Printable.duration(session.lastDownSecondsAgo ?? 0)) ago)"
        }
        if session.peerState == nil, session.packetsDiscarded > 0, session.ups == 0 {
            return "\(Printable.count(session.packetsDiscarded, "packet")) discarded: signature or hop limit is wrong"
        }
        return failure ?? (session.peerState == nil ? "the peer is not heard" : "")
    }

    /// As a line of one peer.
    static func words(_ session: BFDSessionDocument) -> String {
        let detection = session.detectionMilliseconds.map { ", detection in \(time($0))" } ?? ""
        let remark = info(session)
        return "\(word(session.state)) for \(Printable.duration(session.sinceSeconds)); "
            + "every \(time(session.transmitMilliseconds))\(detection)" + (remark.isEmpty ? "" : "; \(remark)")
    }

    static func word(_ state: BFDSessionDocument.State) -> String {
        switch state {
        case .adminDown: "AdminDown"
        case .down: "Down"
        case .initial: "Init"
        case .up: "Up"
        }
    }

    /// `50ms`, `1s`, `1.5s`.
    private static func time(_ milliseconds: Double) -> String {
        guard milliseconds >= 1000 else {
            let whole = Int(milliseconds)
            return Double(whole) == milliseconds ? "\(whole)ms" : "\(milliseconds)ms"
        }
        let whole = Int(milliseconds / 1000)
        return Double(whole) * 1000 == milliseconds ? "\(whole)s" : "\(milliseconds / 1000)s"
    }
}
