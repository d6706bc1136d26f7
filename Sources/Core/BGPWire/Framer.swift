import NetTypes

/// Cuts a byte stream into messages (RFC 4271 section 4.1).
///
/// A message's body is not copied out: `next()` gives its place in the buffer, which stays valid until the next
/// `append`, and `decode(type:body:in:)` reads it there. Consumed bytes are dropped when they are half of the buffer,
/// so the cost per byte is constant however large the reads are.
package struct Framer: Sendable {
    package enum Step: Sendable, Hashable {
        case needMore
        /// `body` is the place of what follows the header.
        case message(type: UInt8, body: Range<Int>)
        /// The stream cannot be read on: this is what to send before closing. It is said again at every further call.
        case malformed(NotificationMessage)
    }

    /// Octets in a header: marker, length, type.
    package static let headerLength = 19

    /// Octets in the longest message allowed: 4096, or 65535 once RFC 8654 was negotiated. OPEN never exceeds 4096.
    package var maximumLength: Int
    /// Passes ROUTE-REFRESH of any length on, because RFC 7313 has an error of its own for a wrong one.
    package var enhancedRouteRefresh = false

    private var buffer: [UInt8] = []
    private var start = 0

    package init(maximumLength: Int = 4096) { self.maximumLength = maximumLength }

    /// Takes over what the OPENs agreed on, for the messages that follow them.
    package mutating func adopt(_ context: DecodeContext) {
        maximumLength = context.maximumLength
        enhancedRouteRefresh = context.enhancedRouteRefresh
    }

    /// Octets that were appended and not yet given out.
    package var pending: Int { buffer.count - start }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        compact()
        buffer.append(contentsOf: bytes)
    }

    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        compact()
        buffer.append(contentsOf: bytes)
    }

    package mutating func append(_ bytes: [UInt8]) { append(bytes[...]) }

    private mutating func compact() {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        } else if start > buffer.count / 2 {
            buffer.removeSubrange(..<start)
            start = 0
        }
    }

    /// The next whole message, if there is one. Wrong lengths and types are told before the rest of the message is
    /// here.
    package mutating func next() -> Step {
        let header = Self.headerLength
        guard pending >= header else { return .needMore }
        let (isSynchronized, length, type) = peek()
        guard isSynchronized else { return .malformed(.notSynchronized) }
        guard (header...max(maximumLength, header)).contains(length) else { return .malformed(.badLength(length)) }
        guard let lengths = lengths(of: type) else { return .malformed(.badType(type)) }
        guard lengths.contains(length) else { return .malformed(.badLength(length)) }
        guard pending >= length else { return .needMore }
        let body = (start + header)..<(start + length)
        start += length
        return .message(type: type, body: body)
    }

    /// The header at `start`, of which all octets are here.
    private func peek() -> (isSynchronized: Bool, length: Int, type: UInt8) {
        let bytes = buffer.span.bytes
        let marker = bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt128.self)
        let length = UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
        return (marker == .max, Int(length), bytes.unsafeLoad(fromByteOffset: start + 18, as: UInt8.self))
    }

    /// Decodes what `next()` has just given out, without a copy.
    package func decode(
        type: UInt8, body: Range<Int>, in context: DecodeContext
    ) throws(NotificationMessage) -> Message {
        let body = body.clamped(to: buffer.startIndex..<buffer.endIndex)
        return try Message.decode(type: type, body: buffer.span.bytes.extracting(body), in: context)
    }

    /// Reads the UPDATE that `next()` has just given out, see `UpdateBatch.read`.
    package func readUpdate(
        _ body: Range<Int>, in context: DecodeContext, into batch: inout UpdateBatch
    ) throws(NotificationMessage) -> [AttributeFault] {
        let body = body.clamped(to: buffer.startIndex..<buffer.endIndex)
        return try batch.read(buffer.span.bytes.extracting(body), in: context)
    }

    /// `next()` and `decode` in one: nil when more bytes are needed.
    package mutating func nextMessage(in context: DecodeContext) throws(NotificationMessage) -> Message? {
        switch next() {
        case .needMore: return nil
        case .malformed(let notification): throw notification
        case .message(let type, let body): return try decode(type: type, body: body, in: context)
        }
    }

    /// Whether the next header is a NOTIFICATION's: if that is malformed, it must not be answered (RFC 4271 section
    /// 6.4).
    package var isNotificationNext: Bool {
        guard pending >= Self.headerLength else { return false }
        return buffer[start..<(start + 16)].allSatisfy { $0 == 0xff } && buffer[start + 18] == MessageType.notification
    }

    /// The octets that were appended and not yet given out.
    package var unread: [UInt8] { Array(buffer[start...]) }

    /// A copy of the message whose body `next()` has just given out, header included, for logs: at most `limit` octets.
    package func message(_ body: Range<Int>, limit: Int = 4096) -> [UInt8] {
        let whole = (body.lowerBound - Self.headerLength)..<body.upperBound
        return Array(buffer[whole.clamped(to: buffer.startIndex..<buffer.endIndex)].prefix(limit))
    }

    /// The lengths that a message of this type may have, header included (RFC 4271 section 6.1, RFC 8654 section 4).
    private func lengths(of type: UInt8) -> ClosedRange<Int>? {
        switch type {
        case MessageType.open: 29...4096
        case MessageType.update: 23...65535
        case MessageType.notification: 21...65535
        case MessageType.keepalive: 19...19
        case MessageType.routeRefresh: enhancedRouteRefresh ? 19...65535 : 23...23
        default: nil
        }
    }
}

/// Type codes of messages.
enum MessageType {
    static let open: UInt8 = 1
    static let update: UInt8 = 2
    static let notification: UInt8 = 3
    static let keepalive: UInt8 = 4
    static let routeRefresh: UInt8 = 5
}
