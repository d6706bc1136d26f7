import Glibc
import NetTypes
import Testing

@testable import DispatchIO

/// Keys of TCP-AO: the file, what the kernel is given, and what a kernel without it says.
struct TCPAOKeysTests {
    private static let peer = Prefix(host: IPAddress(leftAligned: 0xc000_0201 << 96, family: .ipv4))

    private func keys(_ text: String, _ algorithm: TCPAOKeys.Algorithm = .hmacSHA1) throws(TCPKey.Problem) -> TCPAOKeys
    {
        let file = KeyFile(text)
        defer { withExtendedLifetime(file) {} }
        return try TCPAOKeys(file: file.path, algorithm: algorithm)
    }

    @Test func `lines are keys, the first one preferred; comments and empty lines are none`() throws {
        let found = try keys("# rack 7\n1 swordfish\r\n\n2/3   open sesame \n255/0 x")
        #expect(
            found.identifiers == [
                .init(send: 1, receive: 1), .init(send: 2, receive: 3), .init(send: 255, receive: 0),
            ])
    }

    @Test(arguments: [
        ("", TCPKey.Problem.empty), ("\n# nothing\n", .empty), ("swordfish\n", .badLine(1)), ("1 \n", .badLine(1)),
        ("1 a\n256 b\n", .badLine(2)), ("1 a\n-1 b", .badLine(2)), ("1/2/3 a", .badLine(1)), ("/1 a", .badLine(1)),
        ("1 a\n1 b", .takenID(2)), ("1/5 a\n2/5 b", .takenID(2)),
        ("1 " + String(repeating: "x", count: 81), .badLine(1)),
        (String(repeating: "# long\n", count: 1000), .tooLong),
    ])
    func `a file that is none is told at its line`(text: String, problem: TCPKey.Problem) {
        #expect(throws: problem) { _ = try keys(text) }
    }

    @Test func `sixteen keys are taken and not one more`() throws {
        let lines = (1...17).map { "\($0) secret-\($0)" }
        #expect(try keys(lines.dropLast().joined(separator: "\n")).identifiers.count == 16)
        #expect(throws: TCPKey.Problem.takenID(17)) { _ = try keys(lines.joined(separator: "\n")) }
    }

    @Test func `nothing prints a key`() throws {
        let found = try keys("1 swordfish")
        var text = ""
        dump(found, to: &text)
        #expect(!(text + "\(found)" + String(reflecting: found)).contains("swordfish"))
    }

    @Test(arguments: [
        (TCPAOKeys.Algorithm.hmacSHA1, "hmac(sha1)"), (.aesCMAC, "cmac(aes128)"), (.hmacSHA256, "hmac(sha256)"),
    ])
    func `the kernel is given struct tcp_ao_add octet by octet`(algorithm: TCPAOKeys.Algorithm, name: String) throws {
        let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(fd) }
        let octets = try keys("7/9 swordfish", algorithm).firstOctets(on: fd, for: Self.peer, isPreferred: true)
        #expect(octets.count == 288)
        var expected = [UInt8](repeating: 0, count: 288)
        expected[0] = UInt8(AF_INET)
        expected.replaceSubrange(4..<8, with: [192, 0, 2, 1])
        expected.replaceSubrange(128..<128 + name.utf8.count, with: name.utf8)
        // set_current and set_rnext; then prefix, SendID, RecvID, the usual signature, no flags, and the secret.
        expected[196] = 3
        expected.replaceSubrange(202..<208, with: [32, 7, 9, 0, 0, 9])
        expected.replaceSubrange(208..<217, with: "swordfish".utf8)
        #expect(octets == expected)
        let listening = try keys("7/9 swordfish", algorithm).firstOctets(on: fd, for: Self.peer, isPreferred: false)
        #expect(listening[196] == 0)
    }

    /// Whether a session with these keys comes up, or what the kernel has against it.
    private func handshake(_ text: String) throws -> String {
        let server = try Server(.ipv4)
        let secret = TCPSecret.keys(try keys(text))
        do {
            try server.require(secret)
            let fd = try TCPSocket.connect(to: server.address, from: nil, secret: secret)
            defer { close(fd) }
            var entry = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
            return poll(&entry, 1, 10_000) == 1 && TCPSocket.pendingError(fd) == nil ? "up" : "down"
        } catch let error as SystemError {
            return error.description
        }
    }

    @Test func `a session is signed where the kernel can, and else the error says what it needs`() throws {
        let outcome = try handshake("1 swordfish")
        #expect(
            outcome == "up" || outcome.contains("needs Linux 6.7 or later with CONFIG_TCP_AO: Protocol not available"),
            "\(outcome)")
    }
}
