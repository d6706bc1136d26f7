import CNIPlugin
import NetTypes
import Testing

struct ResultTests {
    func sample() throws -> AttachmentResult {
        var result = AttachmentResult()
        result.interfaces = [
            ResultInterface(name: "mlt0", mac: "ee:ee:ee:ee:ee:ee"),
            ResultInterface(name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/run/ns", mtu: 1400),
        ]
        let address = try #require(IPAddress("10.0.0.2"))
        result.addresses = [
            ResultAddress(address: address, length: 32, gateway: IPAddress("169.254.1.1"), interface: 1)
        ]
        var route = ResultRoute(destination: try #require(Prefix("0.0.0.0/0")), gateway: IPAddress("169.254.1.1"))
        route.mtu = 1300
        result.routes = [route]
        return result
    }

    @Test func `each version has its own form`() throws {
        let new = try sample().json(version: .v110)
        #expect(new["interfaces"]?.array?.last?["mtu"]?.int == 1400)
        #expect(new["routes"]?.array?.first?["mtu"]?.int == 1300)
        #expect(new["ips"]?.array?.first?["version"] == nil)
        let middle = try sample().json(version: .v100)
        #expect(middle["interfaces"]?.array?.last?["mtu"] == nil)
        #expect(middle["routes"]?.array?.first?["mtu"] == nil)
        #expect(middle["ips"]?.array?.first?["version"] == nil)
        for old in [SpecVersion.v030, .v031, .v040] {
            #expect(try sample().json(version: old)["ips"]?.array?.first?["version"]?.string == "4")
        }
    }

    @Test func `a result reads back as it was written`() throws {
        #expect(try AttachmentResult(sample().json(version: .v110)).addresses == sample().addresses)
        #expect(try AttachmentResult(sample().json(version: .v110)).interfaces == sample().interfaces)
        #expect(try AttachmentResult(sample().json(version: .v110)).routes == sample().routes)
    }

    @Test func `what an earlier plugin of the chain wrote survives, and our indexes move`() throws {
        let text =
            #"{"cniVersion":"0.4.0","interfaces":[{"name":"dummy","mac":"7"}],"ips":[{"address":"10.1.0.1/32"}],"#
            + #""x":[1.0]}"#
        let result = try sample().json(version: .v100, after: JSONValue(parsing: Array(text.utf8)))
        #expect(result["cniVersion"]?.string == "1.0.0")
        #expect(result["interfaces"]?.array?.map { $0["name"]?.string } == ["dummy", "mlt0", "eth0"])
        #expect(result["interfaces"]?.array?.first?["mac"]?.string == "7")
        #expect(result["ips"]?.array?.last?["interface"]?.int == 2)
        #expect(result["x"]?.description == "[1.0]")
    }

    @Test(arguments: ["[]", #"{"ips":[{}]}"#, #"{"ips":[{"address":"10.0.0.2"}]}"#, #"{"routes":[{"dst":"x"}]}"#])
    func `an unusable result says why`(text: String) throws {
        let tree = try JSONValue(parsing: Array(text.utf8))
        #expect(throws: InvalidResult.self) { try AttachmentResult(tree) }
    }
}

struct RollbackTests {
    final class Log { var entries: [Int] = [] }
    struct Failure: Error {}

    func work(_ log: Log, failing: Bool) throws {
        var rollback = Rollback()
        rollback.add { log.entries.append(1) }
        rollback.add { log.entries.append(2) }
        if failing { throw Failure() }
        rollback.commit()
    }

    @Test func `a throw undoes last first, a commit nothing`() throws {
        let log = Log()
        #expect(throws: Failure.self) { try work(log, failing: true) }
        #expect(log.entries == [2, 1])
        try work(log, failing: false)
        #expect(log.entries == [2, 1])
    }
}

struct NodeStateTests {
    func state(_ text: String) throws -> NodeState { try NodeState(JSONValue(parsing: Array(text.utf8))) }

    @Test func `the agent's file gives podCIDRs and MTU`() throws {
        let state = try state(#"{"schema":1,"name":"a","podCIDRs":["10.244.1.0/24","fd00::/64"],"mtu":1400,"pid":3}"#)
        #expect(state.podCIDRs.map(\.description) == ["10.244.1.0/24", "fd00::/64"])
        #expect(state.mtu == 1400)
    }

    @Test(arguments: ["{}", #"{"schema":2,"podCIDRs":[]}"#, #"{"schema":1,"podCIDRs":["10.244.1.1/24"]}"#])
    func `another schema or a bad prefix is refused`(text: String) {
        #expect(throws: PluginError.self) { try state(text) }
    }

    @Test func `a missing file asks whether the agent runs`() {
        #expect(throws: PluginError.self) { try NodeState.read("/nonexistent") }
    }
}
