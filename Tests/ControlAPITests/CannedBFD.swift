import ControlAPI

extension Canned {
    /// One that is up over one hop, one that has failed, one that never was heard.
    static var bfd: BFDDocument {
        var up = BFDSessionDocument(
            peer: "tor-a", address: "192.0.2.1", state: .up, discriminator: 17, multiplier: 3)
        (up.sinceSeconds, up.transmitMilliseconds, up.detectionMilliseconds) = (7265, 50, 150)
        (up.peerState, up.peerDiscriminator, up.peerMultiplier) = (.up, 99, 3)
        (up.peerTransmitMilliseconds, up.peerReceiveMilliseconds, up.ups) = (50, 12.5, 2)
        (up.downs, up.packetsReceived, up.packetsSent, up.authentication) = (1, 1200, 1201, "keyed-sha1")
        var failed = BFDSessionDocument(
            peer: "tor-b", address: "2001:db8::1", state: .down, discriminator: 18, multiplier: 3)
        (failed.sinceSeconds, failed.transmitMilliseconds, failed.multihop) = (3, 1000, true)
        (failed.ups, failed.downs, failed.lastDownSecondsAgo) = (1, 1, 3)
        failed.lastDown = "nothing was received for the detection time"
        var quiet = BFDSessionDocument(
            peer: "tor-c", address: "fe80::1%3", state: .down, discriminator: 19, multiplier: 3)
        (quiet.sinceSeconds, quiet.transmitMilliseconds) = (61, 1500)
        return BFDDocument(sessions: [up, failed, quiet], realTime: true, malformed: 0, strangers: 2)
    }
}
