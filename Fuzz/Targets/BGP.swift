import BGPWire
import NetTypes

extension DecodeContext {
    /// Every combination that two OPENs can agree on.
    init(_ input: inout FuzzInput) {
        let choice = input.byte()
        self.init(
            fourOctetAS: choice & 1 == 0, families: choice & 8 == 0 ? .all : choice & 16 == 0 ? .ipv4 : .ipv6,
            isExternal: choice & 2 == 0, maximumLength: choice & 4 == 0 ? 4096 : 65535,
            enhancedRouteRefresh: choice & 32 != 0)
        if choice & 64 != 0 { pathIDs = .all }
        if choice & 128 == 0 { extendedNextHop = .ipv4 }
    }
}

/// The pieces that a stream arrives in must not matter, and what was read must be what is written again.
func fuzzStream(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let context = DecodeContext(&input)
    let piece = Int(input.byte())
    let stream = input.take(.max)
    let whole = Transcript(stream, piece: max(1, stream.count), in: context)
    let pieces = Transcript(stream, piece: piece & 63 + 1, in: context)
    mustHold(whole.messages == pieces.messages && whole.error == pieces.error, "the pieces matter")
    for message in whole.messages { checkEncoding(message, in: context) }
    // Words are slow to make: one stream in four is put into them.
    guard piece & 0xc0 == 0 else { return }
    for message in whole.messages { _ = message.description }
    _ = whole.error?.description
}

/// What a stream turns into: messages, and the error that ends it.
private struct Transcript {
    var messages: [Message] = []
    var error: NotificationMessage?

    init(_ bytes: ArraySlice<UInt8>, piece: Int, in context: DecodeContext) {
        var framer = Framer()
        framer.adopt(context)
        var rest = bytes
        do throws(NotificationMessage) {
            while !rest.isEmpty {
                framer.append(rest.prefix(piece))
                rest = rest.dropFirst(piece)
                while let message = try framer.nextMessage(in: context) { messages.append(message) }
            }
        } catch {
            self.error = error
            // It is said again, whatever follows.
            framer.append([0xff, 0])
            mustHold((try? framer.nextMessage(in: context)) == nil || !isFramingError, "an error is forgotten")
        }
    }

    private var isFramingError: Bool { error?.code == 1 }
}

/// A message that is written and read again is the same. UPDATEs are `checkUpdate`'s.
private func checkEncoding(_ message: Message, in context: DecodeContext) {
    var writer = ByteWriter()
    message.encode(into: &writer, in: context)
    if case .update = message { return }
    var framer = Framer()
    framer.adopt(context)
    framer.append(writer.bytes)
    let again = try? framer.nextMessage(in: context)
    switch message {
    // An OPEN as large as a message may be is written differently where its parameters were.
    case .open where writer.bytes.count > 4096: break
    // A text that filled an extended message is cut to what every peer takes.
    case .notification(let notification) where notification.data.count > 4000: break
    default: mustHold(again == message, "\(message.description) is not what is read again")
    }
}

/// What is announced must be the same after a journey through the packer, `AttributeFields` and a rewrite for another
/// peer.
func fuzzUpdate(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let context = DecodeContext(&input)
    let words = input.byte()
    let body = Array(input.take(.max))
    let update = try? Update.decode(body.span.bytes, in: context)
    checkBatch(body, update, in: context)
    guard let update else { return }
    if words & 0xc0 == 0 { _ = update.description }
    for announcement in update.announced {
        checkAttributes(announcement.attributes)
        checkPacking(announcement, isExternal: context.isExternal)
    }
}

/// Behind another UPDATE it must be read as it is by itself, and leave nothing there when it is refused.
private func checkBatch(_ body: [UInt8], _ update: Update?, in context: DecodeContext) {
    var batch: UpdateBatch = [Update(endOfRIB: .ipv6)]
    let faults = try? batch.read(body.span.bytes, in: context)
    mustHold(faults == update?.faults, "a batch is judged differently")
    mustHold(faults != nil || batch.entries.count == 1, "a refused UPDATE leaves something in a batch")
    let announced = update?.announced.reduce(0) { $0 + $1.prefixes.count } ?? 0
    mustHold(batch.announcedCount == announced, "a batch loses prefixes")
    for (announcement, entry) in zip(update?.announced ?? [], batch.entries.filter { $0.action == .announce }) {
        mustHold(batch.attributes(entry) == announcement.attributes, "a batch changes attributes")
        mustHold(Array(batch.prefixes(entry)) == announcement.prefixes, "a batch changes prefixes")
    }
}

private func checkAttributes(_ attributes: PathAttributes) {
    let copy = PathAttributes(
        AttributeFields(attributes), nextHop: attributes.nextHop, linkLocalNextHop: attributes.linkLocalNextHop)
    mustHold(copy == attributes, "fields lose something")
    mustHold(copy.summary == attributes.summary, "the summary depends on the way")

    var rewrite = ExportRewrite()
    rewrite.prepend = [ASNumber(rawValue: 4_200_000_000)]
    let exported = attributes.rewritten(rewrite)
    let again = PathAttributes(
        AttributeFields(exported), nextHop: exported.nextHop, linkLocalNextHop: exported.linkLocalNextHop)
    mustHold(exported == again, "a rewrite is not canonical")
}

private func checkPacking(_ announcement: Announcement, isExternal: Bool) {
    var context = DecodeContext(fourOctetAS: true, isExternal: isExternal, maximumLength: 65535)
    context.extendedNextHop = .ipv4
    var packer = UpdatePacker(maximumLength: 65535, fourOctetAS: true)
    let left = packer.announce(announcement.prefixes, with: announcement.attributes)
    var framer = Framer(maximumLength: 65535)
    framer.append(packer.take())
    var back: [Prefix] = []
    while let message = try? framer.nextMessage(in: context) {
        guard case .update(let update) = message else { fatalError("not an UPDATE") }
        for packed in update.announced {
            mustHold(packed.attributes == announcement.attributes, "the packer changes attributes")
            back += packed.prefixes
        }
    }
    mustHold(back.count + left.count == announcement.prefixes.count, "the packer loses prefixes")
}
