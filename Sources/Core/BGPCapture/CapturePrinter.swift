import NetTypes

/// Which messages are shown, and how.
package struct CapturePrinter: Sendable {
    /// How much is told of a message.
    package enum Form: Sendable, Hashable, CaseIterable {
        /// Field by field.
        case full
        /// One line.
        case summary
        /// One JSON object in a line.
        case json
    }

    package var form = Form.full
    /// Type codes; empty: all.
    package var types: Set<UInt8> = []
    /// Only messages with a prefix that lies in this one, or that it lies in.
    package var prefix: Prefix?
    /// Octets of a field that are shown as digits.
    private static let shownOctets = 24

    package init() {}

    /// The type code of a name as operators write it: `update`, `UPDATE`, `route-refresh`, `2`.
    package static func type(named name: some StringProtocol) -> UInt8? {
        let names = ["open": 1, "update": 2, "notification": 3, "keepalive": 4, "route-refresh": 5] as [String: UInt8]
        return names[name.lowercased()] ?? UInt8(name)
    }

    /// Whether a message is among those asked for.
    package func shows(_ message: DecodedMessage) -> Bool {
        if !types.isEmpty {
            guard let type = message.type, types.contains(type) else { return false }
        }
        guard let prefix else { return true }
        return (message.announced + message.withdrawn).contains { $0.overlaps(prefix) }
    }

    /// The text of an entry with its line feed; nil when it is not asked for.
    package func text(_ entry: CaptureEntry) -> String? {
        switch entry {
        case .note(let note): text(note)
        case .message(let message) where shows(message):
            switch form {
            case .full: full(message)
            case .summary: summary(message)
            case .json: CaptureJSON.text(message)
            }
        case .message: nil
        }
    }

    // MARK: Notes

    private func text(_ note: CaptureNote) -> String? {
        // Who asks for some messages only gets nothing else but what is amiss.
        if form == .json { return CaptureJSON.text(note) }
        let place =
            switch note.place {
            case .octet(let offset): "octet \(offset) of the file"
            case .line(let line): "line \(line)"
            }
        let line = "-- \(note.text) (\(place))\n"
        return form == .full ? line + "\n" : line
    }

    // MARK: One line

    private func summary(_ message: DecodedMessage) -> String {
        var parts = ["\(message.number)"]
        if let time = message.time { parts.append(UTCTime.text(nanoseconds: time.nanoseconds)) }
        if let ends = Self.ends(message) { parts.append(ends) }
        parts.append(message.name)
        var text = parts.joined(separator: "  ")
        let words = Self.words(message)
        if !words.isEmpty { text += " \(words)" }
        return "\(text): \(message.verdict.line)\n"
    }

    /// `10.0.0.1:179 > 10.0.0.2:40000`.
    private static func ends(_ message: DecodedMessage) -> String? {
        guard let sender = message.sender, let receiver = message.receiver else { return nil }
        return "\(sender) > \(receiver)"
    }

    /// The prefixes, at most six.
    private static func words(_ message: DecodedMessage) -> String {
        let all = message.announced.map { "+\($0)" } + message.withdrawn.map { "-\($0)" }
        let more = all.count > 6 ? " and \(all.count - 6) more" : ""
        return all.prefix(6).joined(separator: " ") + more
    }

    // MARK: Field by field

    private func full(_ message: DecodedMessage) -> String {
        var head = ["#\(message.number) \(message.name), \(message.bytes.count) octets"]
        if let time = message.time { head.append(UTCTime.text(nanoseconds: time.nanoseconds)) }
        if let ends = Self.ends(message) { head.append(ends) }
        let stream = message.streamOffset.map { "stream \(message.stream), octet \($0)" } ?? "stream \(message.stream)"
        head.append("\(stream), octet \(message.fileOffset) of the file")
        var lines = [head.joined(separator: "  ")]
        if let context = message.context { lines.append("  context: \(context)") }
        for field in message.fields { add(field, depth: 0, message.bytes, &lines) }
        lines.append("  verdict: \(message.verdict.line)")
        return lines.joined(separator: "\n") + "\n\n"
    }

    private func add(_ field: Field, depth: Int, _ bytes: [UInt8], _ lines: inout [String]) {
        let offset = String(field.offset)
        let indent = String(repeating: " ", count: max(0, 6 - offset.count)) + offset + "  "
        let deeper = String(repeating: "  ", count: depth)
        var line = indent + deeper + field.name
        if !field.value.isEmpty { line += ": \(field.value)" }
        if field.fields.isEmpty, field.count > 0 {
            line += "  [\(Hex.text(bytes.dropFirst(field.offset).prefix(field.count), limit: Self.shownOctets))]"
        }
        lines.append(line)
        for fault in field.faults { lines.append("        \(deeper)  ! \(fault)") }
        for part in field.fields { add(part, depth: depth + 1, bytes, &lines) }
    }
}
