/// What signs a session's packets and checks the peer's: SHA-1 over the packet and a key that only the edge knows (RFC
/// 5880 section 6.7.4).
package struct PacketKey: Sendable {
    /// How often the sequence number moves.
    package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// Keyed SHA-1: with what a packet says.
        case sha1 = 4
        /// Meticulous keyed SHA-1: with every packet, so that none can be sent twice.
        case meticulousSHA1 = 5
    }

    package let kind: Kind
    /// Tells the peer which key it is.
    package let keyID: UInt8
    /// The digest of a packet, 20 octets, with the key in the place of its digest (`ControlPacket.digestRange`).
    package let digest: @Sendable (_ packet: [UInt8]) -> [UInt8]

    package init(kind: Kind, keyID: UInt8, digest: @escaping @Sendable (_ packet: [UInt8]) -> [UInt8]) {
        self.kind = kind
        self.keyID = keyID
        self.digest = digest
    }
}

/// The sequence numbers of a session (bfd.RcvAuthSeq, bfd.AuthSeqKnown and bfd.XmitAuthSeq of RFC 5880 section 6.8.1).
struct SequenceNumbers: Sendable {
    /// The last one that was received; nil: any will do.
    var received: UInt32?
    /// The last one that was sent.
    var sent: UInt32

    /// Whether a packet of that number can be a new one: a repeated one is not, nor one from far away.
    func admits(_ number: UInt32, kind: PacketKey.Kind, multiplier: UInt8) -> Bool {
        guard let received else { return true }
        let distance = number &- received
        let least: UInt32 = kind == .meticulousSHA1 ? 1 : 0
        return distance >= least && distance <= 3 * UInt32(multiplier)
    }
}
