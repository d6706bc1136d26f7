import Foundation

/// What was waited for did not come in time.
package struct WaitedInVain: Error, CustomStringConvertible {
    /// What was waited for, as a sentence without a full stop.
    package let what: String
    package let seconds: Double
    /// What was seen last, for the reader of the failure.
    package let last: String

    package var description: String {
        "waited \(Int(seconds.rounded(.up))) s in vain: \(what)\(last.isEmpty ? "" : "; last seen: \(last)")"
    }
}

/// Polls `condition` until it holds; throws `WaitedInVain` after `seconds`, with what `last` says then.
/// An error thrown by `condition` counts as "not yet" and is told at the end.
package func eventually(
    _ what: String, within seconds: Double = 15, last: () -> String = { "" }, _ condition: () throws -> Bool
) throws {
    let deadline = Date().addingTimeInterval(seconds)
    var failure = ""
    var pause = 10.0
    while true {
        do {
            if try condition() { return }
            failure = ""
        } catch { failure = "\(error)" }
        guard Date() < deadline else {
            throw WaitedInVain(
                what: what, seconds: seconds, last: [failure, last()].filter { !$0.isEmpty }.joined(separator: "; "))
        }
        _ = poll(nil, 0, Int32(pause))
        pause = min(pause * 1.3, 100)
    }
}

/// Watches that `condition` holds throughout `seconds`; false as soon as it does not.
package func always(for seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        guard try condition() else { return false }
        _ = poll(nil, 0, 50)
    }
    return true
}
