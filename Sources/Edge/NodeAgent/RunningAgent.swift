import CLinux
import ControlAPI
import DispatchIO
import Glibc

/// `martletd check --against-running`: asks the agent that runs what it runs with.
package enum RunningAgent {
    /// What the check prints, and its exit status: 0 nobody notices, 1 the file is unusable or no agent answers, 2 the
    /// file is usable, but sessions reset or end, prefixes are withdrawn, or the agent must be restarted.
    package struct Verdict: Sendable, Equatable {
        package var report: String
        package var status: Int32
    }

    /// Compares a file with what the agent has in use. `file` nil: the agent's own; `socket` nil: the file's.
    package static func check(file: String?, socket: String?) -> Verdict {
        let path = file ?? Configuration.defaultPath
        let first = file == nil && socket == nil ? Configuration.load(path: path, hostname: Process.hostname) : nil
        do {
            if let socket {
                let document = try ask(socket)
                return compare(file ?? document.file ?? path, document)
            }
            let (configuration, _) = first ?? Configuration.load(path: path, hostname: Process.hostname)
            guard let configuration else {
                return Verdict(report: Configuration.check(path: path, hostname: Process.hostname).report, status: 1)
            }
            return compare(path, try ask(configuration.control.socket))
        } catch {
            return Verdict(report: "\(error)\n", status: 1)
        }
    }

    /// What a reload of `file` would do to the agent of `document`.
    static func compare(_ file: String, _ document: ConfigurationDocument) -> Verdict {
        let hostname = document.hostname ?? Process.hostname
        let (report, _) = Configuration.check(path: file, hostname: hostname)
        guard let new = Configuration.load(path: file, hostname: hostname).configuration else {
            return Verdict(report: report, status: 1)
        }
        let (old, _) = Configuration.load(text: document.text ?? "", file: "running", hostname: hostname)
        guard let old else {
            return Verdict(report: report + "the agent that runs is of another version\n", status: 1)
        }
        let plan = ReloadPlan(from: old, to: new)
        let lines = plan.lines.map { line in
            let peer = document.established.first { line.hasPrefix("\($0): the session") }
            return peer == nil ? line : "\(line) (it is established now)"
        }
        return Verdict(
            report: report + lines.map { "\($0)\n" }.joined(), status: plan.disturbs ? 2 : 0)
    }

    private struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// HTTP/1.0, which ends an answer by closing: the agent's own server needs no more, and this program no library.
    private static func ask(_ path: String) throws -> ConfigurationDocument {
        func problem(_ text: String) -> Problem {
            Problem(description: "\(path): \(text); is martletd running? name its control socket with --socket")
        }
        let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw problem(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { throw problem("is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) == 0 }
        }
        guard isConnected else { throw problem(String(cString: strerror(errno))) }
        var time = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        let question = Array("GET \(ControlRequest.configuration.path) HTTP/1.0\r\nHost: martletd\r\n\r\n".utf8)
        guard send(descriptor, question, question.count, CInt(MSG_NOSIGNAL)) == question.count else {
            throw problem("takes no question")
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while answer.count < 64 << 20 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            answer += buffer.prefix(count)
        }
        let text = String(decoding: answer, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        guard parts.count == 2, parts[0].prefix(13).hasSuffix(" 200 ") else {
            throw problem("answers \"\(text.prefix { $0 != "\r" && $0 != "\n" && $0 != "\r\n" })\"")
        }
        return try ControlJSON.decode(ConfigurationDocument.self, from: Array(parts[1].utf8))
    }
}
