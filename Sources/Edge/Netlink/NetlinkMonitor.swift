import CLinux
import CNetlink
import FIB
import NetTypes

/// A socket that hears of every change of links, addresses, neighbours, routes and nexthop objects, in the kernel's
/// order.
package final class NetlinkMonitor {
    private let socket: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    /// The address of the socket whose operations are our own.
    package var ownPortID: UInt32 {
        didSet { if dropsEchoes { dropEchoes() } }
    }
    private var dropsEchoes = false

    /// Listens at once; nothing that happens after this returns is missed without an overrun error.
    package init(ownPortID: UInt32, namespace: String? = nil) throws(NetlinkError) {
        let groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE]
        socket = try .open(groups: groups.map(\.rawValue) + [NeighborMessage.group], namespace: namespace)
        // RTNLGRP_NEXTHOP: kernels before 5.3 have none, and no nexthop objects either.
        socket.listen(toOptional: 32)
        self.ownPortID = ownPortID
    }

    /// For a Dispatch read source, to be cancelled before `close`.
    package var descriptor: Int32 { socket.descriptor }

    package func close() { socket.close() }

    /// From now on the kernel keeps back what it would tell of our own changes of routes, which costs it less than
    /// telling; false: it does not. Nexthop objects are told as before.
    @discardableResult
    package func dropEchoes() -> Bool {
        dropsEchoes =
            clinux_drop_netlink(descriptor, ownPortID, UInt16(RTM_NEWROUTE), UInt16(RTM_DELROUTE)) == 0
        return dropsEchoes
    }

    /// From now on everything is told.
    package func hearEchoes() {
        guard dropsEchoes else { return }
        clinux_drop_nothing(descriptor)
        dropsEchoes = false
    }

    /// Reads one datagram; false when nothing waits. An error with `isOverrun` means that notifications were lost.
    /// `skipEchoes` saves reading what the answers to our operations have told already.
    package func read(skipEchoes: Bool, _ take: (KernelNotice) -> Void) throws(NetlinkError) -> Bool {
        guard let count = try socket.receive(into: &buffer) else { return false }
        let received = buffer
        let bytes = received.span.bytes
        var position = 0
        while let (header, next) = bytes.message(at: position, end: count) {
            position = next
            if skipEchoes && header.portID == ownPortID { continue }
            if let notice = KernelNotice(bytes, header, ownPortID: ownPortID) { take(notice) }
        }
        return true
    }
}
