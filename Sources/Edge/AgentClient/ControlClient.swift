import CCurl
import ControlAPI
import Glibc

/// Why a question got no answer.
package enum ControlError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The socket is missing, or nobody listens on it.
    case notRunning(socket: String)
    /// The socket is there, but not for this user.
    case notPermitted(socket: String)
    /// The agent took too long.
    case timedOut(socket: String)
    /// The agent refused: HTTP status and its sentence.
    case refused(status: Int, message: String)
    /// The transfer broke, or the answer makes no sense.
    case broken(String)

    package var description: String {
        switch self {
        case .notRunning(let socket):
            """
            martletd is not running (no answer on \(socket)): "systemctl status martletd" shows its state, \
            "journalctl -u martletd" why it ended
            """
        case .notPermitted(let socket):
            "you may not open \(socket): run this as root, or as a member of the socket's group"
        case .timedOut(let socket): "martletd does not answer in time on \(socket), though something listens there"
        case .refused(_, let message): message
        case .broken(let reason): "the answer of martletd cannot be read: \(reason)"
        }
    }
}

/// Asks the agent over its control socket, with libcurl; calls block.
package struct ControlClient: Sendable {
    /// Where the agent listens when nobody says otherwise.
    package static let defaultSocket = "/run/martlet/martletd.sock"

    /// Path of the control socket.
    package let socket: String
    /// Longest wait for a complete answer, in seconds.
    package let timeout: Int

    /// Opens nothing: every question is a connection of its own.
    package init(socket: String = ControlClient.defaultSocket, timeout: Int = 30) {
        (self.socket, self.timeout) = (socket, timeout)
    }

    /// The body of a path such as `/v1/sessions`; an answer other than 200 is an error.
    package func get(_ path: String) throws(ControlError) -> [UInt8] { try send(path, posting: false, patience: 0) }

    /// As `get`, by POST where `posting`; `patience`: seconds that the answer may take longer than usual.
    private func send(_ path: String, posting: Bool, patience: Int) throws(ControlError) -> [UInt8] {
        let handle = try prepare(path)
        defer { curl_easy_cleanup(handle) }
        let body = Body()
        let options = [
            ccurl_set_long(handle, CURLOPT_TIMEOUT, timeout + patience),
            ccurl_set_writer(handle, appendToBody, Unmanaged.passUnretained(body).toOpaque()),
        ]
        guard options.allSatisfy({ $0 == CURLE_OK }) else { throw .broken("this libcurl knows no UNIX sockets") }
        if posting {
            // An empty body: what is to be done stands in the path.
            _ = ccurl_set_long(handle, CURLOPT_POSTFIELDSIZE, 0)
            _ = ccurl_set_string(handle, CURLOPT_COPYPOSTFIELDS, "")
        }
        let result = withExtendedLifetime(body) { curl_easy_perform(handle) }
        guard result == CURLE_OK else { throw error(result, handle) }
        let status = ccurl_get_long(handle, CURLINFO_RESPONSE_CODE)
        // A failed check has its document, too.
        if status == 503, (try? ControlJSON.decode(HealthDocument.self, from: body.bytes)) != nil { return body.bytes }
        guard status == 200 else {
            let document = try? ControlJSON.decode(ErrorDocument.self, from: body.bytes)
            throw .refused(status: status, message: document?.error ?? "martletd answered with HTTP status \(status)")
        }
        return body.bytes
    }

    /// A transfer of `path` over the socket; the caller cleans up.
    func prepare(_ path: String) throws(ControlError) -> UnsafeMutableRawPointer {
        guard UnixAddress(socket) != nil else { throw .broken("\(socket) is no path for a socket: at most 107 bytes") }
        guard let handle = curl_easy_init() else { throw .broken("libcurl does not start") }
        let options = [
            ccurl_set_string(handle, CURLOPT_UNIX_SOCKET_PATH, socket),
            ccurl_set_string(handle, CURLOPT_URL, "http://martletd\(path)"),
            ccurl_set_string(handle, CURLOPT_PROXY, ""),
            ccurl_set_long(handle, CURLOPT_NOSIGNAL, 1),
        ]
        guard options.allSatisfy({ $0 == CURLE_OK }) else {
            curl_easy_cleanup(handle)
            throw .broken("this libcurl knows no UNIX sockets")
        }
        return handle
    }

    /// The answer to a request as bytes, for `-o json`.
    package func get(_ request: ControlRequest) throws(ControlError) -> [UInt8] {
        var patience = 0
        if case .drain(let order) = request { patience = order.waitMilliseconds / 1000 + 1 }
        return try send(request.path, posting: request.method == "POST", patience: patience)
    }

    /// Reads an answer.
    package func decode<Document: Decodable>(_: Document.Type, _ bytes: [UInt8]) throws(ControlError) -> Document {
        do {
            return try ControlJSON.decode(Document.self, from: bytes)
        } catch {
            throw .broken("it has another form than this martletctl knows; use the martletctl of the agent's version")
        }
    }

    func error(_ result: CURLcode, _ handle: UnsafeMutableRawPointer) -> ControlError {
        switch result {
        case CURLE_COULDNT_CONNECT:
            let code = ccurl_get_long(handle, CURLINFO_OS_ERRNO)
            return code == Int(EACCES) || code == Int(EPERM) || access(socket, R_OK | W_OK) != 0 && errno == EACCES
                ? .notPermitted(socket: socket) : .notRunning(socket: socket)
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_GOT_NOTHING:
            return .broken("martletd has ended in the middle of its answer; its log says why")
        case CURLE_OPERATION_TIMEDOUT: return .timedOut(socket: socket)
        default: return .broken(String(cString: curl_easy_strerror(result)))
        }
    }
}

/// Bytes of an answer so far.
private final class Body {
    var bytes: [UInt8] = []
}

/// libcurl's write callback: `context` is a `Body`.
private func appendToBody(
    _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let data, let context else { return 0 }
    let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
    Unmanaged<Body>.fromOpaque(context).takeUnretainedValue().bytes += bytes
    return bytes.count
}
