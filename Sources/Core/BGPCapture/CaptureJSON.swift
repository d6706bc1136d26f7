import NetTypes

/// Messages and notes as JSON Lines: one object in each line, the keys always in the same order.
enum CaptureJSON {
    static func text(_ message: DecodedMessage) -> String {
        var object = JSONLine()
        object.add("number", message.number)
        if let time = message.time { object.add("time", UTCTime.text(nanoseconds: time.nanoseconds)) }
        if let sender = message.sender { object.add("from", "\(sender)") }
        if let receiver = message.receiver { object.add("to", "\(receiver)") }
        object.add("stream", message.stream)
        if let offset = message.streamOffset { object.add("streamOffset", offset) }
        object.add("fileOffset", message.fileOffset)
        object.add("type", message.name)
        object.add("length", message.bytes.count)
        if let context = message.context { object.add("context", context) }
        object.add("announced", list: message.announced.map { JSONLine.quoted("\($0)") })
        object.add("withdrawn", list: message.withdrawn.map { JSONLine.quoted("\($0)") })
        object.add("verdict", raw: verdict(message.verdict))
        object.add("fields", list: message.fields.map { field($0, message.bytes) })
        object.add("octets", hex(message.bytes[...]))
        return object.text + "\n"
    }

    static func text(_ note: CaptureNote) -> String {
        var object = JSONLine()
        object.add("note", note.text)
        if let time = note.time { object.add("time", UTCTime.text(nanoseconds: time.nanoseconds)) }
        switch note.place {
        case .octet(let offset): object.add("fileOffset", offset)
        case .line(let line): object.add("line", line)
        }
        return object.text + "\n"
    }

    private static func verdict(_ verdict: Verdict) -> String {
        var object = JSONLine()
        object.add("action", verdict.action.rawValue)
        object.add("text", verdict.text)
        object.add("sections", list: verdict.sections.map(JSONLine.quoted))
        if let notification = verdict.notification {
            object.add("code", Int(notification.code))
            object.add("subcode", Int(notification.subcode))
            object.add("data", hex(notification.data[...]))
        }
        return object.text
    }

    private static func field(_ field: Field, _ bytes: [UInt8]) -> String {
        var object = JSONLine()
        object.add("offset", field.offset)
        object.add("length", field.count)
        object.add("name", field.name)
        object.add("value", field.value)
        if !field.faults.isEmpty { object.add("faults", list: field.faults.map(JSONLine.quoted)) }
        if field.fields.isEmpty {
            object.add("octets", hex(bytes.dropFirst(field.offset).prefix(field.count)))
        } else {
            object.add("fields", list: field.fields.map { self.field($0, bytes) })
        }
        return object.text
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String { bytes.map(Hex.octet).joined() }
}

/// An object in one line of JSON.
private struct JSONLine {
    private var members: [String] = []

    var text: String { "{\(members.joined(separator: ","))}" }

    mutating func add(_ key: String, raw value: String) { members.append("\"\(key)\":\(value)") }

    mutating func add(_ key: String, _ value: Int) { add(key, raw: String(value)) }

    mutating func add(_ key: String, _ value: String) { add(key, raw: Self.quoted(value)) }

    mutating func add(_ key: String, list: [String]) { add(key, raw: "[\(list.joined(separator: ","))]") }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                result += "\\u00" + Hex.octet(UInt8(truncatingIfNeeded: scalar.value))
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
