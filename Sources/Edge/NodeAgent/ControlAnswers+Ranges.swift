import ControlAPI

/// Ranges of addresses: they have no session of their own, but an operator looks for them among the sessions.
extension ControlAnswers {
    /// All sessions, and the ranges that some of them came from.
    func allSessions() async -> SessionsDocument {
        let peers = await agent.peers
        var document = SessionsDocument(sessions: await sessions(peers), drain: await farewell())
        let ranges = await agent.configuration.bgp.peers.filter(\.isRange)
        guard !ranges.isEmpty else { return document }
        let states = zip(peers, document.sessions)
        document.ranges = ranges.map { range in
            let own = states.filter { $0.0.template == range }
            return RangeDocument(
                name: range.name, range: range.location.description, asn: range.asn.rawValue, peers: own.count,
                established: own.filter { $0.1.isEstablished }.count, maxPeers: Int(range.maxPeers),
                families: range.families.map { "\($0)-unicast" })
        }
        return document
    }

    /// Nobody of that name is a peer; a range is something else.
    func unknownPeer(_ name: String) async -> ControlReply {
        let peers = await agent.peers
        let ranges = await agent.configuration.bgp.peers.filter(\.isRange)
        if let range = ranges.first(where: { $0.name == name }) {
            let names = peers.filter { $0.template == range }.map(\.settings.name).joined(separator: ", ")
            return .error(
                status: 404,
                message: "\(name) is a range of addresses, not a peer; "
                    + (names.isEmpty ? "nobody has called from it" : "its peers are: \(names)"))
        }
        let names = peers.map(\.settings.name).joined(separator: ", ")
        return .error(
            status: 404, message: "no peer \(name) is configured; configured are: \(names.isEmpty ? "none" : names)")
    }
}
