import NetTypes

/// A BFD control packet (RFC 5880 section 4.1) without the digest of its authentication section, which belongs to its
/// octets.
package struct ControlPacket: Hashable, Sendable, BitwiseCopyable {
    package var diagnostic = Diagnostic.none
    package var state: BFDState
    /// The sender wants an answer with `final`.
    package var poll = false
    /// The answer to a `poll`.
    package var final = false
    /// C: the sender's BFD goes on when its routing process does not.
    package var isIndependent = false
    /// D: the sender wants no more packets while the session is Up.
    package var demand = false
    /// Detection time multiplier, 1...255.
    package var multiplier: UInt8
    /// Names the session at its sender; never 0.
    package var discriminator: UInt32
    /// The same at its receiver; 0: not known yet.
    package var peerDiscriminator: UInt32
    /// Microseconds between packets that the sender would like to send.
    package var desiredMinTx: UInt32
    /// Microseconds between packets that the sender can take; 0: none.
    package var requiredMinRx: UInt32
    /// The same of echo packets; 0: it reflects none.
    package var requiredMinEchoRx: UInt32 = 0
    package var authentication: Authentication?

    /// The authentication section (RFC 5880 sections 4.2 to 4.4).
    package struct Authentication: Hashable, Sendable, BitwiseCopyable {
        /// 4 and 5 are keyed SHA-1 and meticulous keyed SHA-1; of others nothing but the type is known.
        package let type: UInt8
        package let keyID: UInt8
        package let sequence: UInt32

        package init(type: UInt8, keyID: UInt8, sequence: UInt32) {
            (self.type, self.keyID, self.sequence) = (type, keyID, sequence)
        }
    }

    package init(
        state: BFDState, multiplier: UInt8, discriminator: UInt32, peerDiscriminator: UInt32, desiredMinTx: UInt32,
        requiredMinRx: UInt32
    ) {
        self.state = state
        self.multiplier = multiplier
        self.discriminator = discriminator
        self.peerDiscriminator = peerDiscriminator
        self.desiredMinTx = desiredMinTx
        self.requiredMinRx = requiredMinRx
    }

    /// Why octets are no packet (the checks of RFC 5880 section 6.8.6 that need no session).
    package enum Flaw: Error, Hashable, Sendable, CaseIterable {
        case version, length, multiplier, multipoint, discriminator, peerDiscriminator, authentication
    }
}

// MARK: - Octets

extension ControlPacket {
    /// Octets without authentication.
    package static let length = 24
    /// Octets of a SHA-1 authentication section, and where its digest begins in the packet.
    package static let authenticationLength = 28
    package static let digestRange = 32..<52
    static let sha1Types: ClosedRange<UInt8> = 4...5

    private enum Flag {
        static let poll: UInt8 = 0x20
        static let final: UInt8 = 0x10
        static let independent: UInt8 = 0x08
        static let authenticated: UInt8 = 0x04
        static let demand: UInt8 = 0x02
        static let multipoint: UInt8 = 0x01
    }

    /// Reads the payload of a datagram; what follows the packet's own length is not looked at.
    package static func decode(_ bytes: RawSpan) throws(Flaw) -> Self {
        guard bytes.byteCount >= length else { throw .length }
        do {
            var cursor = ByteCursor(bytes)
            let first = try cursor.byte(bytes)
            let second = try cursor.byte(bytes)
            let multiplier = try cursor.byte(bytes)
            let octets = Int(try cursor.byte(bytes))
            guard first >> 5 == 1 else { throw Flaw.version }
            let isAuthenticated = second & Flag.authenticated != 0
            guard octets >= length + (isAuthenticated ? 2 : 0), octets <= bytes.byteCount else { throw Flaw.length }
            guard multiplier != 0 else { throw Flaw.multiplier }
            guard second & Flag.multipoint == 0 else { throw Flaw.multipoint }
            let discriminator = try cursor.integer(UInt32.self, bytes)
            let peer = try cursor.integer(UInt32.self, bytes)
            guard discriminator != 0 else { throw Flaw.discriminator }
            guard let state = BFDState(rawValue: second >> 6) else { throw Flaw.length }
            guard peer != 0 || state == .down || state == .adminDown else { throw Flaw.peerDiscriminator }
            var packet = Self(
                state: state, multiplier: multiplier, discriminator: discriminator, peerDiscriminator: peer,
                desiredMinTx: try cursor.integer(UInt32.self, bytes),
                requiredMinRx: try cursor.integer(UInt32.self, bytes))
            packet.requiredMinEchoRx = try cursor.integer(UInt32.self, bytes)
            packet.diagnostic = Diagnostic(rawValue: first)
            packet.poll = second & Flag.poll != 0
            packet.final = second & Flag.final != 0
            packet.isIndependent = second & Flag.independent != 0
            packet.demand = second & Flag.demand != 0
            if isAuthenticated { packet.authentication = try authentication(bytes, &cursor, octets) }
            return packet
        } catch let flaw as Flaw {
            throw flaw
        } catch {
            throw .length
        }
    }

    /// RFC 5880 section 6.7.4: a SHA-1 section has a length of its own, and lies in the packet.
    private static func authentication(
        _ bytes: RawSpan, _ cursor: inout ByteCursor, _ octets: Int
    ) throws -> Authentication {
        let type = try cursor.byte(bytes)
        let sectionLength = Int(try cursor.byte(bytes))
        guard sectionLength >= 2, length + sectionLength <= octets else { throw Flaw.authentication }
        guard sha1Types.contains(type) else { return Authentication(type: type, keyID: 0, sequence: 0) }
        guard sectionLength == authenticationLength else { throw Flaw.authentication }
        let keyID = try cursor.byte(bytes)
        _ = try cursor.byte(bytes)
        return Authentication(type: type, keyID: keyID, sequence: try cursor.integer(UInt32.self, bytes))
    }

    /// Appends the packet; a SHA-1 digest is left as 20 octets of zero at `digestRange`.
    package func encode(into writer: inout ByteWriter) {
        let section = authentication.map { Self.sha1Types.contains($0.type) ? Self.authenticationLength : 2 } ?? 0
        writer.byte(1 << 5 | diagnostic.rawValue)
        var flags = state.rawValue << 6
        if poll { flags |= Flag.poll }
        if final { flags |= Flag.final }
        if isIndependent { flags |= Flag.independent }
        if authentication != nil { flags |= Flag.authenticated }
        if demand { flags |= Flag.demand }
        writer.byte(flags)
        writer.byte(multiplier)
        writer.byte(UInt8(Self.length + section))
        for value in [discriminator, peerDiscriminator, desiredMinTx, requiredMinRx, requiredMinEchoRx] {
            writer.integer(value)
        }
        guard let authentication else { return }
        writer.byte(authentication.type)
        writer.byte(UInt8(section))
        guard section == Self.authenticationLength else { return }
        writer.byte(authentication.keyID)
        writer.byte(0)
        writer.integer(authentication.sequence)
        for _ in Self.digestRange { writer.byte(0) }
    }
}
