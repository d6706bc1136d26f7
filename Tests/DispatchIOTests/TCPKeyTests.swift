import Glibc
import NetTypes
import Testing

@testable import DispatchIO

struct TCPKeyTests {
    private func problem(_ path: String) -> TCPKey.Problem? {
        do throws(TCPKey.Problem) {
            _ = try TCPKey(file: path)
            return nil
        } catch {
            return error
        }
    }

    /// The lines of /proc/self/smaps, which has no size by which to read it at once.
    private func memoryMaps() throws -> [Substring] {
        let file = try #require(fopen("/proc/self/smaps", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    /// The addresses of a line such as `7f00-8000 rw-p ...` of /proc/self/smaps.
    private func range(_ line: Substring) -> Range<UInt>? {
        let ends = line.prefix { $0 != " " }.split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low < high else { return nil }
        return low..<high
    }

    @Test(arguments: ["", "\n", "\r\n"])
    func `a file without a password is empty`(content: String) {
        let file = KeyFile(content)
        #expect(problem(file.path) == .empty)
    }

    @Test func `eighty octets and a newline are a password, one more is none`() {
        let longest = String(repeating: "x", count: 80)
        for ending in ["", "\n", "\r\n"] {
            let file = KeyFile(longest + ending)
            #expect(problem(file.path) == nil)
        }
        for content in [longest + "x", longest + "\n\n", String(repeating: "x", count: 100_000)] {
            let file = KeyFile(content)
            #expect(problem(file.path) == .tooLong)
        }
    }

    @Test func `what is no file is told as such and never waited for`() {
        #expect(problem("/nonexistent/key") == .unreadable(SystemError("open", code: ENOENT)))
        #expect(problem("/tmp") == .notAFile)
        let pipe = KeyFile("")
        unlink(pipe.path)
        #expect(mkfifo(pipe.path, 0o600) == 0)
        #expect(problem(pipe.path) == .notAFile)
    }

    @Test func `nothing prints a password`() throws {
        let file = KeyFile("xyzzy-plugh")
        let key = try TCPKey(file: file.path)
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), String(describing: Mirror(reflecting: key).children), dumped] {
            #expect(!text.contains("xyzzy") && !text.contains("120"), "\(text)")
        }
    }

    @Test func `core dumps leave a password out`() throws {
        let file = KeyFile("frobozz")
        let key = try TCPKey(file: file.path)
        let address = UInt(bitPattern: key.signature)
        let maps = try memoryMaps()
        let start = try #require(maps.lastIndex { range($0).map { $0.contains(address) } == true })
        let flags = try #require(maps[start...].first { $0.hasPrefix("VmFlags:") })
        #expect(flags.split(separator: " ").contains("dd"), "\(flags)")
        // Until here the page is there.
        withExtendedLifetime(key) {}
    }

    @Test func `a stamp tells a changed file and one that others may read`() throws {
        let file = KeyFile("one")
        chmod(file.path, 0o600)
        let first = try #require(TCPKey.Stamp(file: file.path))
        #expect(TCPKey.Stamp(file: file.path) == first)
        #expect(!first.isReadableByOthers)
        chmod(file.path, 0o644)
        #expect(TCPKey.Stamp(file: file.path)?.isReadableByOthers == true)
        file.write("two")
        #expect(TCPKey.Stamp(file: file.path) != first)
        unlink(file.path)
        #expect(TCPKey.Stamp(file: file.path) == nil)
    }

    @Test func `the kernel's counters are read by name`() throws {
        let text = """
            TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop
            TcpExt: 9 1 2 3 4
            IpExt: InNoRoutes
            IpExt: 5

            """
        let counters = try #require(TCPCounters(netstat: text))
        #expect(counters.missingSignature == 1)
        #expect(counters.unexpectedSignature == 2)
        #expect(counters.wrongSignature == 3)
        #expect(counters.lowHopLimit == 4)
        #expect(TCPCounters(netstat: "IpExt: 1") == nil)
        #expect(TCPCounters(netstat: "TcpExt: TCPMinTTLDrop\nTcpExt:")?.lowHopLimit == 0)
        #expect(TCPCounters.read() != nil)
    }

    @Test func `loopback is on a link of ours, documentation addresses are not`() throws {
        for (text, expected) in [("127.9.8.7", true), ("::1", true), ("203.0.113.77", false), ("2001:db8::7", false)] {
            #expect(LocalLinks.reach(try #require(IPAddress(text))) == expected, "\(text)")
        }
    }
}
