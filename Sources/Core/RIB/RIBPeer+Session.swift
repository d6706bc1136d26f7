import BGPWire
import NetTypes

/// An AS number that the node has for one peer instead of its own, as while an AS is renumbered (RFC 7705).
package struct LocalAS: Sendable, Hashable {
    package var asNumber: ASNumber
    /// It is put in front of the paths that the peer sends, as if its AS were still between the peer and ours.
    package var prependsReceived = true
    /// Our own AS does not stand behind it in the paths that the peer is told.
    package var hidesOwnAS = false

    package init(_ asNumber: ASNumber) { self.asNumber = asNumber }
}

extension RIBPeer {
    /// Received attributes as they are stored: with the AS number that we have for the peer in front, and with
    /// ONLY_TO_CUSTOMER where its role wants it (RFC 9234 section 5, ingress 3).
    func received(_ attributes: PathAttributes) -> PathAttributes {
        guard changesReceived else { return attributes }
        var rewrite = ExportRewrite()
        // Nothing else changes.
        rewrite.isExternal = false
        if let localAS, localAS.prependsReceived { rewrite.prepend = [localAS.asNumber] }
        if let role, role.marksReceived, attributes.summary.onlyToCustomer == nil { rewrite.onlyToCustomer = asNumber }
        guard !rewrite.prepend.isEmpty || rewrite.onlyToCustomer != nil else { return attributes }
        return attributes.rewritten(rewrite)
    }

    /// Whether `received` may return something else.
    var changesReceived: Bool { isExternal && (role != nil || localAS != nil) }

    /// What an external session's own rules say of stored attributes.
    func verdict(on attributes: PathAttributes) -> RejectReason {
        if let localAS {
            let own = attributes.containsAS(localAS.asNumber) - (localAS.prependsReceived ? 1 : 0)
            guard own <= Int(allowOwnAS) else { return .asLoop }
        }
        // A route server does not put its own AS in front (RFC 7947 section 2.2.2.1).
        if role != .routeServerClient, neighborAS(attributes) != asNumber { return .firstASMismatch }
        if let role, role.isLeak(attributes.summary.onlyToCustomer, from: asNumber) { return .routeLeak }
        return .none
    }

    /// The leftmost AS that the peer sent.
    private func neighborAS(_ attributes: PathAttributes) -> ASNumber? {
        guard localAS?.prependsReceived == true else { return attributes.summary.neighborAS }
        var numbers: [ASNumber] = []
        for segment in AttributeFields(attributes).asPath.segments {
            guard segment.kind == 2 else { break }
            numbers += segment.numbers
        }
        return numbers.dropFirst().first
    }
}

extension ExportPolicy {
    static func prepended(_ localAS: ASNumber, _ alternative: LocalAS?) -> [ASNumber] {
        guard let alternative else { return [localAS] }
        return alternative.hidesOwnAS ? [alternative.asNumber] : [alternative.asNumber, localAS]
    }

    /// Whether the peer may be told of a path: RFC 9234 section 5, egress 2. NOPEER means those who give us their own
    /// routes only, and whom we give ours (RFC 3765).
    func mayLeave(_ summary: PathAttributes.Summary) -> Bool {
        if isExternal, role == .peer, summary.noPeer { return false }
        return !(isExternal && role?.withholdsMarked == true && summary.onlyToCustomer != nil)
    }

    /// ONLY_TO_CUSTOMER for a path that has none (RFC 9234 section 5, egress 1).
    func mark(_ summary: PathAttributes.Summary) -> ASNumber? {
        guard isExternal, let role, role.marksSent, summary.onlyToCustomer == nil else { return nil }
        return alternative?.asNumber ?? localAS
    }

    /// A long-lived stale path goes to peers that know of such. Others may get it, when they are internal and the node
    /// is set to, as their last resort and not to be passed on (RFC 9494 sections 4.3 and 4.6).
    func adjust(_ rewrite: inout ExportRewrite, for summary: PathAttributes.Summary) -> Bool {
        guard summary.isLongLivedStale, !takesLongLivedStale else { return true }
        guard sendsLongLivedStaleToAll, !isExternal else { return false }
        rewrite.localPref = 0
        rewrite.noExport = true
        return true
    }
}
