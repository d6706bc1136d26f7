import NetTypes
import PodWiring
import Testing

struct VethPlanTests {
    let identity = PodIdentity(containerID: "c1", ifname: "eth0", network: "martlet", namespace: "default", pod: "web")

    func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    func dualStack() throws -> VethPlan {
        VethPlan(identity: identity, mtu: 1400, addresses: [try address("10.0.0.2"), try address("fd00::2")])
    }

    @Test func `the host's routes are host routes of protocol 180 on the link`() throws {
        let routes = try dualStack().hostRoutes
        #expect(routes.map(\.destination.description) == ["10.0.0.2/32", "fd00::2/128"])
        #expect(routes.allSatisfy { $0.gateway == nil && $0.protocolID == 180 })
    }

    @Test func `the host end is up before anything that needs it, and silent before that`() throws {
        let plan = try dualStack()
        let steps = plan.hostSteps
        let up = try #require(steps.firstIndex(of: .up))
        #expect(steps[..<up].contains(.noAutomaticIPv6))
        #expect(steps[..<up].contains(.settingsIPv4(plan.hostSettings.filter { !$0.setting.isIPv6 })))
        #expect(steps[up...].contains(.linkLocal(try address("fe80::ecee:eeff:feee:eeee"))))
        let mac = identity.podMAC
        #expect(
            steps.suffix(3) == [
                .neighbour(try address("10.0.0.2"), mac), .neighbour(try address("fd00::2"), mac),
                .answerFor(PodLink.gateway),
            ])
    }

    @Test func `the pod reaches everything over the link-local gateways of the host end`() throws {
        let plan = try dualStack()
        #expect(plan.podRoutes.map(\.destination.description) == ["0.0.0.0/0", "::/0"])
        #expect(plan.podRoutes.map { $0.gateway?.description } == ["169.254.1.1", "fe80::ecee:eeff:feee:eeee"])
        let onLink = LinkRoute(destination: Prefix(host: PodLink.gateway), protocolID: 180)
        let first = try #require(plan.podSteps.firstIndex(of: .route(onLink)))
        let second = try #require(plan.podSteps.firstIndex(of: .route(plan.podRoutes[0])))
        #expect(first < second)
    }

    @Test func `an IPv4 pod has nothing of IPv6, and the other way round`() throws {
        let v4 = VethPlan(identity: identity, mtu: 1500, addresses: [try address("10.0.0.2")])
        #expect(v4.podSteps.first == .noAutomaticIPv6)
        #expect(!v4.hostSteps.contains(.linkLocal(PodLink.gatewayV6)))
        #expect(v4.podRoutes.count == 1)
        let v6 = VethPlan(identity: identity, mtu: 1500, addresses: [try address("fd00::2")])
        #expect(v6.hostSettings.contains(LinkSettingValue(.forwardingIPv4, 0)))
        #expect(!v6.hostSteps.contains(.answerFor(PodLink.gateway)))
        #expect(v4.hostSettings.contains(LinkSettingValue(.disableIPv6, 1)))
        #expect(!v6.podSteps.contains(.neighbour(PodLink.gateway, PodLink.hostMAC)))
        #expect(v6.podRoutes.map(\.destination.description) == ["::/0"])
    }

    @Test func `routes of IPAM replace the default of their family and lead over our gateway`() throws {
        var asked = LinkRoute(
            destination: try #require(Prefix("10.0.0.0/8")), gateway: try address("10.0.0.1"), protocolID: 0)
        asked.mtu = 1300
        let plan = VethPlan(
            identity: identity, mtu: 1500, addresses: [try address("10.0.0.2"), try address("fd00::2")],
            routes: [asked])
        #expect(plan.podRoutes.map(\.destination.description) == ["10.0.0.0/8", "::/0"])
        #expect(plan.podRoutes[0].gateway == PodLink.gateway)
        #expect(plan.podRoutes[0].mtu == 1300)
    }

    @Test func `an address that comes twice counts once`() throws {
        let plan = VethPlan(
            identity: identity, mtu: 1500, addresses: [try address("10.0.0.2"), try address("10.0.0.2")])
        #expect(plan.addresses.count == 1)
    }

    @Test func `a link as ADD left it has no difference, and each change is named`() throws {
        let plan = try dualStack()
        var host = WiringFacts(isUp: true, mac: PodLink.hostMAC, mtu: 1400, alias: identity.alias)
        host.routes = plan.hostRoutes.map { RouteFact(destination: $0.destination, gateway: nil) }
        host.neighbours = plan.addresses.map { NeighbourFact(address: $0, mac: plan.podMAC) }
        host.addresses = [PodLink.gatewayV6]
        host.settings = plan.hostSettings
        (host.index, host.peerIndex) = (7, 2)
        var pod = WiringFacts(isUp: true, mac: plan.podMAC, mtu: 1400)
        pod.addresses = plan.addresses
        pod.routes = plan.podRoutes.map { RouteFact(destination: $0.destination, gateway: $0.gateway) }
        pod.neighbours = [PodLink.gateway, PodLink.gatewayV6].map {
            NeighbourFact(address: $0, mac: PodLink.hostMAC)
        }
        pod.index = 2
        #expect(plan.firstDifference(host: host, pod: pod) == nil)

        #expect(plan.firstDifference(host: nil, pod: pod)?.contains("does not exist") == true)
        #expect(plan.firstDifference(host: host, pod: nil)?.contains("eth0 does not exist") == true)
        func difference(
            _ changeHost: (inout WiringFacts) -> Void, _ changePod: (inout WiringFacts) -> Void
        ) -> String? {
            var (host, pod) = (host, pod)
            changeHost(&host)
            changePod(&pod)
            return plan.firstDifference(host: host, pod: pod)
        }
        #expect(difference({ $0.isUp = false }, { _ in }) == "the host interface \(plan.hostName) is down")
        #expect(difference({ $0.alias = "martlet x eth0 martlet" }, { _ in })?.contains("belongs to") == true)
        #expect(difference({ $0.mac = identity.podMAC }, { _ in })?.contains("MAC") == true)
        #expect(difference({ $0.routes = [] }, { _ in })?.contains("no route 10.0.0.2/32") == true)
        #expect(difference({ $0.neighbours = [] }, { _ in })?.contains("no permanent neighbour") == true)
        #expect(difference({ $0.mtu = 9000 }, { _ in })?.contains("MTU 9000 instead of 1400") == true)
        #expect(difference({ $0.addresses = [] }, { _ in })?.contains("no address fe80::ecee") == true)
        #expect(difference({ $0.peerIndex = 3 }, { _ in })?.contains("not the other end") == true)
        #expect(
            difference({ $0.settings = [LinkSettingValue(.sourceCheck, 0)] }, { _ in })
                == "net.ipv4.conf.\(plan.hostName).rp_filter is 0 instead of 1")
        #expect(difference({ _ in }, { $0.mtu = 9000 })?.contains("MTU 9000 instead of 1400") == true)
        #expect(difference({ _ in }, { $0.addresses = [] })?.contains("no address 10.0.0.2") == true)
        #expect(difference({ _ in }, { $0.routes = [] })?.contains("no route 0.0.0.0/0 via 169.254.1.1") == true)
        #expect(difference({ _ in }, { $0.neighbours = [] })?.contains("169.254.1.1") == true)
    }
}

struct PodIdentityTests {
    let identity = PodIdentity(containerID: "c1", ifname: "eth0", network: "martlet", namespace: "default", pod: "web")

    @Test func `the host name is stable, fits the kernel, and differs per container and interface`() {
        #expect(identity.hostName == "mlt2b3bfe94942")
        #expect(identity.hostName.utf8.count == 14)
        #expect(identity.hostName != PodIdentity(containerID: "c2", ifname: "eth0", network: "martlet").hostName)
        #expect(identity.hostName != PodIdentity(containerID: "c1", ifname: "eth1", network: "martlet").hostName)
    }

    @Test func `the pod's MAC is locally administered unicast`() {
        for number in 0..<100 {
            let mac = PodIdentity(containerID: "c\(number)", ifname: "eth0", network: "n").podMAC
            #expect(mac.bytes[0] & 3 == 2)
        }
    }

    @Test func `an alias reads back as what it was made of`() {
        #expect(PodIdentity(alias: identity.alias) == identity)
        let plain = PodIdentity(containerID: "c1", ifname: "eth0", network: "martlet")
        #expect(PodIdentity(alias: plain.alias) == plain)
    }

    @Test func `an overlong alias is cut and still identifies the attachment`() {
        let container = String(repeating: "a", count: 64)
        let long = PodIdentity(
            containerID: container, ifname: "eth0", network: "n", namespace: String(repeating: "s", count: 63),
            pod: String(repeating: "p", count: 253))
        #expect(long.alias.utf8.count == 255)
        #expect(long.owns(alias: long.alias))
        #expect(PodIdentity(alias: long.alias)?.containerID == container)
    }

    @Test(arguments: 0..<6)
    func `an alias is never cut within a character`(shift: Int) {
        let pod = String(repeating: "a", count: shift) + String(repeating: "\u{e9}\u{20ac}", count: 60)
        let long = PodIdentity(containerID: "c1", ifname: "eth0", network: "n", namespace: "s", pod: pod)
        #expect((252...255).contains(long.alias.utf8.count))
        #expect(!long.alias.unicodeScalars.contains("\u{fffd}"))
        #expect(long.owns(alias: long.alias))
    }

    @Test(arguments: ["", "martlet", "martlet c1 eth0", "uplink to tor-1", "martlet c1 eth0 n a b c"])
    func `a foreign alias is not ours`(text: String) { #expect(PodIdentity(alias: text) == nil) }

    @Test func `a link belongs to its attachment, to nobody yet, or to somebody else`() {
        #expect(identity.owns(alias: nil))
        #expect(identity.owns(alias: identity.alias))
        #expect(!identity.owns(alias: "uplink"))
        #expect(!identity.owns(alias: PodIdentity(containerID: "c2", ifname: "eth0", network: "martlet").alias))
    }
}
