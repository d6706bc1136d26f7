extension FamilyRIB {
    /// Gives the stale paths of a peer the community LLGR_STALE, and removes those that must not be kept for long
    /// (RFC 9494 section 4.2).
    mutating func keepLong(_ peer: PeerID, in context: inout Context) {
        for id in entries.indices {
            var previous: UInt32?
            var next = entries[id].head
            while next != 0 {
                let index = next - 1
                let path = paths[Int(index)]
                next = path.next
                if path.peer == peer, isStale(path), context.attributes.summary(path.attributes).forbidsLongLived {
                    unlink(index, path, after: previous, of: UInt32(id), in: &context)
                    continue
                }
                previous = index
                if path.peer == peer, isStale(path) { markLongLived(index, path, of: UInt32(id), in: &context) }
            }
        }
    }

    private mutating func markLongLived(
        _ index: UInt32, _ path: PathEntry, of id: UInt32, in context: inout Context
    ) {
        let attributes = context.attributes[handle: path.attributes]
        guard !attributes.summary.isLongLivedStale else { return }
        paths[Int(index)].attributes = context.attributes.intern(attributes.adding(.longLivedStale))
        context.attributes.release(path.attributes)
        if path.reject == .none { decide(id, touched: index, in: &context) }
    }
}
