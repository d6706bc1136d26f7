import BGPWire
import CNIPlugin
import NetTypes
import NodeAgent

/// What reads bytes that others wrote: nothing of it may trap, hang or contradict itself, whatever the bytes are.
///
/// `make fuzz` looks for inputs that break this; `FuzzTests` runs what is in `Fuzz/corpus`, which is also where an input goes
/// that once did.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A stream of BGP messages, headers included. The first octet chooses what was negotiated.
    case stream
    /// The body of one UPDATE, which a stream with its markers rarely gets to. The first octet as above.
    case update
    /// A CNI plugin's standard input, and the result of an earlier plugin in it.
    case cni
    /// The agent's configuration.
    case configuration

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .stream: fuzzStream(bytes)
        case .update: fuzzUpdate(bytes)
        case .cni: fuzzCNI(bytes)
        case .configuration: fuzzConfiguration(bytes)
        }
    }
}

extension DecodeContext {
    fileprivate init(_ choice: UInt8) {
        self.init(
            fourOctetAS: choice & 1 == 0, families: choice & 2 == 0 ? .all : .ipv4, isExternal: choice & 4 == 0,
            maximumLength: choice & 8 == 0 ? 4096 : 65535)
    }
}

/// What a stream says, fed in pieces of `size` octets.
private func messages(_ bytes: ArraySlice<UInt8>, chunk size: Int, in context: DecodeContext) -> [String] {
    var framer = Framer(maximumLength: context.maximumLength)
    var (rest, said) = (bytes, [String]())
    while !rest.isEmpty {
        framer.append(rest.prefix(size))
        rest = rest.dropFirst(size)
        do throws(NotificationMessage) {
            while let message = try framer.nextMessage(in: context) {
                said.append("\(message)")
                var writer = ByteWriter()
                message.encode(into: &writer, in: context)
            }
        } catch {
            return said + ["\(error)"]
        }
    }
    return said
}

private func fuzzStream(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let context = DecodeContext(choice)
    let whole = messages(bytes.dropFirst(), chunk: 65536, in: context)
    precondition(whole == messages(bytes.dropFirst(), chunk: 7, in: context), "the stream reads differently in pieces")
}

private func fuzzUpdate(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let context = DecodeContext(choice)
    let body = Array(bytes.dropFirst())
    guard let update = try? Update.decode(body.span.bytes, in: context) else { return }
    var writer = ByteWriter()
    Message.update(update).encode(into: &writer, in: context)
    var framer = Framer(maximumLength: context.maximumLength)
    framer.append(writer.bytes)
    // What we would send is well-formed to ourselves.
    while case .message(let type, let range) = framer.next() {
        do { _ = try framer.decode(type: type, body: range, in: context) } catch { preconditionFailure("\(error)") }
    }
    precondition(framer.pending == 0, "our own encoding cannot be framed")
}

private func fuzzCNI(_ bytes: [UInt8]) {
    guard let tree = try? JSONValue(parsing: bytes) else { return }
    var written: [UInt8] = []
    tree.write(into: &written)
    precondition((try? JSONValue(parsing: written)) == tree, "JSON reads differently after it was written")
    _ = try? AttachmentResult(tree)
    guard let config = try? NetworkConfig(bytes) else { return }
    _ = (config.ipam, config.stateDirectory, config.validAttachments)
    if let previous = config.prevResult, let result = try? AttachmentResult(previous) {
        _ = result.json(version: config.version)
    }
}

private func fuzzConfiguration(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let (configuration, problems) = Configuration.load(text: text, file: "fuzz", hostname: "node")
    precondition(configuration != nil || !problems.isEmpty, "refused without a reason")
    precondition(problems.allSatisfy { $0.line >= 1 && $0.column >= 1 }, "a problem without a place")
}
