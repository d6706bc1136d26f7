import BFDSocket
import NetTypes
import Testing

@testable import NodeAgent

@Suite struct BFDConfigurationTests {
    private func load(_ bfd: String) -> (Configuration?, [String]) {
        let text = """
            node: {name: n, routerID: 192.0.2.1, podCIDRs: [10.244.1.0/24]}
            clusterCIDRs: [10.244.0.0/16]
            bgp:
              asn: 64601
              peers:
                - {name: tor, address: 192.0.2.2, asn: 65001, \(bfd)}
            """
        let (configuration, problems) = Configuration.load(text: text, file: "f", hostname: "h")
        return (configuration, problems.map(\.description))
    }

    private func settings(_ bfd: String) throws -> Configuration.BFDPeerSettings {
        let (configuration, problems) = load(bfd)
        return try #require(configuration?.bgp.peers.first?.bfd, "\(problems)")
    }

    @Test func `every key is read, and the defaults are those of FRR`() throws {
        #expect(try settings("bfd: {}") == Configuration.BFDPeerSettings())
        let usual = try settings("bfd: { interval: 50ms, multiplier: 4 }")
        #expect(usual.transmitInterval == .milliseconds(50) && usual.receiveInterval == .milliseconds(50))
        #expect(usual.multiplier == 4 && !usual.passive && usual.multihop == nil && usual.keySource == nil)
        let all = try settings(
            "bfd: {interval: 1s, transmitInterval: 10ms, receiveInterval: 20ms, passive: true, multihop: true, "
                + "authentication: {keyFile: /etc/key, keyID: 9, type: keyed-sha1}}")
        #expect(all.transmitInterval == .milliseconds(10) && all.receiveInterval == .milliseconds(20))
        #expect(all.passive && all.multihop == true)
        #expect(all.keySource == BFDKeySource(file: "/etc/key", keyID: 9, kind: .sha1))
        let signed = try settings("bfd: {authentication: {keyFile: /etc/key}}")
        #expect(signed.keySource == BFDKeySource(file: "/etc/key", keyID: 1, kind: .meticulousSHA1))
        #expect(try #require(load("bfd: {enabled: false, interval: 50ms}").0).bgp.peers[0].bfd == nil)
    }

    @Test(arguments: [
        ("bfd: {interval: 9ms}", "bfd.interval is \"9ms\"; write a time from 10ms to 60s, such as 50ms"),
        ("bfd: {transmitInterval: 61s}", "bfd.transmitInterval is \"61s\"; write a time from 10ms to 60s"),
        ("bfd: {multiplier: 0}", "bfd.multiplier is \"0\"; write a number of packets from 1 to 255"),
        ("bfd: {multiplier: 1}", "warning: with a multiplier of 1 a single lost packet ends the session; write 3"),
        ("bfd: true", "bfd must be a mapping; write lines of KEY: VALUE"),
        ("bfd: {intervall: 1s}", "did you mean \"interval\"?"),
        ("bfd: {authentication: {keyID: 1}}", "bfd.authentication.keyFile is missing; write an absolute path"),
        ("bfd: {authentication: {keyFile: /k, type: md5}}", "write keyed-sha1 or meticulous-keyed-sha1"),
    ])
    func `a problem says what to write`(bfd: String, problem: String) {
        let problems = load(bfd).1
        #expect(problems.count == 1 && problems.first?.contains(problem) == true, "\(problems)")
    }

    @Test func `another BFD is no other session`() throws {
        let with = try #require(load("bfd: {}").0), without = try #require(load("passive: false").0)
        #expect(with.bgp.peers[0] != without.bgp.peers[0])
        #expect(with.bgp.peers[0].isSameSession(as: without.bgp.peers[0]))
    }
}
