import BFD
import BFDSocket
import DispatchIO
import TestKit
import Testing

@Suite struct PacketKeyFileTests {
    /// SHA-1 of the packet with the key in place of the digest, as sha1sum says.
    @Test func `the digest is SHA-1 over the packet with the key in its place`() throws {
        let directory = String(try require("mktemp", "-d", "/tmp/martlet-bfdkey-XXXXXX").dropLast())
        defer { _ = try? run(["rm", "-rf", "--", directory]) }
        let file = "\(directory)/key"
        try require("sh", "-c", "printf 'secret\\n' > \(file)")
        let key = try PacketKey(BFDKeySource(file: file, keyID: 3, kind: .sha1))
        let packet = [UInt8](repeating: 1, count: 32) + [UInt8](repeating: 9, count: 20)
        let octets = "for i in $(seq 32); do printf '\\001'; done; printf 'secret'; head -c 14 /dev/zero"
        let wanted = try require("sh", "-c", "(\(octets)) | sha1sum | cut -c1-40").dropLast()
        let found = key.digest(packet).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(found == String(wanted))
        #expect(key.digest([1, 2, 3]).isEmpty)
    }

    @Test func `BIRD signs as we do`() throws {
        let directory = String(try require("mktemp", "-d", "/tmp/martlet-bfdkey-XXXXXX").dropLast())
        defer { _ = try? run(["rm", "-rf", "--", directory]) }
        let file = "\(directory)/key"
        try require("sh", "-c", "printf 'a good secret' > \(file)")
        let key = try PacketKey(BFDKeySource(file: file, keyID: 7, kind: .meticulousSHA1))
        let fixture = try #require(try Fixture.all(under: "bfd").first { $0.name.hasSuffix("signed") })
        for start in stride(from: 0, to: fixture.bytes.count, by: 52) {
            let packet = Array(fixture.bytes[start..<(start + 52)])
            #expect(key.digest(packet) == Array(packet[ControlPacket.digestRange]))
        }
    }

    @Test func `a file without a key, or with too long a one, is refused in words`() throws {
        let directory = String(try require("mktemp", "-d", "/tmp/martlet-bfdkey-XXXXXX").dropLast())
        defer { _ = try? run(["rm", "-rf", "--", directory]) }
        for (content, words) in [("", "is empty"), ("123456789012345678901", "more than 20 octets")] {
            let file = "\(directory)/key"
            try require("sh", "-c", "printf '%s' '\(content)' > \(file)")
            #expect {
                _ = try PacketKey(BFDKeySource(file: file, keyID: 3, kind: .sha1))
            } throws: { "\($0)".contains(words) }
        }
    }
}
