import Foundation
import TestKit
import Testing

/// What a pod may not say: frames that no socket of its own would send. The scripts run in one process with sockets in
/// several namespaces; each sends what must not arrive first and what must arrive last, so that nobody has to wait for
/// nothing.
enum Frames {
    private static let prelude = """
        import ctypes, os, select, socket, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def enter(name):
            fd = os.open('/var/run/netns/' + name, os.O_RDONLY)
            assert libc.setns(fd, 0x40000000) == 0, name
            os.close(fd)
        def ip4(text): return socket.inet_pton(socket.AF_INET, text)
        def ip6(text): return socket.inet_pton(socket.AF_INET6, text)
        def mac(text): return bytes.fromhex(text.replace(':', ''))
        def checksum(data):
            if len(data) % 2: data += b'\\0'
            total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
            while total >> 16: total = (total & 0xffff) + (total >> 16)
            return ~total & 0xffff
        HOST = mac('ee:ee:ee:ee:ee:ee')
        def frame4(own, source, target, payload, port=7000):
            udp = struct.pack('!HHHH', 9, port, 8 + len(payload), 0) + payload
            head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ip4(source) + ip4(target)
            head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
            return HOST + own + b'\\x08\\x00' + head + udp
        def frame6(own, source, target, protocol, body, at, to=HOST, hops=255):
            pseudo = ip6(source) + ip6(target) + struct.pack('!II', len(body), protocol)
            body = body[:at] + struct.pack('!H', checksum(pseudo + body)) + body[at + 2:]
            head = struct.pack('!IHBB', 6 << 28, len(body), protocol, hops) + ip6(source) + ip6(target)
            return to + own + b'\\x86\\xdd' + head + body
        def udp6(own, source, target, payload, port=7000):
            return frame6(own, source, target, 17, struct.pack('!HHHH', 9, port, 8 + len(payload), 0) + payload, 6)
        def receiver(name, family, address, port=7000):
            enter(name)
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.settimeout(5)
            s.bind((address, port))
            return s
        def packets(name, link, kind=3):
            enter(name)
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
            s.bind((link, kind))
            s.settimeout(5)
            return s
        def own_mac(s): return s.getsockname()[4]
        def heard(s, last):
            all = []
            while not all or all[-1] != last: all.append(s.recvfrom(2000)[0])
            return b' '.join(all).decode()

        """

    /// Runs a script; returns what it prints.
    static func run(_ script: String, _ location: SourceLocation = #_sourceLocation) throws -> String {
        let finished = try TestKit.run(["python3", "-c", prelude + script])
        #expect(finished.succeeded, "\(finished.errors)", sourceLocation: location)
        return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

extension PluginNode {
    /// Somebody outside the node, at 198.18.0.254 and 2001:db8:18::254, whose gateway the node is (198.18.0.1,
    /// 2001:db8:18::1) and the other way round.
    func makeOutside() throws -> String {
        let outside = try makePod("o")
        try require(
            "ip", "-n", name, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside)
        for (namespace, own, other) in [(name, "1", "254"), (outside, "254", "1")] {
            try require("ip", "-n", namespace, "link", "set", "up0", "up")
            try require("ip", "-n", namespace, "addr", "add", "198.18.0.\(own)/24", "dev", "up0")
            try require("ip", "-n", namespace, "addr", "add", "2001:db8:18::\(own)/64", "dev", "up0", "nodad")
            try require("ip", "-n", namespace, "route", "add", "default", "via", "198.18.0.\(other)")
            try require("ip", "-n", namespace, "route", "add", "default", "via", "2001:db8:18::\(other)")
        }
        for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            try require("ip", "netns", "exec", name, "sysctl", "-qw", key)
        }
        return outside
    }

    /// Text of a table of nftables; empty when there is none.
    func table(_ table: String) throws -> String {
        try run(["ip", "netns", "exec", name, "nft", "list", "table", "inet", table]).output
    }
}
