import CNetlink
import FIB
import NetTypes

/// A notification of the kernel.
package enum KernelNotice: Hashable, Sendable {
    case route(RouteObservation, cause: RouteChangeCause)
    case link(LinkObservation)
    case nextHop(NextHopObservation, cause: RouteChangeCause)
    case neighbor(NeighborObservation)
}

extension KernelNotice {
    private static let replaces: UInt16 = 0x100

    /// Reads a message; nil when it tells nothing that we deal with.
    init?(_ bytes: borrowing RawSpan, _ header: NetlinkHeader, ownPortID: UInt32) {
        let cause: RouteChangeCause =
            switch header.portID {
            case 0: .kernel
            case ownPortID: .ourselves
            default: .others
            }
        switch Int(header.type) {
        case RTM_NEWROUTE:
            guard let route = RouteMessage.read(bytes, header.body) else { return nil }
            self = .route(.present(route, isReplacing: header.flags & Self.replaces != 0), cause: cause)
        case RTM_DELROUTE:
            guard let route = RouteMessage.read(bytes, header.body) else { return nil }
            self = .route(.absent(route), cause: cause)
        case RTM_NEWLINK:
            guard let link = LinkMessage.readLink(bytes, header.body) else { return nil }
            self = .link(.link(link))
        case RTM_DELLINK:
            guard let link = LinkMessage.readLink(bytes, header.body) else { return nil }
            self = .link(.linkGone(link.index))
        case RTM_NEWADDR:
            guard let (index, address) = LinkMessage.readAddress(bytes, header.body) else { return nil }
            self = .link(.address(index, address))
        case RTM_DELADDR:
            guard let (index, address) = LinkMessage.readAddress(bytes, header.body) else { return nil }
            self = .link(.addressGone(index, address))
        case RTM_NEWNEIGH, RTM_DELNEIGH:
            let isGone = Int(header.type) == RTM_DELNEIGH
            guard let seen = NeighborMessage.read(bytes, header.body, isGone: isGone) else { return nil }
            self = .neighbor(seen)
        case Int(NextHopMessage.isNews(header.type) ? header.type : 0):
            guard let object = NextHopMessage.read(bytes, header.body) else { return nil }
            self = .nextHop(.present(object), cause: cause)
        case Int(NextHopMessage.isRemoval(header.type) ? header.type : 0):
            guard let object = NextHopMessage.read(bytes, header.body) else { return nil }
            self = .nextHop(.absent(object.id), cause: cause)
        default: return nil
        }
    }
}
