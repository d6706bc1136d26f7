import BGPSession
import BGPWire
import NetTypes
import RIB
import Testing

@testable import BGPSpeaker

/// A whole speaker with the session machines of its peers and a moved clock. Every event goes in as octets and comes
/// out as lines: what the peers are sent, read as they read it, and what the kernel is told. A test then reads like the
/// transcript of a procedure.
final class Scene {
    private struct Side {
        let id: PeerID
        let capabilities: [Capability]
        let routerID: UInt32
        var machine: Peer
        var connection = ConnectionID(rawValue: 0)
        /// What arrives here, and what arrives there.
        var here = Framer()
        var there = Framer()
        var negotiated: Negotiated?
    }

    private var speaker: Speaker
    private var sides: [String: Side] = [:]
    private var names: [String] = []
    private var now = Instant.seconds(0)
    private var lines: [String] = []
    private let localAS: UInt32
    /// Attributes of announcements are listed by code, as they stand on the wire.
    var listsCodes = false
    /// Octets of the longest UPDATE that each peer was sent.
    private(set) var longest: [String: Int] = [:]

    init(as number: UInt32 = 64601, own: [String] = []) {
        localAS = number
        let prefixes = own.map(cidr)
        var policy = ImportPolicy.test(number, routerID: 1, own: prefixes)
        policy.clusterCIDRs = [cidr("10.0.0.0/8"), cidr("fd00::/16")]
        speaker = Speaker(policy: policy, seed: 1, at: now)
        speaker.originate(Set(prefixes), at: now)
    }

    /// Adds a peer that imports and is told everything; its OPEN has both families and `capabilities`.
    func add(
        _ name: String, as number: UInt32, _ capabilities: [Capability] = [], wide: Bool = true,
        _ configure: (inout PeerConfiguration, inout SpeakerPeer) -> Void = { _, _ in }
    ) {
        names.append(name)
        let place = UInt32(names.count)
        let address = ip("192.0.2.\(place)")
        var configuration = PeerConfiguration(
            name: name, address: address, remoteAS: asn(number), localAS: asn(localAS),
            routerID: RouterID(rawValue: 0x0a00_0001), gracefulRestart: nil)
        var peer = SpeakerPeer(
            name: name, address: address, asNumber: asn(number), isExternal: number != localAS, importMode: .all,
            exportMode: .all)
        configure(&configuration, &peer)
        let both: [Capability] = [.multiprotocol(.ipv4), .multiprotocol(.ipv6), .routeRefresh]
        sides[name] = Side(
            id: speaker.addPeer(peer), capabilities: both + (wide ? [.fourOctetAS(asn(number))] : []) + capabilities,
            routerID: 0x0a00_0001 + place, machine: Peer(configuration, seed: UInt64(place)))
    }

    /// Whether every peer is up and has sent its End-of-RIB.
    var isConverged: Bool { speaker.isConverged }
    var hasHeardAll: Bool { speaker.hasHeardAll }

    // MARK: events

    /// The whole way up; `capabilities` in place of those that it was added with.
    func up(_ name: String, _ capabilities: [Capability]? = nil) -> [String] {
        change(name) { side in
            (side.here, side.there) = (Framer(), Framer())
            // We call at first; afterwards the peer does.
            guard side.machine.status(at: now).establishedCount > 0 else { return side.machine.start(at: now) }
            let (connection, actions) = side.machine.accepted(at: now)
            side.connection = connection
            return actions
        }
        if sides[name]?.machine.status(at: now).state == .connect {
            change(name) { $0.machine.connected($0.connection, at: now) }
        }
        guard let side = sides[name] else { return [] }
        let number = side.machine.configuration.remoteAS
        let open = Open(
            autonomousSystem: UInt16(exactly: number.rawValue) ?? 23456, holdTime: 90,
            routerID: RouterID(rawValue: side.routerID), capabilities: capabilities ?? side.capabilities)
        hear(.open(open), name)
        if sides[name]?.machine.status(at: now).state == .openConfirm { hear(.keepalive, name) }
        return settle()
    }

    /// The peer says these.
    func says(_ name: String, _ messages: Message...) -> [String] {
        for message in messages { hear(message, name) }
        return settle()
    }

    /// The peer announces prefixes of one family.
    func announces(
        _ name: String, _ prefixes: [String], path: [UInt32]? = nil, id: UInt32 = 0,
        _ change: (inout AttributeFields) -> Void = { _ in }
    ) -> [String] {
        var fields = AttributeFields()
        let number = sides[name]?.machine.configuration.remoteAS.rawValue ?? 0
        fields.asPath = ASPath([.init(kind: 2, numbers: (path ?? [number]).map(asn))])
        change(&fields)
        let place = (names.firstIndex(of: name) ?? 0) + 1
        let hop = prefixes.first?.contains(":") == true ? "2001:db8::\(place)" : "192.0.2.\(place)"
        var announcement = Announcement(
            attributes: PathAttributes(fields, nextHop: ip(hop)), prefixes: prefixes.map(cidr))
        if id != 0 { announcement.pathIDs = prefixes.map { _ in id } }
        return says(name, .update(Update(announced: [announcement])))
    }

    func withdraws(_ name: String, _ prefixes: [String], id: UInt32 = 0) -> [String] {
        var update = Update()
        update.withdrawn = prefixes.map(cidr)
        if id != 0 { update.withdrawnIDs = prefixes.map { _ in id } }
        return says(name, .update(update))
    }

    func endsRIB(_ name: String, _ families: AddressFamily...) -> [String] {
        for family in families { hear(.update(Update(endOfRIB: family)), name) }
        return settle()
    }

    /// The peer's TCP connection is reset.
    func loses(_ name: String) -> [String] {
        change(name) { $0.machine.closed($0.connection, reason: "connection reset by peer", at: now) }
        return settle()
    }

    /// The session ends as an operator of ours wants it.
    func stops(_ name: String, _ notification: NotificationMessage) -> [String] {
        change(name) { $0.machine.stop(notification, at: now) }
        return settle()
    }

    func asksForRefresh(_ name: String, _ family: AddressFamily) -> [String] {
        change(name) { $0.machine.requestRefresh(family) }
        return settle()
    }

    /// We have restarted, and wait for the peers' tables; or do so no longer.
    func defers(_ isDeferring: Bool) -> [String] {
        speaker.isDeferring = isDeferring
        return settle()
    }

    func restarted(_ name: String, _ state: RestartState) { sides[name]?.machine.restartState = state }

    func farewell(_ step: Farewell) -> [String] {
        speaker.setFarewell(step)
        return settle()
    }

    /// Time passes for stale paths; sessions stay up.
    func wait(until seconds: Int64) -> [String] {
        while let deadline = speaker.nextDeadline, deadline <= .seconds(seconds) {
            now = max(now, deadline)
            speaker.expireRetained(at: now)
        }
        now = .seconds(seconds)
        return settle()
    }

    // MARK: what happens

    private func change(_ name: String, _ event: (inout Side) -> [PeerAction]) {
        guard var side = sides[name] else { return }
        let actions = event(&side)
        sides[name] = side
        perform(actions, name)
    }

    private func hear(_ message: Message, _ name: String) {
        guard let side = sides[name] else { return }
        let context = side.machine.decodeContext(on: side.connection)
        var writer = ByteWriter()
        message.encode(into: &writer, in: context)
        change(name) { side in
            side.here.adopt(context)
            side.here.append(writer.bytes)
            return []
        }
        while read(name) {}
    }

    /// Takes in one message that has arrived.
    private func read(_ name: String) -> Bool {
        guard var side = sides[name] else { return false }
        let connection = side.connection
        do throws(NotificationMessage) {
            let message = try side.here.nextMessage(in: side.machine.decodeContext(on: connection))
            sides[name] = side
            guard let message else { return false }
            change(name) { $0.machine.received(message, on: connection, at: now) }
            return true
        } catch {
            change(name) { $0.machine.malformed(error, on: connection, at: now) }
            return false
        }
    }

    private func perform(_ actions: [PeerAction], _ name: String) {
        guard let id = sides[name]?.id else { return }
        for action in actions {
            switch action {
            case .connect(let connection): sides[name]?.connection = connection
            case .send(_, let message): lines.append("to \(name): \(short(message))")
            case .established(_, let negotiated):
                sides[name]?.negotiated = negotiated
                lines.append("\(name) is up: \(words(negotiated))")
                speaker.established(
                    id, negotiated, SessionAddresses(ipv4: ip("192.0.2.10"), ipv6: ip("2001:db8::10")), at: now)
            case .deliver(_, let update): speaker.receive([update], from: id, at: now)
            case .refresh(let family): speaker.refresh(family, for: id)
            case .refreshBegan(let family): speaker.refreshBegan(family, from: id, at: now)
            case .refreshEnded(let family): speaker.refreshEnded(family, from: id)
            case .down(let reason):
                sides[name]?.negotiated = nil
                lines.append("\(name) is down: \(reason.text)\(reason.keepsRoutes ? ", routes are kept" : "")")
                speaker.down(id, keepsRoutes: reason.keepsRoutes, at: now)
            case .close, .stateChanged: break
            }
        }
    }

    /// Everything that follows, in lines.
    private func settle() -> [String] {
        while !speaker.isQuiet {
            speaker.work(limit: 5000)
            for change in speaker.takeChanges(limit: 5000, describing: true) { lines.append(words(change)) }
            for name in names {
                guard let side = sides[name], side.negotiated != nil else { continue }
                tell(speaker.takeMessages(for: side.id, limit: 5000), name)
            }
        }
        defer { lines = [] }
        return lines
    }

    private func tell(_ bytes: [UInt8], _ name: String) {
        guard var context = sides[name]?.negotiated?.decodeContext, let negotiated = sides[name]?.negotiated else {
            return
        }
        context.pathIDs = negotiated.pathIDsSent
        context.extendedNextHop = negotiated.extendedNextHop
        var rest = bytes[...]
        while rest.count >= Framer.headerLength {
            let length = Int(rest[rest.startIndex + 16]) << 8 | Int(rest[rest.startIndex + 17])
            longest[name] = max(longest[name, default: 0], length)
            rest = rest.dropFirst(max(Framer.headerLength, length))
        }
        sides[name]?.there.adopt(context)
        sides[name]?.there.append(bytes)
        do {
            while let message = try sides[name]?.there.nextMessage(in: context) {
                guard case .update(let update) = message else {
                    lines.append("to \(name): \(short(message))")
                    continue
                }
                let codes = listsCodes && !update.announced.isEmpty ? " \(Self.codes(bytes))" : ""
                for line in words(update) { lines.append("to \(name): \(line)\(codes)") }
            }
        } catch {
            Issue.record("\(name) could not read our octets: \(error)")
        }
    }

    // MARK: words

    private func short(_ message: Message) -> String {
        switch message {
        case .open(let open): "OPEN" + restart(open)
        case .keepalive: "KEEPALIVE"
        case .update: "UPDATE"
        case .notification(let notification): "\(notification)"
        case .routeRefresh(let refresh): "\(refresh)"
        }
    }

    /// What an OPEN says of the restart of its sender.
    private func restart(_ open: Open) -> String {
        for case .gracefulRestart(let restart) in open.capabilities {
            let kept = AddressFamily.allCases.filter { family in
                restart.families.contains { $0.afi == family.afi && $0.forwardingPreserved }
            }
            let names = kept.map { "\($0)" }.joined(separator: "+")
            return (restart.restarted ? ", restarted" : "")
                + (kept.isEmpty ? "" : ", forwarding of \(names) kept")
        }
        return ""
    }

    private func words(_ negotiated: Negotiated) -> String {
        func list(_ families: FamilySet) -> String { families.families.map { "\($0)" }.joined(separator: "+") }
        var words = [list(negotiated.families)]
        if !negotiated.fourOctetAS { words.append("two-octet AS") }
        if negotiated.extendedMessages { words.append("extended messages") }
        if negotiated.enhancedRouteRefresh { words.append("enhanced refresh") }
        if !negotiated.extendedNextHop.isEmpty { words.append("IPv6 next hops") }
        if !negotiated.pathIDsReceived.isEmpty { words.append("paths from it: \(list(negotiated.pathIDsReceived))") }
        if !negotiated.pathIDsSent.isEmpty { words.append("paths to it: \(list(negotiated.pathIDsSent))") }
        if negotiated.gracefulRestart { words.append("graceful restart") }
        if negotiated.gracefulNotification { words.append("N bit") }
        if negotiated.peerLongLived != nil { words.append("long-lived") }
        return words.joined(separator: ", ")
    }

    private func words(_ change: LocRIBChange) -> String {
        guard let best = change.best else { return "kernel: -\(change.prefix)" }
        let hops = best.nextHops.map { "\($0.address)" }.joined(separator: ", ")
        return "kernel: +\(change.prefix) \(hops.isEmpty ? "of this node" : "via \(hops)")"
    }

    private func words(_ update: Update) -> [String] {
        var lines = update.withdrawn.enumerated().map { index, prefix in
            "-\(prefix)" + (update.withdrawnIDs.isEmpty ? "" : " path \(update.withdrawnIDs[index])")
        }
        for announcement in update.announced {
            let fields = AttributeFields(announcement.attributes)
            var marks = ["[\(fields.asPath)]", "via \(announcement.attributes.nextHop)"]
            if let med = fields.med { marks.append("med \(med)") }
            if let localPref = fields.localPref { marks.append("local-pref \(localPref)") }
            marks += fields.communities.map { Community(rawValue: $0).description }
            if let number = fields.onlyToCustomer { marks.append("only-to-customer \(number)") }
            for (index, prefix) in announcement.prefixes.enumerated() {
                let id = announcement.pathIDs.isEmpty ? "" : " path \(announcement.pathIDs[index])"
                lines.append("+\(prefix)\(id) \(marks.joined(separator: " "))")
            }
        }
        if let family = update.endOfRIB { lines.append("End-of-RIB \(family)") }
        return lines
    }

    /// Codes of the attributes in the first UPDATE of a stream.
    private static func codes(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes.dropFirst(19)[...]
        func short() -> Int { Int(rest.popFirst() ?? 0) << 8 | Int(rest.popFirst() ?? 0) }
        let withdrawn = short()
        rest = rest.dropFirst(withdrawn)
        let count = short()
        rest = rest.prefix(count)
        var codes: [UInt8] = []
        while let flags = rest.popFirst(), let code = rest.popFirst() {
            codes.append(code)
            let length = flags & 0x10 == 0 ? Int(rest.popFirst() ?? 0) : short()
            rest = rest.dropFirst(length)
        }
        return codes
    }
}
