import BGPWire
import NetTypes
import TestKit
import Testing

/// What a stream of messages turns into, in words and in values.
struct Transcript {
    var messages: [Message] = []
    var lines: [String] = []
    /// What ended the stream: nobody would encode it.
    var error: NotificationMessage?
    var isMalformed: Bool { error != nil }

    /// Feeds `bytes` in pieces of `size` octets.
    init(_ bytes: [UInt8], chunk size: Int = .max, in context: DecodeContext) {
        var framer = Framer()
        framer.adopt(context)
        var rest = bytes[...]
        repeat {
            let piece = rest.prefix(size)
            rest = rest.dropFirst(piece.count)
            framer.append(piece)
            guard drain(&framer, context) else { return }
        } while !rest.isEmpty
        if framer.pending > 0 { lines.append("incomplete: \(framer.pending) octets left") }
    }

    private mutating func drain(_ framer: inout Framer, _ context: DecodeContext) -> Bool {
        do throws(NotificationMessage) {
            while let message = try framer.nextMessage(in: context) {
                messages.append(message)
                lines.append("\(message)")
            }
            return true
        } catch {
            self.error = error
            lines.append("error \(error.code).\(error.subcode) \(error)")
            return false
        }
    }

    var text: String { lines.joined(separator: "\n\n") + "\n" }
}

extension DecodeContext {
    init(_ fixture: Fixture) {
        let words = fixture.context
        self.init(
            fourOctetAS: !words.contains("two-octet-as"),
            families: words.contains("ipv4-only") ? .ipv4 : words.contains("ipv6-only") ? .ipv6 : .all,
            isExternal: !words.contains("internal"),
            maximumLength: words.contains("extended-messages") ? 65535 : 4096,
            enhancedRouteRefresh: words.contains("enhanced-refresh"))
        if words.contains("add-path") { pathIDs = .all }
        if words.contains("extended-next-hop") { extendedNextHop = .ipv4 }
    }
}

@Suite struct FixtureTests {
    static let fixtures = Result { try Fixture.all(under: "messages") + Fixture.all(under: "captures") }

    @Test func `there are fixtures of every type`() throws {
        let names = try Self.fixtures.get().map(\.name)
        for type in ["open", "update", "notification", "keepalive", "route-refresh"] {
            #expect(names.contains { $0.hasPrefix("messages/\(type)/") })
        }
    }

    @Test func `every fixture names its origin`() throws {
        for fixture in try Self.fixtures.get() { #expect(fixture.directives["origin"] != nil, "\(fixture)") }
    }

    @Test func `decoding gives the text`() throws {
        for fixture in try Self.fixtures.get() {
            let transcript = Transcript(fixture.bytes, in: DecodeContext(fixture))
            if Fixture.isUpdating { try fixture.write(text: transcript.text) }
            #expect(Fixture.isUpdating || transcript.text == fixture.text, "\(fixture)")
        }
    }

    @Test func `encoding gives the bytes`() throws {
        for fixture in try Self.fixtures.get() {
            let context = DecodeContext(fixture)
            let transcript = Transcript(fixture.bytes, in: context)
            guard !transcript.isMalformed else { continue }
            var writer = ByteWriter()
            for message in transcript.messages { message.encode(into: &writer, in: context) }
            if let reason = fixture.decodeOnly {
                #expect(writer.bytes != fixture.bytes, "\(fixture) could be tested both ways, but says: \(reason)")
            } else {
                #expect(hexText(writer.bytes) == hexText(fixture.bytes), "\(fixture)")
            }
        }
    }

    @Test(arguments: [1, 2, 7, 18, 19, 20, 21, 22, 23, 29, 64, 4095, 4096, 4097])
    func `arrival in any pieces gives the same text`(size: Int) throws {
        for fixture in try Self.fixtures.get() {
            let context = DecodeContext(fixture)
            let text = Transcript(fixture.bytes, chunk: size, in: context).text
            #expect(text == Transcript(fixture.bytes, in: context).text, "\(fixture)")
        }
    }

    /// The messages of a stream in these pieces, each as a hash of its beginning: what one means depends on nothing
    /// else.
    private func steps(_ pieces: [ArraySlice<UInt8>], in context: DecodeContext) -> [Int] {
        var framer = Framer()
        framer.adopt(context)
        var found: [Int] = []
        for piece in pieces {
            framer.append(piece)
            reading: while true {
                switch framer.next() {
                case .needMore: break reading
                case .message(let type, let body):
                    var hasher = Hasher()
                    hasher.combine(type)
                    hasher.combine(body.count)
                    // Its beginning tells it from every other place in the buffer.
                    hasher.combine(framer.message(body, limit: 80))
                    found.append(hasher.finalize())
                case .malformed(let error): return found + [error.hashValue]
                }
            }
        }
        return found
    }

    @Test func `a cut at any place changes nothing`() throws {
        for fixture in try Self.fixtures.get() {
            let context = DecodeContext(fixture)
            let whole = steps([fixture.bytes[...]], in: context)
            for place in fixture.bytes.indices {
                let parts = [fixture.bytes[..<place], fixture.bytes[place...]]
                #expect(steps(parts, in: context) == whole, "\(fixture) cut at \(place)")
            }
            #expect(steps(fixture.bytes.indices.map { fixture.bytes[$0...$0] }, in: context) == whole, "\(fixture)")
        }
    }
}
