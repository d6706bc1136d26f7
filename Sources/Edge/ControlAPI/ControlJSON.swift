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

extension ControlReply {
    /// HTTP status and body.
    func encoded() -> (status: Int, body: [UInt8]) {
        do {
            switch self {
            case .status(let document): return (200, try ControlJSON.encode(document))
            case .sessions(let document): return (200, try ControlJSON.encode(document))
            case .routes(let document): return (200, try ControlJSON.encode(document))
            case .fib(let document): return (200, try ControlJSON.encode(document))
            case .pods(let document): return (200, try ControlJSON.encode(document))
            case .error(let status, let message): return (status, try ControlJSON.encode(ErrorDocument(error: message)))
            }
        } catch {
            return (500, Array("{\"error\":\"the answer cannot be written as JSON\",\"schema\":1}\n".utf8))
        }
    }
}
