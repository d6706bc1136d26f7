import DispatchIO
import NetTypes

extension Configuration {
    /// Keys `multihop` and `ttlSecurity` of a peer: how far away it may be.
    package enum Reach: Sendable, Equatable {
        /// Neither key: an external peer is on a link of ours, an internal one anywhere.
        case byKind
        /// Packets to the peer live for this many hops.
        case multihop(UInt8)
        /// The peer is at most this many hops away, and what comes from further is dropped (GTSM, RFC 5082).
        case secured(UInt8)
    }

    static let hopsWords = "true, or a number of hops from 1 to"

    /// Reads the two keys, which exclude each other.
    static func reach(_ section: inout ConfigurationSection) -> Reach {
        let multihop = section.value("multihop", "\(hopsWords) 255", ConfigurationValue.hops(upTo: 255, yes: 255))
        let security = section.value("ttlSecurity", "\(hopsWords) 254", ConfigurationValue.hops(upTo: 254, yes: 1))
        if let multihop, let security, multihop.value != 0, security.value != 0 {
            section.problems.error(
                multihop.mark,
                "multihop and ttlSecurity exclude each other; write the number of hops as ttlSecurity, and remove"
                    + " multihop")
        }
        if let hops = security?.value, hops != 0 { return .secured(hops) }
        if let hops = multihop?.value, hops != 0 { return .multihop(hops) }
        return .byKind
    }

    /// Reads `passwordFile`. What is wrong with the file itself keeps one peer down, not the whole agent.
    static func passwordFile(_ section: inout ConfigurationSection, inspect: (String) -> [String]) -> String? {
        let file = section.value("passwordFile", "an absolute path", ConfigurationValue.absolutePath)
        if let file { for problem in inspect(file.value) { section.problems.warning(file.mark, problem) } }
        return file?.value
    }

    /// What is wrong with a password file as it is now.
    static func passwordFileProblems(_ path: String) -> [String] {
        do throws(TCPKey.Problem) {
            _ = try TCPKey(file: path)
        } catch {
            return ["\(path) \(error); the peer stays down until then"]
        }
        guard let stamp = TCPKey.Stamp(file: path), stamp.isReadableByOthers else { return [] }
        return ["every user can read \(path); take that right away with chmod o-r"]
    }
}

extension Configuration.PeerSettings {
    /// What the peer's TCP connections are like. Unacknowledged octets end them when the hold time does.
    func tcpOptions(_ bgp: Configuration.BGPSettings) -> TCPOptions {
        let holdTime = holdTime(bgp)
        var options = TCPOptions(hopLimit: isInternal(bgp) ? 255 : 1, userTimeout: holdTime == .zero ? nil : holdTime)
        options.interface = interface
        switch reach {
        case .byKind: break
        case .multihop(let hops): options.hopLimit = hops
        case .secured(let hops):
            options.hopLimit = 255
            options.minimumHopLimit = 255 - (hops - 1)
        }
        return options
    }
}

extension ConfigurationValue {
    /// A number of hops, `true` for a usual one, `false` for 0: not set.
    static func hops(upTo limit: UInt8, yes: UInt8) -> (String) -> UInt8? {
        { text in bool(text).map { $0 ? yes : 0 } ?? integer(1...limit)(text) }
    }
}
