import FIB
import Glibc
import NetTypes

extension RouteSocket {
    /// What the kernel has of nexthop objects, and why it has no more.
    package struct NextHopSupport: Hashable, Sendable {
        /// What was asked for, or the best that there is instead.
        package let style: GroupStyle
        /// A sentence when it is not what was asked for.
        package let reason: String?

        package init(style: GroupStyle, reason: String? = nil) { (self.style, self.reason) = (style, reason) }
    }

    /// Tries what `wanted` needs with two objects that are gone afterwards.
    package func support(for wanted: GroupStyle, owner: UInt8) throws(NetlinkError) -> NextHopSupport {
        guard wanted != .inline else { return NextHopSupport(style: .inline) }
        let objects: [KernelNextHop]
        do throws(NetlinkError) {
            objects = try nextHops()
        } catch {
            return NextHopSupport(style: .inline, reason: "the kernel has no nexthop objects (\(error))")
        }
        let taken = Set(objects.map(\.id))
        let free = KernelNextHop.ownIDs.reversed().lazy.filter { !taken.contains($0) }.prefix(2).map { $0 }
        guard let single = free.first, let group = free.last, single != group else {
            return NextHopSupport(style: .inline, reason: "all nexthop ids of martletd's range are taken")
        }
        let drop = KernelNextHop(id: single, protocolID: owner, body: .other)
        let trial = KernelNextHop(
            id: group, protocolID: owner,
            body: .group([NextHopMember(id: single, weight: 1)], isResilient: wanted == .resilient))
        let failures = try apply([.add(drop), .add(trial), .delete(trial), .delete(drop)])
        if let failure = failures[0] {
            return NextHopSupport(style: .inline, reason: "the kernel refuses nexthop objects (\(failure))")
        }
        guard let failure = failures[1] else { return NextHopSupport(style: wanted) }
        guard wanted == .resilient else {
            return NextHopSupport(style: .inline, reason: "the kernel refuses nexthop groups (\(failure))")
        }
        let hash = try support(for: .hash, owner: owner)
        return NextHopSupport(
            style: hash.style, reason: hash.reason ?? "the kernel has no resilient nexthop groups (\(failure))")
    }
}
