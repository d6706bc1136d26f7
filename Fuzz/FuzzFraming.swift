// Fuzz target: a stream of octets as a peer sends it. Nothing may trap, and the pieces it arrives in must not matter.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzFraming(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let context = DecodeContext(
        fourOctetAS: input[0] & 1 == 0, isExternal: input[0] & 2 == 0, maximumLength: input[0] & 4 == 0 ? 4096 : 65535)
    let whole = transcript(input[1...], piece: input.count, in: context)
    let pieces = transcript(input[1...], piece: Int(input[0] >> 3) + 1, in: context)
    precondition(whole == pieces, "the pieces matter")
    return 0
}

/// What a stream turns into: messages in words, and the error that ends it.
private func transcript(_ bytes: ArraySlice<UInt8>, piece: Int, in context: DecodeContext) -> [String] {
    var framer = Framer(maximumLength: context.maximumLength)
    var lines: [String] = []
    var rest = bytes
    do throws(NotificationMessage) {
        while !rest.isEmpty {
            framer.append(rest.prefix(piece))
            rest = rest.dropFirst(piece)
            while let message = try framer.nextMessage(in: context) { lines.append("\(message)") }
        }
    } catch {
        lines.append("error \(error)")
    }
    return lines
}
