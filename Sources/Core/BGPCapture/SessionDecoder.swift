import BGPSession
import BGPWire
import NetTypes

/// One connection: cuts both directions into messages and judges each as the receiver would.
struct SessionDecoder: Sendable {
    /// One direction.
    private struct Half: Sendable {
        var framer = Framer(maximumLength: 65535)
        /// The same octets as the framer has, for those who want to see them.
        var bytes = ByteQueue()
        /// Octets of the stream before what is in `bytes`.
        var base = 0
        /// The place in the stream is known.
        var isPlaced = false
        /// Octets are lost: messages begin again at a marker.
        var isSearching = false
        var skipped = 0
        /// The first of them.
        var skippedHead: [UInt8] = []
        var open: Open?
        /// The state of who receives this direction.
        var state = PassiveState.unknown
        /// What was shown last.
        var words: String?
    }

    /// Where octets come from.
    struct Origin: Sendable {
        var time: CaptureTime?
        /// Place of the record; nil where the file is the stream.
        var fileOffset: Int?
    }

    private static let header = Framer.headerLength
    /// Octets between messages that are shown.
    private static let shownSkipped = 64

    let number: Int
    /// The two sides; nil where the capture does not tell.
    let ends: [Endpoint]?
    private let settings: CaptureSettings
    private var hint: ContextHint?
    private var halves = [Half(), Half()]
    private var entries: [CaptureEntry] = []
    /// What both directions are read with, until an OPEN changes it.
    private var contexts: [SessionContext?] = [nil, nil]

    init(number: Int, ends: [Endpoint]?, _ settings: CaptureSettings) {
        (self.number, self.ends, self.settings) = (number, ends, settings)
    }

    mutating func take() -> [CaptureEntry] {
        defer { entries = [] }
        return entries
    }

    /// The connection begins here: direction 0 or 1 is at its first octet.
    mutating func begin(_ direction: Int) {
        let other = halves[1 - direction].state
        contexts = [nil, nil]
        halves[direction] = Half()
        halves[direction].isPlaced = true
        halves[direction].state = .openSent
        // A connection that is opened anew while the old one's other half is still here.
        if other != .openSent { halves[1 - direction] = Half() }
    }

    /// The capture begins within the connection: messages begin at the next marker.
    mutating func beginWithin(_ direction: Int) { halves[direction].isSearching = true }

    mutating func use(_ hint: ContextHint) {
        guard hint != self.hint else { return }
        self.hint = hint
        contexts = [nil, nil]
    }

    /// Octets of one direction that follow the last ones.
    mutating func add(_ bytes: [UInt8], _ direction: Int, _ origin: Origin) {
        halves[direction].bytes.append(bytes[...])
        if !halves[direction].isSearching { halves[direction].framer.append(bytes) }
        while !halves[direction].isSearching || search(direction, origin), cut(direction, origin) {}
    }

    /// So many octets of one direction are not in the capture.
    mutating func lose(_ count: Int, _ direction: Int, _ origin: Origin) {
        abandon(direction, origin, "\(count) octet\(count == 1 ? " is" : "s are") not in the capture")
        halves[direction].base += count
        halves[direction].state = .unknown
    }

    /// The connection, or the capture, ends.
    mutating func finish(_ direction: Int, _ origin: Origin) {
        if halves[direction].isSearching {
            pass(halves[direction].bytes.count, direction)
            tellSkipped(direction, origin, "without a marker after them")
        } else if halves[direction].bytes.count > 0 {
            incomplete(direction, origin, "the stream ends within this message")
        }
        let (open, words) = (halves[direction].open, halves[direction].words)
        halves[direction] = Half()
        (halves[direction].open, halves[direction].words) = (open, words)
    }

    /// A collector's record ends: what is left of it does not belong to the next.
    mutating func endRecord(_ direction: Int, _ origin: Origin) {
        guard halves[direction].bytes.count > 0 || halves[direction].isSearching else { return }
        finish(direction, origin)
    }

    // MARK: Cutting

    /// Takes one message; false when more octets are needed.
    private mutating func cut(_ direction: Int, _ origin: Origin) -> Bool {
        let context = self.context(direction)
        halves[direction].framer.adopt(context.decode)
        let isNotification = halves[direction].framer.isNotificationNext
        switch halves[direction].framer.next() {
        case .needMore: return false
        case .malformed(let notification):
            let verdict =
                isNotification && notification.code == 1
                ? Verdict(
                    .sessionReset, "\(notification); a NOTIFICATION is not answered", ["RFC 4271 section 6.4"])
                : Verdict.reset(notification)
            malformed(verdict, direction, context, origin)
            return true
        case .message(let type, let body):
            let bytes = halves[direction].bytes.copy(from: 0, count: Self.header + body.count)
            let result: Result<Message, NotificationMessage>
            do throws(NotificationMessage) {
                result = .success(try halves[direction].framer.decode(type: type, body: body, in: context.decode))
            } catch {
                result = .failure(error)
            }
            var message = message(bytes, type, direction, context, origin)
            judge(result, type, direction, context, &message)
            halves[direction].bytes.drop(bytes.count)
            halves[direction].base += bytes.count
            entries.append(.message(message))
            return true
        }
    }

    private func message(
        _ bytes: [UInt8], _ type: UInt8?, _ direction: Int, _ context: SessionContext, _ origin: Origin
    ) -> DecodedMessage {
        DecodedMessage(
            number: 0, time: origin.time, sender: ends?[direction], receiver: ends?[1 - direction], stream: number,
            streamOffset: halves[direction].isPlaced ? halves[direction].base : nil,
            fileOffset: origin.fileOffset ?? halves[direction].base,
            bytes: bytes, type: type,
            fields: Dissector.fields(bytes, in: context.decode),
            verdict: Verdict(.incomplete, "", []))
    }

    private mutating func judge(
        _ result: Result<Message, NotificationMessage>, _ type: UInt8, _ direction: Int, _ context: SessionContext,
        _ message: inout DecodedMessage
    ) {
        let state = halves[direction].state
        switch result {
        case .failure(let notification): message.verdict = .reset(notification)
        case .success(let value):
            message.verdict = state.expects(type) ? verdict(value, direction, context) : .unexpected(type, state: state)
            if state.expects(type) { halves[direction].state = state.after(type) }
            guard case .update(let update) = value else { break }
            message.announced = update.announced.flatMap(\.prefixes)
            message.withdrawn = update.withdrawn
            mark(update.faults, &message)
        }
        let isDependent = type == 2 || type == 5
        if isDependent, halves[direction].words != context.words {
            halves[direction].words = context.words
            message.context = context.words
        }
    }

    private mutating func verdict(_ message: Message, _ direction: Int, _ context: SessionContext) -> Verdict {
        switch message {
        case .open(let open):
            halves[direction].open = open
            contexts = [nil, nil]
            let receiver = halves[1 - direction].open
            let isExternal = hint?.isExternal ?? settings.isExternal
            let ours = receiver ?? OpenJudgement.ourOpen(to: open, isExternal: isExternal)
            switch OpenJudgement(of: open, answering: ours) {
            case .accepted(let negotiated):
                let hold = negotiated.holdTime.wholeSeconds
                let families = negotiated.families.families.map { "\($0)-unicast" }.joined(separator: ", ")
                return Verdict(
                    .accepted, "AS \(open.asNumber), \(families), hold time \(hold) s", ["RFC 4271 section 4.2"])
            case .refused(let notification, let text): return .reset(notification, text)
            }
        case .update(let update): return .update(update)
        case .notification(let notification): return .notification(notification)
        case .keepalive: return Verdict(.accepted, "", ["RFC 4271 section 4.4"])
        case .routeRefresh(let refresh): return .refresh(refresh, in: context.decode)
        }
    }

    /// Writes what was found beside the attribute it was found in.
    private func mark(_ faults: [AttributeFault], _ message: inout DecodedMessage) {
        for fault in faults where fault.code != 0 {
            guard let index = message.fields.firstIndex(where: { $0.attribute == fault.code }) else { continue }
            message.fields[index].faults.append("\(fault) (\(RFCSections.of(fault)))")
        }
    }

    private mutating func context(_ direction: Int) -> SessionContext {
        if let known = contexts[direction] { return known }
        let context = SessionContext(
            sender: halves[direction].open, receiver: halves[1 - direction].open, hint: hint, settings)
        contexts[direction] = context
        return context
    }

    // MARK: Lost octets

    /// The header that cannot be; what follows it is passed over, up to the next marker.
    private mutating func malformed(
        _ verdict: Verdict, _ direction: Int, _ context: SessionContext, _ origin: Origin
    ) {
        let bytes = halves[direction].bytes.copy(from: 0, count: Self.header)
        var message = message(bytes, bytes.last, direction, context, origin)
        message.verdict = verdict
        entries.append(.message(message))
        halves[direction].state = .unknown
        halves[direction].isSearching = true
        // The next header may begin within this one.
        pass(1, direction)
    }

    /// Drops octets that are in no message.
    private mutating func pass(_ count: Int, _ direction: Int) {
        let room = Self.shownSkipped - halves[direction].skippedHead.count
        halves[direction].skippedHead += halves[direction].bytes.copy(from: 0, count: min(count, room))
        halves[direction].bytes.drop(count)
        halves[direction].base += count
        halves[direction].skipped += count
    }

    /// A message of which octets are lost, or that the stream ends in.
    private mutating func incomplete(_ direction: Int, _ origin: Origin, _ why: String) {
        let length = halves[direction].bytes.u16(at: 16)
        let bytes = halves[direction].bytes.copy(from: 0, count: 65535)
        let type = halves[direction].bytes.byte(at: 18)
        var message = message(bytes, type, direction, context(direction), origin)
        let wanted = length.map { "\(bytes.count) of \($0)" } ?? "\(bytes.count)"
        message.verdict = Verdict(.incomplete, "\(wanted) octets; \(why)", [])
        entries.append(.message(message))
        halves[direction].bytes.drop(bytes.count)
        halves[direction].base += bytes.count
    }

    private mutating func abandon(_ direction: Int, _ origin: Origin, _ why: String) {
        if halves[direction].isSearching {
            pass(halves[direction].bytes.count, direction)
        } else if halves[direction].bytes.count > 0 {
            incomplete(direction, origin, why)
        }
        note(direction, origin, why)
        halves[direction].bytes = ByteQueue()
        halves[direction].isSearching = true
    }

    /// Looks for the next marker, to go on there; false when it is not here yet.
    private mutating func search(_ direction: Int, _ origin: Origin) -> Bool {
        let found = findMarker(direction, from: 0)
        // What is left may be the begin of a header.
        let place = found ?? max(0, halves[direction].bytes.count - (Self.header - 1))
        pass(place, direction)
        guard found != nil else { return false }
        tellSkipped(direction, origin, "up to the next marker")
        halves[direction].isSearching = false
        halves[direction].framer = Framer(maximumLength: 65535)
        let left = halves[direction].bytes.count
        halves[direction].framer.append(halves[direction].bytes.copy(from: 0, count: left))
        return true
    }

    private mutating func tellSkipped(_ direction: Int, _ origin: Origin, _ why: String) {
        let (count, head) = (halves[direction].skipped, halves[direction].skippedHead)
        (halves[direction].skipped, halves[direction].skippedHead) = (0, [])
        guard count > 0 else { return }
        let octets = Hex.text(head) + (count > head.count ? " ..." : "")
        note(direction, origin, "\(count) octet\(count == 1 ? " is" : "s are") passed over, \(why): \(octets)")
    }

    /// The place of a whole header with a length and a type that can be.
    private func findMarker(_ direction: Int, from place: Int) -> Int? {
        let bytes = halves[direction].bytes
        var ones = 0
        var index = place
        while let byte = bytes.byte(at: index), index + 3 < bytes.count {
            ones = byte == 0xff ? ones + 1 : 0
            if ones >= 16, let length = bytes.u16(at: index + 1), length >= Self.header,
                let type = bytes.byte(at: index + 3), (1...5).contains(type)
            {
                return index - 15
            }
            index += 1
        }
        return nil
    }

    private mutating func note(_ direction: Int, _ origin: Origin, _ text: String) {
        let stream = ends.map { "\($0[direction]) > \($0[1 - direction]): " } ?? ""
        entries.append(
            .note(
                CaptureNote(
                    time: origin.time, place: .octet(origin.fileOffset ?? halves[direction].base), text: stream + text))
        )
    }
}
