// Fuzz target: the body of an UPDATE. Nothing may trap, and what is announced must be the same after a journey through
// the packer, through AttributeFields and through a rewrite for another peer.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzUpdate(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let context = DecodeContext(
        fourOctetAS: input[0] & 1 == 0, families: input[0] & 4 == 0 ? .all : .ipv6, isExternal: input[0] & 2 == 0,
        maximumLength: 65535)
    let body = Array(input.dropFirst())
    guard let update = try? Update.decode(body.span.bytes, in: context) else { return 0 }
    _ = update.description
    for announcement in update.announced { check(announcement, context) }
    return 0
}

private func check(_ announcement: Announcement, _ context: DecodeContext) {
    let attributes = announcement.attributes
    let fields = AttributeFields(attributes)
    let copy = PathAttributes(fields, nextHop: attributes.nextHop, linkLocalNextHop: attributes.linkLocalNextHop)
    precondition(copy == attributes, "fields lose something")
    precondition(copy.summary == attributes.summary, "the summary depends on the way")

    var rewrite = ExportRewrite()
    rewrite.prepend = [ASNumber(rawValue: 4_200_000_000)]
    let exported = attributes.rewritten(rewrite)
    precondition(exported == PathAttributes(AttributeFields(exported), nextHop: exported.nextHop,
        linkLocalNextHop: exported.linkLocalNextHop), "a rewrite is not canonical")

    let context = DecodeContext(fourOctetAS: true, isExternal: context.isExternal, maximumLength: 65535)
    var packer = UpdatePacker(maximumLength: 65535, fourOctetAS: true)
    let left = packer.announce(announcement.prefixes, with: attributes)
    var framer = Framer(maximumLength: 65535)
    framer.append(packer.take())
    var back: [Prefix] = []
    while let message = try? framer.nextMessage(in: context) {
        guard case .update(let update) = message else { preconditionFailure("not an UPDATE") }
        for announcement in update.announced {
            precondition(announcement.attributes == attributes, "the packer changes attributes")
            back += announcement.prefixes
        }
    }
    precondition(back.count + left.count == announcement.prefixes.count, "the packer loses prefixes")
}
