import BFD
import NetTypes

/// Datagrams to a node with four BFD sessions, one after the other, between orders and the passing of time. Each step
/// begins with an octet for what happens, one for whom, one for the time that has passed, and one for a length.
func fuzzBFD(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    var scene = BFDScene()
    while !input.isAtEnd {
        let (choice, whom, wait, length) = (input.byte(), input.byte(), input.byte(), input.byte())
        let octets = Array(input.take(Int(length)))
        scene.pass(.milliseconds(Int64(wait) * 10))
        switch choice & 7 {
        case 0: scene.change(whom, octets)
        case 1: scene.setEnabled(whom, octets.first.map { $0 & 1 == 0 } ?? true)
        case 2: scene.replace(whom)
        case 3: scene.receive(whom, octets, hopLimit: choice)
        default: scene.receive(whom, scene.aimed(whom, octets), hopLimit: 255)
        }
    }
}

private struct BFDScene {
    private var table = BFDTable(seed: 7)
    private var now = Instant(nanoseconds: 0)
    private var names: [UInt32] = []

    init() { for number in 0..<4 { names.append(add(number)) } }

    /// Two are signed; of these one is over several hops.
    private mutating func add(_ number: Int) -> UInt32 {
        let address = IPAddress.v4(IPv4Address(rawValue: 0xc000_0201 + UInt32(number)))
        let target = BFDTarget(address: address, isMultihop: number == 3)
        let key = PacketKey(kind: number == 2 ? .sha1 : .meticulousSHA1, keyID: 1) { packet in
            [UInt8](repeating: packet.first ?? 0, count: 20)
        }
        return table.add(target, Self.settings(50, 3), key: number < 2 ? nil : key, at: now)
    }

    private static func settings(_ interval: Int64, _ multiplier: UInt8) -> BFDSettings {
        BFDSettings(
            desiredMinTx: .milliseconds(max(10, interval)), requiredMinRx: .milliseconds(max(10, interval)),
            multiplier: max(1, multiplier))
    }

    mutating func pass(_ time: Duration) {
        let end = now + time
        var steps = 0
        while let due = table.nextDeadline, due <= end {
            now = max(now, due)
            while let step = table.tick(at: now) {
                check(step)
                steps += 1
                mustHold(steps < 20_000, "a session has something to do for ever")
            }
        }
        now = end
    }

    mutating func change(_ whom: UInt8, _ octets: [UInt8]) {
        let (interval, multiplier) = (octets.first ?? 5, octets.dropFirst().first ?? 3)
        table.change(
            names[Int(whom) % names.count], Self.settings(Int64(interval) * 10, multiplier), key: nil, at: now)
    }

    mutating func setEnabled(_ whom: UInt8, _ isEnabled: Bool) {
        if let step = table.setEnabled(names[Int(whom) % names.count], isEnabled, at: now) { check(step) }
    }

    mutating func replace(_ whom: UInt8) {
        let number = Int(whom) % names.count
        table.remove(names[number])
        names[number] = add(number)
    }

    /// The octets, with the discriminator that finds the session, and a digest that is right.
    func aimed(_ whom: UInt8, _ octets: [UInt8]) -> [UInt8] {
        var octets = octets
        guard octets.count >= 24 else { return octets }
        octets[0] = octets[0] & 0x1f | 0x20
        octets[1] &= 0xfe
        let name = names[Int(whom) % names.count]
        for place in 0..<4 { octets[8 + place] = UInt8(truncatingIfNeeded: name >> UInt32(24 - 8 * place)) }
        if octets.count >= 52, whom & 0x80 != 0 {
            (octets[3], octets[24], octets[25], octets[26]) = (52, whom & 1 == 0 ? 4 : 5, 28, 1)
            octets[1] |= 4
            for place in ControlPacket.digestRange { octets[place] = octets[0] }
        }
        return octets
    }

    mutating func receive(_ whom: UInt8, _ octets: [UInt8], hopLimit: UInt8) {
        let number = Int(whom) % names.count
        let arrival = BFDArrival(
            source: .v4(IPv4Address(rawValue: 0xc000_0201 + UInt32(number))),
            destination: .v4(IPv4Address(rawValue: 0xc000_020a)), interface: 2, hopLimit: hopLimit,
            isMultihop: number == 3)
        if let packet = try? ControlPacket.decode(octets.span.bytes) { checkOctets(packet) }
        if let step = table.receive(octets.span.bytes, arrival, at: now) { check(step) }
        for name in names { mustHold(table.session(name) != nil, "a session is gone") }
    }

    private func checkOctets(_ packet: ControlPacket) {
        var writer = ByteWriter()
        packet.encode(into: &writer)
        guard packet.authentication.map({ $0.type == 4 || $0.type == 5 }) ?? true else { return }
        let again = try? ControlPacket.decode(writer.bytes.span.bytes)
        mustHold(again == packet, "a packet that was read is not written as it was")
    }

    private func check(_ step: BFDTable.Step) {
        guard let octets = step.packet else { return }
        guard let packet = try? ControlPacket.decode(octets.span.bytes) else {
            return mustHold(false, "what is sent is no packet")
        }
        mustHold(packet.discriminator == step.discriminator, "a packet names another session")
        mustHold(!(packet.poll && packet.final), "a packet asks and answers")
        let state = table.session(step.discriminator)?.state
        mustHold(packet.state == state, "a packet says another state")
        mustHold(packet.state == .up || packet.desiredMinTx >= 1_000_000, "not up, and not slow")
    }
}
