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
