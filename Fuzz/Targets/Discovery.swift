import NeighborDiscovery
import NetTypes

/// Messages of routers, one after the other, on a link that goes up and down meanwhile. Each begins with an octet for
/// what happens, one for who sends it, one for the time that has passed, and one for its length.
func fuzzDiscovery(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    var link = LinkDiscovery(seed: 7)
    var now = Instant(nanoseconds: 0)
    var isUp = false
    while !input.isAtEnd {
        let (choice, sender, wait, length) = (input.byte(), input.byte(), input.byte(), input.byte())
        now = now + .milliseconds(Int64(wait) * 100)
        let source = IPv6Address(rawValue: (sender & 1 == 0 ? 0xfe80 : 0x2001) << 112 | UInt128(sender))
        let octets = Array(input.take(Int(length)))
        check(link.tick(at: now), isUp)
        switch choice & 7 {
        case 0:
            isUp = false
            check(link.down(), isUp)
        case 1:
            isUp = true
            check(link.up(MACAddress(rawValue: UInt64(sender)), at: now), isUp)
        case 2: check(link.learned(source, at: now), isUp)
        default:
            let message = try? RouterMessage.decode(
                octets.span.bytes, from: source, hopLimit: choice & 8 == 0 ? 255 : Int(choice))
            guard let message else { continue }
            let again = try? RouterMessage.decode(message.encoded.span.bytes, from: source, hopLimit: 255)
            mustHold(again == message, "a message that was read is not written as it was")
            check(link.received(message, from: source, at: now), isUp)
        }
        mustHold(isUp || link.neighbor == nil && link.nextDeadline == nil, "a link that is down knows somebody")
        mustHold(!isUp || link.nextDeadline != nil, "a link that is up does not advertise")
    }
}

private func check(_ actions: [LinkDiscovery.Action], _ isUp: Bool) {
    for case .send(let message, _) in actions {
        mustHold(isUp, "sent over a link that is down")
        guard case .advertisement(let advertisement) = message else { continue }
        mustHold(advertisement.lifetime == 0, "somebody takes us for a default gateway")
    }
}
