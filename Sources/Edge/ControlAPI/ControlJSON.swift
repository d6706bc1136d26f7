import FoundationEssentials

/// The one JSON form of all documents: sorted keys, indented, a final line feed.
package enum ControlJSON {
    /// A document as it stands on the wire and as `martletctl -o json` prints it.
    package static func encode(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(document)) + [UInt8(ascii: "\n")]
    }

    /// The reverse of `encode`.
    package static func decode<Document: Decodable>(_: Document.Type, from bytes: [UInt8]) throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(bytes))
    }
}

/// An answer as HTTP carries it.
struct HTTPReply {
    var status: Int
    var body: [UInt8]
    var contentType = "application/json"
    /// The method that a 405 allows.
    var allow: String?
    /// What follows instead of `body`, without an end.
    var stream: ControlStream?
}

extension ControlReply {
    /// HTTP status and body.
    func encoded() -> HTTPReply {
        do {
            switch self {
            case .status(let document): return try Self.json(document)
            case .sessions(let document): return try Self.json(document)
            case .routes(let document): return try Self.json(document)
            case .fib(let document): return try Self.json(document)
            case .fibVerify(let document): return try Self.json(document)
            case .pods(let document): return try Self.json(document)
            case .bfd(let document): return try Self.json(document)
            case .explain(let document): return try Self.json(document)
            case .history(let document): return try Self.json(document)
            case .policy(let document): return try Self.json(document)
            case .drain(let document): return try Self.json(document)
            case .configuration(let document): return try Self.json(document)
            case .capture(let stream):
                return HTTPReply(
                    status: 200, body: [], contentType: "application/vnd.tcpdump.pcap", stream: stream)
            case .health(let document): return try Self.json(document, status: document.ok ? 200 : 503)
            case .metrics(let text):
                return HTTPReply(
                    status: 200, body: Array(text.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
            case .error(let status, let message): return try Self.json(ErrorDocument(error: message), status: status)
            }
        } catch {
            return HTTPReply(
                status: 500, body: Array("{\"error\":\"the answer cannot be written as JSON\",\"schema\":1}\n".utf8))
        }
    }

    private static func json(_ document: some Encodable, status: Int = 200) throws -> HTTPReply {
        HTTPReply(status: status, body: try ControlJSON.encode(document))
    }
}
