import AgentClient
import ControlAPI
import TestKit
import Testing

struct ClientErrorTests {
    @Test func `a missing agent is said in plain words`() {
        let error = #expect(throws: ControlError.self) { try ControlClient(socket: "/nonexistent/m.sock").get(.status) }
        #expect(
            error?.description == """
                martletd is not running (no answer on /nonexistent/m.sock): "systemctl status martletd" shows \
                its state, "journalctl -u martletd" why it ended
                """)
    }

    @Test func `an agent that was killed is said to be gone`() throws {
        let directory = try require("mktemp", "-d").split(separator: "\n").joined()
        defer { _ = try? run(["rm", "-r", directory]) }
        let path = directory + "/s.sock"
        let code = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()"
        try require("python3", "-c", code, path)
        #expect(throws: ControlError.notRunning(socket: path)) { try ControlClient(socket: path).get(.status) }
    }

    @Test func `a path that fits no socket is an error`() {
        let path = String(repeating: "x", count: 120)
        #expect(throws: ControlError.broken("\(path) is no path for a socket: at most 107 bytes")) {
            try ControlClient(socket: path).get(.status)
        }
    }

    @Test func `the libraries in use are named with their versions`() {
        #expect(ClientLibraries.text.contains("libcurl/"))
        #expect(ClientLibraries.text.contains("openssl 3."))
    }
}
