extension Render {
    /// `martletctl drain`, `martletctl undrain`, and a line of others while the node does not serve.
    package static func drain(_ document: DrainDocument) -> String {
        let message = document.message.map { " (\"\($0)\")" } ?? ""
        let text: String =
            switch document.state {
            case .serving: "The node serves: sessions are opened."
            case .draining:
                "Draining\(message): peers were asked to prefer others (GRACEFUL_SHUTDOWN); then all is withdrawn."
            case .drained:
                "Drained\(message): nothing is announced, \(Printable.count(document.sessions, "session")) shut down; "
                    + "learned routes stay in the kernel. \"martletctl undrain\" opens the sessions again."
            }
        return Printable.text(text) + "\n"
    }

    /// `martletctl history PEER`: the oldest event first.
    package static func history(_ document: HistoryDocument) -> String {
        guard !document.events.isEmpty else {
            return Printable.text("Nothing has happened with \(document.peer).") + "\n"
        }
        var table = TextTable([.left("TIME (UTC)"), .left("EVENT"), .left("WHAT")])
        for event in document.events {
            let again =
                event.count > 1 ? " (\(event.count) times, last \(UTCTime.text(event.lastMilliseconds)))" : ""
            table.add([UTCTime.text(event.firstMilliseconds), word(event.kind), event.text + again])
            guard let message = event.message else { continue }
            for line in octets(message) { table.add(["", "", line]) }
        }
        return table.text
    }

    /// Lines of 32 octets.
    private static func octets(_ message: String) -> [String] {
        var lines: [String] = []
        var rest = message[...]
        while !rest.isEmpty {
            lines.append("| " + rest.prefix(64))
            rest = rest.dropFirst(64)
        }
        return lines
    }

    private static func word(_ kind: SessionEventDocument.Kind) -> String {
        switch kind {
        case .state: "state"
        case .up: "UP"
        case .down: "DOWN"
        case .notificationSent: "sent"
        case .notificationReceived: "received"
        case .fault: "fault"
        case .agent: "agent"
        }
    }

    /// `martletctl health` and `martletctl ready`.
    package static func health(_ document: HealthDocument) -> String {
        var table = TextTable([.left("CHECK"), .left("OK"), .left("DETAIL")])
        for check in document.checks { table.add([check.name, check.ok ? "yes" : "NO", check.detail]) }
        return table.text
    }
}

/// Wall-clock time as text, without a time zone database.
package enum UTCTime {
    /// `2026-11-22 01:02:03.456` of milliseconds since 1970.
    package static func text(_ milliseconds: Int64) -> String {
        let (days, rest) = floored(milliseconds, 86_400_000)
        let (year, month, day) = date(days)
        func pad(_ number: Int64, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60)
        return
            "\(pad(year, 4))-\(pad(month))-\(pad(day)) \(pad(hour)):\(pad(minute)):\(pad(second))"
            + ".\(pad(rest % 1000, 3))"
    }

    private static func floored(_ number: Int64, _ divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }

    /// The Gregorian date of a day since 1970-01-01, counted in 400-year eras that begin in March.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floored(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}
