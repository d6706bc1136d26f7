import FIB
import NetTypes
import Testing

@testable import Netlink

@Suite struct RouteMessageTests {
    private func route(_ prefix: String, _ hops: [RouteNextHop], kind: RouteKind = .unicast) throws -> KernelRoute {
        KernelRoute(
            key: RouteKey(prefix: try #require(Prefix(prefix)), table: 1000, metric: 50), kind: kind, protocolID: 179,
            nextHops: hops)
    }

    private func hop(_ gateway: String, _ index: UInt32, _ weight: UInt16 = 1) -> RouteNextHop {
        RouteNextHop(gateway: IPAddress(gateway), interfaceIndex: index, weight: weight)
    }

    private func samples() throws -> [KernelRoute] {
        try [
            route("10.1.0.0/24", [hop("192.0.2.1", 2)]),
            route("0.0.0.0/0", [hop("192.0.2.1", 2), hop("192.0.2.2", 3, 256)]),
            route("10.1.0.0/24", [hop("fe80::1", 2)]),
            route("10.1.0.0/24", [hop("fe80::1", 2), hop("192.0.2.1", 3)]),
            route("2001:db8::/32", [hop("fe80::1", 2), hop("2001:db8::1", 3, 7)]),
            route("2001:db8::1/128", [hop("fe80::1", 2)]),
            route("10.244.1.0/24", [], kind: .unreachable),
        ]
    }

    private func bytes(_ operation: RouteOperation) -> [UInt8] {
        var writer = NetlinkWriter()
        RouteMessage.write(operation, sequence: 7, into: &writer)
        return writer.bytes
    }

    private func read(_ bytes: [UInt8]) -> KernelRoute? {
        let span = bytes.span
        guard let (header, _) = span.bytes.message(at: 0, end: bytes.count) else { return nil }
        return RouteMessage.read(span.bytes, header.body)
    }

    @Test func `a route is read as it was written`() throws {
        for route in try samples() { #expect(read(bytes(.add(route))) == route) }
    }

    @Test func `a message is as long as its header says`() throws {
        for route in try samples() {
            let bytes = bytes(.replace(route))
            let span = bytes.span
            guard let (header, next) = span.bytes.message(at: 0, end: bytes.count) else {
                Issue.record("no message")
                continue
            }
            #expect(next == bytes.count)
            #expect(header.sequence == 7)
            #expect(bytes.count % 4 == 0)
        }
    }

    @Test func `no cut and no changed octet traps`() throws {
        for route in try samples() {
            let whole = bytes(.add(route))
            for length in 0..<whole.count {
                var cut = Array(whole.prefix(length))
                if length >= 4 { cut.replaceSubrange(0..<4, with: [UInt8(length & 255), UInt8(length >> 8), 0, 0]) }
                _ = read(cut)
            }
            for offset in whole.indices {
                for value in [0, 1, 3, 4, 5, 127, 255] as [UInt8] {
                    var changed = whole
                    changed[offset] = value
                    _ = read(changed)
                    let span = changed.span
                    if let (header, _) = span.bytes.message(at: 0, end: changed.count) {
                        _ = LinkMessage.readLink(span.bytes, header.body)
                        _ = LinkMessage.readAddress(span.bytes, header.body)
                        _ = NetlinkAnswer(span.bytes, header)
                    }
                }
            }
        }
    }

    @Test func `an acknowledgement yields its code and the kernel's words`() {
        var writer = NetlinkWriter()
        writer.beginMessage(2, flags: 0x300, sequence: 9)
        writer.append(Int32(-22))
        for value in [28, 0, 0, 0] as [UInt32] { writer.append(value) }
        writer.attribute(1) { for byte in "Nexthop has invalid gateway\0".utf8 { $0.append(byte) } }
        writer.endMessage()
        let bytes = writer.bytes
        let span = bytes.span
        guard let (header, _) = span.bytes.message(at: 0, end: writer.bytes.count),
            let answer = NetlinkAnswer(span.bytes, header)
        else {
            Issue.record("no answer")
            return
        }
        #expect(answer.sequence == 9)
        #expect(
            answer.error("install 10.0.0.0/8").description
                == "install 10.0.0.0/8: Invalid argument (kernel: Nexthop has invalid gateway)")
    }
}
