/// What peers sent, where a policy made something else of it: handles by index of the path, in an array that grows only
/// as far as such paths go. With it a changed policy is applied to what is stored, and no session has to say it again.
struct ReceivedAttributes {
    /// Handle + 1; 0: the path is as it was received.
    private var handles: [UInt32] = []

    func handle(_ index: UInt32) -> UInt32? {
        guard Int(index) < handles.count, handles[Int(index)] != 0 else { return nil }
        return handles[Int(index)] - 1
    }

    /// Keeps a handle, which is counted for us, and releases the one before.
    mutating func set(_ index: UInt32, _ handle: UInt32?, _ context: inout Context) {
        let old = exchange(index, handle)
        if let old { context.attributes.release(old) }
    }

    /// What was received becomes long-lived stale with the path (RFC 9494 section 4.3).
    mutating func keepLong(_ index: UInt32, _ context: inout Context) {
        guard let old = handle(index) else { return }
        set(index, context.attributes.intern(context.attributes[handle: old].adding(.longLivedStale)), &context)
    }

    /// Keeps a handle and returns the one before, with its count.
    mutating func exchange(_ index: UInt32, _ handle: UInt32?) -> UInt32? {
        let old = self.handle(index)
        if let handle {
            if Int(index) >= handles.count {
                handles += Array(repeating: 0, count: max(Int(index) + 1, handles.count * 3 / 2) - handles.count)
            }
            handles[Int(index)] = handle + 1
        } else if old != nil {
            handles[Int(index)] = 0
        }
        return old
    }
}
