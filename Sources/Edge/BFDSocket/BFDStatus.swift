import BFD
import NetTypes

/// A session that shall be: whom with, how, and who hears of its changes.
package struct BFDOrder: Sendable {
    package let target: BFDTarget
    /// The interface that packets leave by; nil: as the kernel routes them.
    package let interfaceName: String?
    package let settings: BFDSettings
    package let keySource: BFDKeySource?
    /// Called on the loop's thread, before anything else is done about a change: it must not wait.
    package let onChange: @Sendable (BFDChange) -> Void

    package init(
        target: BFDTarget, interfaceName: String?, settings: BFDSettings, keySource: BFDKeySource?,
        onChange: @escaping @Sendable (BFDChange) -> Void
    ) {
        self.target = target
        self.interfaceName = interfaceName
        self.settings = settings
        self.keySource = keySource
        self.onChange = onChange
    }

    /// Whether a session of `other` goes on under this one.
    func isSamePlace(as other: Self) -> Bool { target == other.target && interfaceName == other.interfaceName }
}

/// One session as it is.
package struct BFDStatus: Sendable {
    package let name: String
    package let target: BFDTarget
    package let interfaceName: String?
    /// As in effect: never below the limits of the loop.
    package let session: BFDSession
    package let keySource: BFDKeySource?
    /// Why it has no socket or no key; nil: it has.
    package let problem: String?
}

/// All sessions as they are.
package struct BFDSnapshot: Sendable {
    package var sessions: [BFDStatus] = []
    /// Datagrams that belonged to none.
    package var malformed: UInt64 = 0
    package var strangers: UInt64 = 0
    /// Whether the thread goes before all others.
    package var isPunctual = false

    package init() {}
}

/// What the loop has to say but changes of sessions.
package enum BFDNotice: Sendable, Hashable {
    /// The thread has no real-time priority: shorter intervals than this are not kept.
    case slow(Duration, reason: String)
    /// A session has no socket or no key; it is tried again.
    case problem(session: String, String)
}
