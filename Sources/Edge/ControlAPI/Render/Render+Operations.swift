import NetTypes

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
        case .bfd: "bfd"
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
