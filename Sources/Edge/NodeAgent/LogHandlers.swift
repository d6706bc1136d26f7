import Glibc
import Logging

/// One line a record on standard error, `key=value` (logfmt) or JSON.
package struct StructuredLogHandler: LogHandler {
    package enum Format: Sendable {
        case logfmt
        case json
    }

    /// A logger's own level comes before the common one.
    package var logLevel: Logger.Level {
        get { ownLevel ?? control.state.level }
        set { ownLevel = newValue }
    }
    package var metadata = Logger.Metadata()
    private var ownLevel: Logger.Level?
    private let control: LogControl

    private var format: Format { control.state.format }

    package init(level: Logger.Level, format: Format) {
        self.init(control: LogControl(level: level, format: format))
    }

    /// Level and form are those of `control` at each line.
    package init(control: LogControl) { self.control = control }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var line = line(time: Self.timestamp(), level: event.level, message: "\(event.message)", metadata: all)
        // One write a line: lines of different loops never mix.
        line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// One line with its end; whatever the texts hold, it is one line.
    func line(time: String, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        var fields = [("time", time), ("level", "\(level)"), ("msg", message)]
        fields += metadata.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        return switch format {
        case .logfmt: fields.map { "\($0.0)=\(Self.quoted($0.1))" }.joined(separator: " ") + "\n"
        case .json: "{" + fields.map { "\(Self.json($0.0)):\(Self.json($0.1))" }.joined(separator: ",") + "}\n"
        }
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func timestamp() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        func pad(_ value: Int, _ width: Int = 2) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = "\(Int(parts.tm_year) + 1900)-\(pad(Int(parts.tm_mon) + 1))-\(pad(Int(parts.tm_mday)))"
        let clock = "\(pad(Int(parts.tm_hour))):\(pad(Int(parts.tm_min))):\(pad(Int(parts.tm_sec)))"
        return "\(date)T\(clock).\(pad(time.tv_nsec / 1_000_000, 3))Z"
    }

    /// Bare when nothing in it could be misread, else a JSON string.
    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3d && $0 < 0x7f }
        return isPlain ? text : json(text)
    }

    /// What could end a line, drive a terminal, or turn the text around: control characters of C0 and C1, line and
    /// paragraph separators, bidirectional controls.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where isUnsafe(scalar):
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
