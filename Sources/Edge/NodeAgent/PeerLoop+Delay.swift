import NetTypes

extension PeerLoop {
    /// A timer that runs this late is not the timer's fault: the node has no processor for the agent.
    static let longestDelay = Duration.seconds(1)

    /// Says that a deadline was met late: what is told here explains a session that went down for want of a KEEPALIVE.
    /// Once a minute, with how many there were since.
    func noteDelay(of deadline: Instant?, at now: Instant) {
        guard let deadline, now - deadline > Self.longestDelay, let leftOut = delayLines.admit(.late, at: now) else {
            return
        }
        if leftOut > 0 { LogLine.leftOut("a timer was late", leftOut).log(to: logger) }
        LogLine.late(peer: name, by: now - deadline).log(to: logger)
    }

    /// What is said of delays.
    enum Delay: Hashable, Sendable { case late }
}
