import DispatchIO
import Foundation
import NetTypes
import Testing

@testable import NodeAgent

/// Keys of a peer that end up in socket options.
struct TransportConfigurationTests {
    private static func load(
        _ keys: String, asn: String = "2", inspect: @escaping (String) -> [String] = { _ in [] }
    ) -> (bgp: Configuration.BGPSettings?, peer: Configuration.PeerSettings?, problems: [String]) {
        let text = "bgp: {asn: 1, peers: [\n{address: 192.0.2.1, asn: \(asn)\(keys)}]}\nfib: {enabled: false}"
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h", inspect: inspect)
        return (configuration?.bgp, configuration?.bgp.peers.first, problems.map(\.description))
    }

    private static func options(_ keys: String, asn: String = "2") throws -> TCPOptions {
        let loaded = load(keys, asn: asn)
        #expect(loaded.problems == [])
        return try #require(loaded.peer).tcpOptions(try #require(loaded.bgp))
    }

    @Test(arguments: [
        ("", "2", 1, 0), (", multihop: false, ttlSecurity: false", "2", 1, 0), ("", "internal", 255, 0),
        (", multihop: true", "2", 255, 0), (", multihop: 3", "2", 3, 0), (", multihop: 3", "internal", 3, 0),
        (", ttlSecurity: true", "2", 255, 255), (", ttlSecurity: 1", "2", 255, 255),
        (", ttlSecurity: 4", "internal", 255, 252), (", ttlSecurity: 254", "2", 255, 2),
        (", ttlSecurity: true, multihop: false", "2", 255, 255),
    ])
    func `hop limits follow from the kind of peer and its keys`(
        keys: String, asn: String, hopLimit: UInt8, minimum: UInt8
    ) throws {
        let options = try Self.options(keys, asn: asn)
        #expect(options.hopLimit == hopLimit && options.minimumHopLimit == minimum)
    }

    @Test func `keys of TCP-AO are read with their algorithm, and stand in for a password`() throws {
        let plain = try #require(Self.load(", tcpAO: {keyFile: /a}").peer)
        #expect(plain.secret == TCPSecret.Source(file: "/a", algorithm: .hmacSHA1))
        let other = try #require(Self.load(", tcpAO: {keyFile: /a, algorithm: aes-128-cmac-96}").peer)
        #expect(other.secret == TCPSecret.Source(file: "/a", algorithm: .aesCMAC))
        #expect(Self.load(", passwordFile: /k").peer?.secret == TCPSecret.Source(file: "/k"))
    }

    @Test func `unacknowledged octets end the connection when the hold time does`() throws {
        #expect(try Self.options("").userTimeout == .seconds(90))
        #expect(try Self.options(", holdTime: 9s").userTimeout == .seconds(9))
        #expect(try Self.options(", holdTime: 0").userTimeout == nil)
    }

    @Test(arguments: [
        (", multihop: 0", "f:2:40: bgp.peers[0].multihop is \"0\"; write true, or a number of hops from 1 to 255"),
        (
            ", ttlSecurity: 255",
            "f:2:43: bgp.peers[0].ttlSecurity is \"255\"; write true, or a number of hops from 1 to 254"
        ),
        (
            ", multihop: 2, ttlSecurity: true",
            "f:2:40: multihop and ttlSecurity exclude each other; write the number of hops as ttlSecurity, and remove"
                + " multihop"
        ),
        (
            ", passwordFile: /k, tcpAO: {keyFile: /a}",
            "f:2:55: passwordFile and tcpAO exclude each other; remove one of them"
        ),
        (", tcpAO: {}", "f:2:37: bgp.peers[0].tcpAO.keyFile is missing; write an absolute path"),
        (
            ", tcpAO: {keyFile: /a, algorithm: md5}",
            "f:2:62: bgp.peers[0].tcpAO.algorithm is \"md5\"; write hmac-sha-1-96, aes-128-cmac-96 or hmac-sha-256-96"
        ),
        (", passwordFile: key", "f:2:44: bgp.peers[0].passwordFile is \"key\"; write an absolute path"),
    ])
    func `wrong values`(keys: String, problem: String) { #expect(Self.load(keys).problems == [problem]) }

    @Test func `a fault of a password file is a warning at its place`() {
        let loaded = Self.load(", passwordFile: /etc/key") { ["\($0) is empty"] }
        #expect(loaded.peer?.passwordFile == "/etc/key")
        #expect(loaded.problems == ["f:2:44: warning: /etc/key is empty"])
    }

    @Test func `check looks into password files`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (file, key) = (
            folder.appendingPathComponent("martletd.yaml").path, folder.appendingPathComponent("key").path
        )
        let text = "bgp: {asn: 1, peers: [{address: 192.0.2.1, asn: 2, passwordFile: \(key)}]}\nfib: {enabled: false}\n"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        func report() -> (report: String, usable: Bool) { Configuration.check(path: file, hostname: "h") }
        #expect(report().usable)
        #expect(report().report.contains("warning: \(key) cannot be read: No such file or directory"))
        try "quux".write(toFile: key, atomically: true, encoding: .utf8)
        #expect(chmod(key, 0o644) == 0)
        #expect(report().report.contains("every user can read \(key)"))
        #expect(!report().report.contains("quux"))
        #expect(chmod(key, 0o640) == 0)
        #expect(report().report == "\(file): ok\n")
    }

    // MARK: why a peer is silent

    private func rise(_ change: (inout TCPCounters) -> Void) -> TCPCounters {
        var counters = TCPCounters()
        change(&counters)
        return counters
    }

    private func advice(
        _ rise: TCPCounters, hasPassword: Bool = false, _ options: TCPOptions = TCPOptions(), isOnLink: Bool = true
    ) -> String {
        SilenceWatch.advice(rise, hasPassword: hasPassword, options: options, isOnLink: isOnLink) ?? "none"
    }

    @Test func `counters that rise are put into words for the peers that they may concern`() {
        let wrong = rise { $0.wrongSignature = 1 }
        #expect(advice(wrong, hasPassword: true).contains("1 segment with a wrong TCP MD5 signature"))
        #expect(advice(wrong) == "none")
        let missing = rise { $0.missingSignature = 2 }
        #expect(advice(missing, hasPassword: true).contains("2 segments without a TCP MD5 signature"))
        #expect(advice(missing) == "none")
        let unexpected = rise { $0.unexpectedSignature = 3 }
        #expect(advice(unexpected).contains("set passwordFile"))
        #expect(advice(unexpected, hasPassword: true) == "none")
        let low = rise { $0.lowHopLimit = 4 }
        #expect(advice(low, TCPOptions(hopLimit: 255, minimumHopLimit: 254)).contains("hop limit below 254"))
        #expect(advice(low) == "none")
        #expect(advice(TCPCounters(), TCPOptions(hopLimit: 1), isOnLink: false).contains("multihop"))
        #expect(advice(TCPCounters(), TCPOptions(hopLimit: 2), isOnLink: false) == "none")
        #expect(advice(TCPCounters(), hasPassword: true) == "none")
    }

    @Test func `only what rose in the last half minute counts, however often one asks`() {
        let start = Instant(nanoseconds: 1_000_000_000_000)
        func failures(_ number: UInt64) -> TCPCounters { rise { $0.wrongSignature = number } }
        var watch = SilenceWatch()
        watch.restart(failures(5), at: start)
        #expect(watch.rise(to: failures(7), at: start + .seconds(10)).wrongSignature == 2)
        #expect(watch.rise(to: failures(7), at: start + .milliseconds(10_100)).wrongSignature == 2)
        #expect(watch.rise(to: failures(7), at: start + .seconds(35)).wrongSignature == 2)
        #expect(watch.rise(to: failures(7), at: start + .seconds(41)).wrongSignature == 0)
        watch.restart(nil, at: start)
        #expect(watch.rise(to: failures(9), at: start + .seconds(42)).wrongSignature == 0)
        #expect(watch.rise(to: failures(10), at: start + .seconds(43)).wrongSignature == 1)
    }
}
