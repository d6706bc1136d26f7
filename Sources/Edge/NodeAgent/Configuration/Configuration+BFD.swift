import BFD
import BFDSocket
import NetTypes

extension Configuration {
    /// Key `bfd` of a peer (RFC 5880 to 5883).
    package struct BFDPeerSettings: Sendable, Equatable {
        /// Between packets that we would like to send, 10 ms...60 s.
        package var transmitInterval = Duration.milliseconds(300)
        /// Between packets that we can take, 10 ms...60 s.
        package var receiveInterval = Duration.milliseconds(300)
        /// Packets that may be lost before a side finds the other gone, 1...255.
        package var multiplier: UInt8 = 3
        /// The peer has to speak first.
        package var passive = false
        /// Whether there are routers between (RFC 5883); nil: as the BGP session.
        package var multihop: Bool?
        /// What signs the packets; nil: nothing does.
        package var keySource: BFDKeySource?
    }

    /// The names of the two kinds of signatures.
    enum BFDKeyType: String, CaseIterable {
        case sha1 = "keyed-sha1"
        case meticulous = "meticulous-keyed-sha1"

        var kind: PacketKey.Kind { self == .sha1 ? .sha1 : .meticulousSHA1 }
    }

    private static let intervalWords = "a time from 10ms to 60s, such as 50ms"

    private static func interval(_ text: String) -> Duration? {
        ConfigurationValue.duration(text).flatMap { BFDSettings.intervals.contains($0) ? $0 : nil }
    }

    static func readBFD(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, inspect: (String) -> [String]
    ) {
        guard section.contains("bfd") else { return }
        var keys = section.section("bfd")
        let enabled = keys.value("enabled", ConfigurationValue.boolWords, ConfigurationValue.bool)
        var bfd = BFDPeerSettings()
        if let both = keys.value("interval", intervalWords, interval) {
            (bfd.transmitInterval, bfd.receiveInterval) = (both.value, both.value)
        }
        if let own = keys.value("transmitInterval", intervalWords, interval) { bfd.transmitInterval = own.value }
        if let own = keys.value("receiveInterval", intervalWords, interval) { bfd.receiveInterval = own.value }
        let multiplier = keys.value(
            "multiplier", "a number of packets from 1 to 255", ConfigurationValue.integer(UInt8(1)...255))
        bfd.multiplier = multiplier?.value ?? 3
        bfd.passive = keys.value("passive", ConfigurationValue.boolWords, ConfigurationValue.bool)?.value ?? false
        bfd.multihop = keys.value("multihop", ConfigurationValue.boolWords, ConfigurationValue.bool)?.value
        if keys.contains("authentication") {
            bfd.keySource = keySource(keys.section("authentication"), inspect: inspect)
        }
        keys.finish()
        if let multiplier, multiplier.value == 1 {
            section.problems.warning(
                multiplier.mark, "with a multiplier of 1 a single lost packet ends the session; write 3")
        }
        if enabled?.value ?? true, !keys.isWrongKind { peer.bfd = bfd }
    }

    private static func keySource(_ section: ConfigurationSection, inspect: (String) -> [String]) -> BFDKeySource? {
        var section = section
        let file = section.required("keyFile", "an absolute path", ConfigurationValue.absolutePath)
        let keyID = section.value("keyID", "a number from 0 to 255", ConfigurationValue.integer(UInt8(0)...255))
        let type: Located<BFDKeyType>? = section.value(
            "type", ConfigurationValue.words(BFDKeyType.self), ConfigurationValue.choice)
        section.finish()
        guard let file else { return nil }
        for problem in inspect(file.value) { section.problems.warning(file.mark, problem) }
        return BFDKeySource(
            file: file.value, keyID: keyID?.value ?? 1, kind: (type?.value ?? .meticulous).kind)
    }
}
