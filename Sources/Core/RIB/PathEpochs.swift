/// Which of a peer's paths are stale, without a mark on each: a path carries the number of the epoch in which it was
/// last announced, and is stale when its peer's epoch is another one. A new epoch makes all paths stale at once.
///
/// Numbers have seven bits and come around; `needsRenewal` says when one might be mistaken for an old one.
struct PathEpochs: BitwiseCopyable {
    private(set) var current: UInt8 = 0
    /// No path is from before it.
    private var oldest: UInt8 = 0
    /// Paths from before it are being removed.
    private var bound: UInt8 = 0
    /// Prefixes that the removal has still to look at; 0: none is under way.
    private var left = 0
    /// The same for paths that become paths of last resort (RFC 9494).
    private var longBound: UInt8 = 0
    private var longLeft = 0

    private static let mask: UInt8 = 127

    func isStale(_ epoch: UInt8) -> Bool { epoch != current }

    /// Whether a path of `epoch` goes in the removal under way.
    func isSwept(_ epoch: UInt8) -> Bool { left > 0 && age(epoch) > age(bound) }

    /// Whether a path of `epoch` becomes a path of last resort.
    func isKeptLong(_ epoch: UInt8) -> Bool { longLeft > 0 && age(epoch) > age(longBound) }

    /// Prefixes that a pass has still to look at.
    var remaining: Int { max(left, longLeft) }

    private func age(_ epoch: UInt8) -> UInt8 { (current &- epoch) & Self.mask }

    /// Another `begin` could come around to numbers that are still in use.
    var needsRenewal: Bool { age(oldest) >= Self.mask - 1 }

    /// All paths so far are stale.
    mutating func begin() { current = (current &+ 1) & Self.mask }

    /// Removes what is stale now, in a pass over `count` prefixes.
    mutating func sweep(_ count: Int) {
        bound = current
        left = count
        if count == 0 { oldest = bound }
    }

    /// Makes what is stale now paths of last resort, in a pass over `count` prefixes.
    mutating func keepLong(_ count: Int) {
        longBound = current
        longLeft = count
    }

    /// The pass has looked at `count` prefixes more.
    mutating func advance(_ count: Int) {
        longLeft = max(0, longLeft - count)
        guard left > 0 else { return }
        left = max(0, left - count)
        if left == 0 { oldest = bound }
    }

    /// Every path has been given the present number.
    mutating func renew() {
        oldest = current
        bound = current
        left = 0
        longLeft = 0
    }
}
