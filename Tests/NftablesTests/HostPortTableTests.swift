import CNIPlugin
import NetTypes
import PodWiring
import Testing

@testable import Nftables

struct HostPortTableTests {
    let owner = HostPortOwner(hostName: "mlt0123456789a", network: "net")

    func ports(_ mappings: [PortMapping]) throws -> [HostPort] {
        HostPort.translations(
            mappings, of: [try #require(IPAddress("10.0.0.2")), try #require(IPAddress("fd00::2"))])
    }

    @Test func `a mapping of any address is in both families, one of an address in its own`() throws {
        let elements = HostPortTable.elements(
            try ports([
                PortMapping(transport: .tcp, hostPort: 8080, containerPort: 80),
                PortMapping(
                    transport: .udp, hostAddress: IPAddress("192.0.2.1"), hostPort: 53, containerPort: 5353),
            ]), of: owner)
        let script = HostPortTable.script(removing: [], adding: elements)
        for line in [
            #"any4 { tcp . 8080 comment "mlt0123456789a net" : 10.0.0.2 . 80 }"#,
            #"any6 { tcp . 8080 comment "mlt0123456789a net" : fd00::2 . 80 }"#,
            #"one4 { 192.0.2.1 . udp . 53 comment "mlt0123456789a net" : 10.0.0.2 . 5353 }"#,
            #"self4 { 10.0.0.2 . 10.0.0.2 comment "mlt0123456789a net" }"#,
        ] {
            #expect(script.contains("create element inet martlet-hostports \(line)\n"))
        }
        #expect(script.split(separator: "\n").filter { $0.hasPrefix("create") }.count == 5)
    }

    @Test func `a listing reads back as the elements that made it`() throws {
        let listing = try JSONValue(
            parsing: Array(
                """
                {"nftables": [{"metainfo": {}}, {"table": {"family": "inet", "name": "martlet-hostports"}},
                 {"map": {"name": "any4", "elem": [[{"elem": {"val": {"concat": ["tcp", 8080]},
                  "comment": "mlt0123456789a net"}}, {"concat": ["10.0.0.2", 80]}],
                  [{"concat": ["udp", 9]}, {"concat": ["10.0.0.3", 9]}]]}},
                 {"set": {"name": "self4", "elem": [{"elem": {"val": {"concat": ["10.0.0.2", "10.0.0.2"]},
                  "comment": "mlt0123456789a net"}}]}},
                 {"rule": {"chain": "guard"}}, {"rule": {"chain": "guard"}}]}
                """.utf8))
        let contents = HostPortTable.Contents(listing)
        let mapping = PortMapping(
            transport: .tcp, hostAddress: IPAddress("0.0.0.0"), hostPort: 8080, containerPort: 80)
        let ours = HostPortTable.elements(try ports([mapping]), of: owner)
        #expect(Set(contents.elements.filter { $0.owner == owner }) == Set(ours))
        #expect(contents.elements.count == 3)
        #expect(HostPortTable.missingRule(contents)?.contains("translate") == true)
        let removal = HostPortTable.removal(of: ours, from: contents)
        #expect(removal.contains("delete element inet martlet-hostports any4 { tcp . 8080 }\n"))
        #expect(!removal.contains("udp"))
        var last = contents
        last.elements = ours
        #expect(HostPortTable.removal(of: ours, from: last) == "delete table inet martlet-hostports\n")
    }

    @Test func `an owner's network is cut to what a comment takes, and both forms are equal`() {
        let long = String(repeating: "n", count: 300)
        let owner = HostPortOwner(hostName: "mlt0123456789a", network: long)
        #expect(owner.comment.utf8.count <= 127)
        #expect(HostPortOwner(comment: owner.comment) == owner)
        #expect(HostPortOwner(comment: "somebody") == nil)
    }
}
