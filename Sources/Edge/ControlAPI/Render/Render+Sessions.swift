extension Render {
    /// `martletctl sessions`: a row for each peer and family; a peer that is down has one row, which says why.
    package static func sessions(_ document: SessionsDocument, wide: Bool = false) -> String {
        guard !document.sessions.isEmpty || document.ranges != nil else {
            return "No peers are configured: add them under bgp.peers in martletd.yaml.\n"
        }
        var columns: [TextTable.Column] = [
            .left("PEER"), .left("ADDRESS"), .right("AS"), .left("STATE"), .right("SINCE"), .left("FAMILY"),
            .right("RECEIVED"), .right("ACCEPTED"), .right("BEST"), .right("ADVERTISED"),
        ]
        if wide {
            columns += [
                .left("LOCAL ADDRESS"), .left("ROUTER ID"), .right("HOLD"), .right("MSG IN"), .right("MSG OUT"),
                .right("UPS"), .right("DOWNS"),
            ]
        }
        let hasBFD = document.sessions.contains { $0.bfd != nil }
        if hasBFD { columns.append(.left("BFD")) }
        var table = TextTable(columns + [.left("INFO")])
        for session in document.sessions {
            let extra = (wide ? wideCells(session) : []) + (hasBFD ? [session.bfd.map { word($0.state) } ?? ""] : [])
            if session.isEstablished, !session.families.isEmpty {
                for family in session.families {
                    table.add(head(session) + familyCells(family) + extra + [info(family)])
                }
            } else {
                let families = session.families.map { short($0.family) }.joined(separator: ",")
                table.add(head(session) + [families, "", "", "", ""] + extra + [reason(session)])
            }
        }
        for range in document.ranges ?? [] { table.add(row(range, wideCells: (wide ? 7 : 0) + (hasBFD ? 1 : 0))) }
        return table.text + (document.drain.map { "\n" + drain($0) } ?? "")
    }

    /// A range has no state of its own: how full it is stands where a peer's remarks are.
    private static func row(_ range: RangeDocument, wideCells: Int) -> [String] {
        let families = range.families.map(short).joined(separator: ",")
        let asn = range.asn == 0 ? "external" : String(range.asn)
        return [range.name, range.range, asn, "Range", "", families, "", "", "", ""]
            + Array(repeating: "", count: wideCells)
            + ["\(range.peers) of \(range.maxPeers) peers, \(range.established) established"]
    }

    private static func head(_ session: SessionDocument) -> [String] {
        [
            session.peer, session.address, session.asn == 0 ? "external" : String(session.asn), word(session.state),
            Printable.duration(session.uptimeSeconds ?? session.sinceSeconds),
        ]
    }

    private static func familyCells(_ family: SessionFamilyDocument) -> [String] {
        guard family.negotiated else { return [short(family.family), "", "", "", ""] }
        return [short(family.family)]
            + [family.received, family.accepted, family.best, family.advertised].map { String($0) }
    }

    private static func wideCells(_ session: SessionDocument) -> [String] {
        [
            session.localAddress ?? "", session.peerRouterID ?? "", "\(session.holdTime)s",
            String(session.messagesReceived.total), String(session.messagesSent.total),
            String(session.establishedCount),
            String(session.dropCount),
        ]
    }

    /// What is remarkable about a family of a session that is up.
    private static func info(_ family: SessionFamilyDocument) -> String {
        guard family.negotiated else { return "not offered by the peer" }
        var remarks: [String] = []
        if family.rejected > 0 { remarks.append("\(family.rejected) rejected") }
        if let blocked = family.blocked { remarks.append("\(blocked) over the limit not taken") }
        if family.stale > 0 { remarks.append("\(family.stale) stale") }
        if !family.endOfRIBReceived { remarks.append("no End-of-RIB yet") }
        return remarks.joined(separator: ", ")
    }

    /// Why a session is down, in words, and what is kept of it.
    private static func reason(_ session: SessionDocument) -> String {
        [cause(session), session.kept.map(words) ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private static func words(_ kept: KeptPathsDocument) -> String {
        let time = kept.endsInSeconds.map { " for \(Printable.duration($0))" } ?? ""
        return "\(Printable.count(kept.paths, "stale path")) kept\(time)"
    }

    private static func cause(_ session: SessionDocument) -> String {
        guard !session.isEstablished else { return "no families" }
        if let shutdown = session.shutdown { return words(shutdown) }
        if let waiting = session.waiting { return "waiting: \(waiting)" }
        guard let error = session.lastError else {
            guard session.state != .shutDown else { return "shut down on this side" }
            return session.passive ? "waiting for the peer to connect" : ""
        }
        let now = "\(words(error)) (\(Printable.duration(error.secondsAgo)) ago)"
        // Why it went down says more than why it does not come up.
        guard let reason = session.lastNotification, reason.text != error.text, session.establishedCount > 0 else {
            return now
        }
        return "\(words(reason)) (\(Printable.duration(reason.secondsAgo)) ago); now \(now)"
    }

    private static func words(_ shutdown: ShutdownDocument) -> String {
        let who = shutdown.by == .configuration ? "shut down by the configuration" : "shut down by an operator"
        return who + (shutdown.message.map { ": \"\($0)\"" } ?? "")
    }

    /// The error in words. A text that names the NOTIFICATION itself says who sent it, too.
    private static func words(_ error: SessionErrorDocument) -> String {
        switch error.direction {
        case _ where error.text.hasPrefix("NOTIFICATION"): error.text
        case .received: "peer said: \(error.text)"
        case .sent: "we said: \(error.text)"
        case .local: error.text
        }
    }

    static func word(_ state: SessionStateDocument) -> String {
        switch state {
        case .shutDown: "Idle (admin)"
        case .idle: "Idle"
        case .connect: "Connect"
        case .active: "Active"
        case .openSent: "OpenSent"
        case .openConfirm: "OpenConfirm"
        case .established: "Established"
        }
    }

    /// `ipv4` for `ipv4-unicast`: there is no other kind.
    private static func short(_ family: String) -> String {
        family.hasSuffix("-unicast") ? String(family.dropLast(8)) : family
    }
}

// MARK: - One session

extension Render {
    /// `martletctl session PEER`: everything about a peer.
    package static func session(_ session: SessionDocument) -> String {
        [
            Printable.text(
                "Peer \(session.peer), AS \(asNumber(session)), \(session.external ? "external" : "internal")")
                + "\n",
            facts(session), capabilities(session), families(session), messages(session),
        ].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private static func facts(_ session: SessionDocument) -> String {
        let since = Printable.duration(session.uptimeSeconds ?? session.sinceSeconds)
        let (ups, downs) = (session.establishedCount, session.dropCount)
        let history =
            ups == 0
            ? "never was up"
            : "came up \(Printable.count(ups, "time")), went down \(Printable.count(downs, "time"))"
        var facts = [("State", "\(word(session.state)) for \(since); \(history)")]
        if let waiting = session.waiting { facts.append(("Waiting", waiting)) }
        if let shutdown = session.shutdown { facts.append(("Shutdown", words(shutdown))) }
        if let bfd = session.bfd { facts.append(("BFD", words(bfd))) }
        if let kept = session.kept { facts.append(("Routes", words(kept))) }
        if let error = session.lastError { facts.append(("Last error", long(error))) }
        if let reason = session.lastNotification, reason.text != session.lastError?.text {
            facts.append(("Last NOTIFICATION", long(reason)))
        }
        facts.append(("Addresses", "\(session.localAddress ?? "any") (ours), \(session.address) (peer's)"))
        facts.append(("AS numbers", "\(session.localASN) (ours), \(asNumber(session)) (peer's)"))
        if let role = session.role { facts.append(("Role", "\(role) (ours)")) }
        if let kind = session.clientOf { facts.append(("Client", "of this \(kind)")) }
        facts.append(("Router id", session.peerRouterID ?? "not known yet"))
        if session.passive { facts.append(("Passive", "yes: we wait for the peer to connect")) }
        facts.append(("Hold time", session.holdTime == 0 ? "none" : "\(session.holdTime)s"))
        facts.append(("Keepalives", session.keepaliveTime == 0 ? "none" : "every \(session.keepaliveTime)s"))
        let timers = session.timers.map { "\($0.name) in \(Printable.duration($0.remainingSeconds))" }
        if !timers.isEmpty { facts.append(("Timers", timers.joined(separator: ", "))) }
        return lines(facts.map { (name: $0.0, value: $0.1) }, indent: "  ")
    }

    private static func asNumber(_ session: SessionDocument) -> String {
        session.asn == 0 ? "any external" : String(session.asn)
    }

    private static func long(_ error: SessionErrorDocument) -> String {
        let codes = [error.code, error.subcode].compactMap { $0.map { String($0) } }.joined(separator: "/")
        let suffix = codes.isEmpty || error.text.hasPrefix("NOTIFICATION") ? "" : " (NOTIFICATION \(codes))"
        return "\(words(error))\(suffix), \(Printable.duration(error.secondsAgo)) ago"
    }

    private static func capabilities(_ session: SessionDocument) -> String {
        let (sent, received) = (session.capabilitiesSent, session.capabilitiesReceived)
        guard !sent.isEmpty || !received.isEmpty else { return "" }
        var table = TextTable([.left("CAPABILITY"), .left("SENT"), .left("RECEIVED")], indent: "  ")
        for capability in sent + received.filter({ !sent.contains($0) }) {
            table.add([
                capability, sent.contains(capability) ? "yes" : "no", received.contains(capability) ? "yes" : "no",
            ])
        }
        return table.text
    }

    private static func families(_ session: SessionDocument) -> String {
        guard !session.families.isEmpty else { return "" }
        let hasAddPath = session.families.contains { $0.addPath != nil }
        var table = TextTable(
            [
                .left("FAMILY"), .left("NEGOTIATED"), .right("RECEIVED"), .right("ACCEPTED"), .right("REJECTED"),
                .right("BEST"), .right("ADVERTISED"), .right("STALE"), .left("END-OF-RIB"),
            ] + (hasAddPath ? [.left("ADD-PATH")] : []), indent: "  ")
        for family in session.families {
            let markers = [family.endOfRIBReceived ? "received" : nil, family.endOfRIBSent ? "sent" : nil]
            let numbers = [
                family.received, family.accepted, family.rejected, family.best, family.advertised, family.stale,
            ]
            let end = markers.compactMap { $0 }.joined(separator: ", ")
            let name = [short(family.family), family.negotiated ? "yes" : "no"]
            let addPath = hasAddPath ? [family.addPath?.rawValue ?? "no"] : []
            table.add(name + numbers.map { String($0) } + [end.isEmpty ? "none" : end] + addPath)
        }
        return table.text
    }

    private static func messages(_ session: SessionDocument) -> String {
        var table = TextTable(
            [
                .left("MESSAGES"), .right("OPEN"), .right("UPDATE"), .right("NOTIFICATION"), .right("KEEPALIVE"),
                .right("ROUTE-REFRESH"), .right("TOTAL"),
            ], indent: "  ")
        for (name, counts) in [("received", session.messagesReceived), ("sent", session.messagesSent)] {
            let numbers = [
                counts.open, counts.update, counts.notification, counts.keepalive, counts.routeRefresh, counts.total,
            ]
            table.add([name] + numbers.map { String($0) })
        }
        return table.text
    }
}
