import BGPWire
import NetTypes

extension DecodeContext {
    fileprivate init(_ choice: UInt8) {
        self.init(
            fourOctetAS: choice & 1 == 0, families: choice & 8 == 0 ? .all : .ipv4, isExternal: choice & 2 == 0,
            maximumLength: choice & 4 == 0 ? 4096 : 65535)
        if choice & 32 != 0 { pathIDs = .all }
    }
}

/// The pieces that a stream arrives in must not matter.
func fuzzStream(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let context = DecodeContext(choice)
    let whole = transcript(bytes.dropFirst(), piece: bytes.count, in: context)
    let pieces = transcript(bytes.dropFirst(), piece: Int(choice >> 4) + 1, in: context)
    precondition(whole == pieces, "the pieces matter")
}

/// What a stream turns into: messages in words, and the error that ends it.
private func transcript(_ bytes: ArraySlice<UInt8>, piece: Int, in context: DecodeContext) -> [String] {
    var framer = Framer(maximumLength: context.maximumLength)
    var (rest, lines) = (bytes, [String]())
    do throws(NotificationMessage) {
        while !rest.isEmpty {
            framer.append(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            while let message = try framer.nextMessage(in: context) {
                lines.append("\(message)")
                var writer = ByteWriter()
                message.encode(into: &writer, in: context)
            }
        }
    } catch {
        lines.append("error \(error)")
    }
    return lines
}

/// What is announced must be the same after a journey through the packer, `AttributeFields` and a rewrite for another
/// peer.
func fuzzUpdate(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let context = DecodeContext(choice)
    let body = Array(bytes.dropFirst())
    guard let update = try? Update.decode(body.span.bytes, in: context) else { return }
    _ = update.description
    for announcement in update.announced {
        checkAttributes(announcement.attributes)
        checkPacking(announcement, isExternal: context.isExternal)
    }
}

private func checkAttributes(_ attributes: PathAttributes) {
    let copy = PathAttributes(
        AttributeFields(attributes), nextHop: attributes.nextHop, linkLocalNextHop: attributes.linkLocalNextHop)
    precondition(copy == attributes, "fields lose something")
    precondition(copy.summary == attributes.summary, "the summary depends on the way")

    var rewrite = ExportRewrite()
    rewrite.prepend = [ASNumber(rawValue: 4_200_000_000)]
    let exported = attributes.rewritten(rewrite)
    let again = PathAttributes(
        AttributeFields(exported), nextHop: exported.nextHop, linkLocalNextHop: exported.linkLocalNextHop)
    precondition(exported == again, "a rewrite is not canonical")
}

private func checkPacking(_ announcement: Announcement, isExternal: Bool) {
    let context = DecodeContext(fourOctetAS: true, isExternal: isExternal, maximumLength: 65535)
    var packer = UpdatePacker(maximumLength: 65535, fourOctetAS: true)
    let left = packer.announce(announcement.prefixes, with: announcement.attributes)
    var framer = Framer(maximumLength: 65535)
    framer.append(packer.take())
    var back: [Prefix] = []
    while let message = try? framer.nextMessage(in: context) {
        guard case .update(let update) = message else { preconditionFailure("not an UPDATE") }
        for packed in update.announced {
            precondition(packed.attributes == announcement.attributes, "the packer changes attributes")
            back += packed.prefixes
        }
    }
    precondition(back.count + left.count == announcement.prefixes.count, "the packer loses prefixes")
}
