import Logging
import Synchronization

/// Level and form of the log, which a reload may change under all loggers.
package final class LogControl: Sendable {
    package struct State: Sendable {
        package var level: Logger.Level
        package var format: StructuredLogHandler.Format
    }

    private let current: Mutex<State>

    package init(level: Logger.Level, format: StructuredLogHandler.Format) {
        current = Mutex(State(level: level, format: format))
    }

    convenience init(_ settings: Configuration.LogSettings) {
        let state = Self.state(settings)
        self.init(level: state.level, format: state.format)
    }

    package var state: State { current.withLock { $0 } }

    package func set(_ settings: Configuration.LogSettings) { current.withLock { $0 = Self.state(settings) } }

    private static func state(_ settings: Configuration.LogSettings) -> State {
        State(
            level: Logger.Level(rawValue: settings.level.rawValue) ?? .info,
            format: settings.format == .json ? .json : .logfmt)
    }
}
