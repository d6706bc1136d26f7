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
    private(set) var left = 0

    private static let mask: UInt8 = 127

    func isStale(_ epoch: UInt8) -> Bool { epoch != current }

    /// Whether a path of `epoch` goes in the removal under way.
    func isSwept(_ epoch: UInt8) -> Bool { left > 0 && age(epoch) > age(bound) }

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

    /// The pass has looked at `count` prefixes more.
    mutating func advance(_ count: Int) {
        guard left > 0 else { return }
        left = max(0, left - count)
        if left == 0 { oldest = bound }
    }

    /// Every path has been given the present number.
    mutating func renew() {
        oldest = current
        bound = current
        left = 0
    }
}
