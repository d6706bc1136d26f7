import Foundation
import NetTypes
import NodeAgent
import Testing

struct ConfigurationTests {
    private static func load(_ text: String) throws -> Configuration {
        let (configuration, problems) = Configuration.load(text: text, file: "t.yaml", hostname: "host-1")
        #expect(problems.map(\.description) == [])
        return try #require(configuration)
    }

    private static func prefixes(_ texts: String...) throws -> [Prefix] { try texts.map { try #require(Prefix($0)) } }

    @Test func `the least that a node needs gets every default`() throws {
        let configuration = try Self.load("bgp: {asn: 64601}")
        #expect(configuration.node.name == "host-1")
        #expect(configuration.node.routerID == nil)
        #expect(configuration.node.podCIDRs == [])
        #expect(configuration.node.stateDir == "/run/martlet")
        #expect(configuration.clusterCIDRs == [])
        #expect(configuration.control.socket == "/run/martlet/martletd.sock")
        #expect(configuration.bgp.asn == ASNumber(rawValue: 64601))
        #expect(configuration.bgp.listenPort == 179)
        #expect(configuration.bgp.listenAddress == nil)
        #expect(configuration.bgp.holdTime == .seconds(90))
        #expect(configuration.bgp.keepaliveTime == nil)
        #expect(configuration.bgp.connectRetryTime == .seconds(5))
        #expect(configuration.bgp.gracefulRestart.enabled)
        #expect(configuration.bgp.gracefulRestart.restartTime == .seconds(120))
        #expect(configuration.bgp.gracefulRestart.deferralTime == .seconds(30))
        #expect(configuration.bgp.clusterID == nil)
        #expect(configuration.bgp.peers == [])
        #expect(configuration.fib.enabled && configuration.fib.table == 254 && configuration.fib.metric == 50)
        #expect(configuration.imports.lengths(.ipv4) == 8...28)
        #expect(configuration.imports.lengths(.ipv6) == 32...122)
        #expect(!configuration.imports.allowDefault)
        #expect(configuration.log.level == .info)
        #expect(configuration.log.format == .logfmt)
    }

    @Test func `every key arrives`() throws {
        let configuration = try Self.load(
            """
            node: {name: n, routerID: 192.0.2.10, podCIDRs: [10.1.2.0/24, "fd00:1::/64"], stateDir: /run/m}
            clusterCIDRs: [10.0.0.0/8, "fd00::/16"]
            bgp:
              asn: 1.10
              listenPort: 1790
              listenAddress: 192.0.2.10
              holdTime: 1m
              keepaliveTime: 10s
              connectRetryTime: 7s
              gracefulRestart: {enabled: false, restartTime: 60s, deferralTime: 2m}
              clusterID: 192.0.2.99
              peers:
                - {address: 192.0.2.1, asn: 65001}
                - name: two
                  address: "2001:db8::2"
                  asn: internal
                  families: [ipv6-unicast]
                  passive: true
                  port: 1179
                  holdTime: 0
                  localAddress: "2001:db8::10"
                  import: none
                  export: all
                  routeReflectorClient: true
            import: {ipv4: {minLength: 20, maxLength: 32}, ipv6: {maxLength: 128}, allowDefault: true}
            fib: {enabled: true, table: 100, metric: 7}
            control: {socket: /tmp/c.sock}
            log: {level: debug, format: json}
            """)
        #expect(configuration.node.podCIDRs == (try Self.prefixes("10.1.2.0/24", "fd00:1::/64")))
        #expect(configuration.clusterCIDRs == (try Self.prefixes("10.0.0.0/8", "fd00::/16")))
        #expect(configuration.node.routerID?.description == "192.0.2.10")
        #expect(configuration.bgp.asn.rawValue == 65546)
        #expect(configuration.bgp.listenPort == 1790)
        #expect(configuration.bgp.listenAddress == IPAddress("192.0.2.10"))
        #expect(configuration.bgp.holdTime == .seconds(60))
        #expect(configuration.bgp.keepaliveTime == .seconds(10))
        #expect(configuration.bgp.gracefulRestart.deferralTime == .seconds(120))
        #expect(configuration.bgp.clusterID?.description == "192.0.2.99")
        let (one, two) = (try #require(configuration.bgp.peers.first), try #require(configuration.bgp.peers.last))
        #expect(one.name == "192.0.2.1")
        #expect(one.families == [.ipv4, .ipv6])
        #expect(one.port == 179)
        #expect(one.importPolicy == .cluster)
        #expect(one.exportPolicy == .own)
        #expect(one.holdTime(configuration.bgp) == .seconds(60))
        #expect(!one.isInternal(configuration.bgp))
        #expect(two.name == "two")
        #expect(two.asn.rawValue == 65546)
        #expect(two.isInternal(configuration.bgp))
        #expect(two.families == [.ipv6])
        #expect(two.passive)
        #expect(two.port == 1179)
        #expect(two.holdTime(configuration.bgp) == .zero)
        #expect(two.localAddress == IPAddress("2001:db8::10"))
        #expect(two.importPolicy == .none)
        #expect(two.exportPolicy == .all)
        #expect(two.routeReflectorClient)
        #expect(configuration.imports.lengths(.ipv4) == 20...32)
        #expect(configuration.imports.lengths(.ipv6) == 32...128)
        #expect(configuration.imports.allowDefault)
        #expect(configuration.fib.enabled && configuration.fib.table == 100 && configuration.fib.metric == 7)
        #expect(configuration.control.socket == "/tmp/c.sock")
        #expect(configuration.log.level == .debug)
        #expect(configuration.log.format == .json)
    }

    @Test func `a route server takes and gives everything`() throws {
        let configuration = try Self.load(
            """
            bgp:
              asn: 65000
              peers: [{address: 127.0.0.2, asn: 65001, import: all, export: all, passive: true}]
            fib: {enabled: false}
            """)
        #expect(configuration.bgp.peers.first?.importPolicy == .all)
        #expect(configuration.bgp.peers.first?.exportPolicy == .all)
    }

    @Test func `null is the same as not written, and the state directory holds the socket`() throws {
        let configuration = try Self.load(
            "node: {stateDir: /run/x, podCIDRs: ~}\nbgp: {asn: 1, peers: null, holdTime: }\nlog:\n")
        #expect(configuration.control.socket == "/run/x/martletd.sock")
        #expect(configuration.bgp.holdTime == .seconds(90))
    }

    @Test func `the example in manifests is good`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.appendingPathComponent("manifests/martletd.yaml").path
        let (report, usable) = Configuration.check(path: path, hostname: "h")
        #expect(usable)
        #expect(report == "\(path): ok\n")
    }
}
