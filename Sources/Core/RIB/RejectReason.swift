/// Why a received path may not be used. Kept with the path, so that the CLI can say it.
package enum RejectReason: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case none = 0
    case asLoop
    case firstASMismatch
    case originatorLoop
    case clusterLoop
    case nextHopOwn
    case nextHopUnreachable
    case martian
    case defaultRoute
    case outsideClusterCIDRs
    case ownPodCIDR
    case coversOwnPodCIDR
    case insideOwnPodCIDR
    case ownAddress
    case linkSubnet
    case tooShort
    case tooLong
    case importNone
    case routeLeak
    case asSet

    /// The reason as a sentence for people.
    package var sentence: String {
        switch self {
        case .none: "accepted"
        case .asLoop: "AS loop: our own AS is in the AS_PATH (RFC 4271 9.1.2)"
        case .firstASMismatch: "the leftmost AS of the AS_PATH is not the peer's AS (RFC 4271 6.3)"
        case .originatorLoop: "ORIGINATOR_ID is our own router ID (RFC 4456 section 8)"
        case .clusterLoop: "our own cluster ID is in the CLUSTER_LIST (RFC 4456 section 8)"
        case .nextHopOwn: "the next hop is an address of this node (RFC 4271 5.1.3)"
        case .nextHopUnreachable: "the next hop is on no connected subnet of this node (RFC 4271 9.1.2.1)"
        case .martian: "martian: loopback, link-local, multicast or reserved addresses are never routed"
        case .defaultRoute: "a default route is not accepted unless import.allowDefault is set"
        case .outsideClusterCIDRs: "not inside clusterCIDRs"
        case .ownPodCIDR: "this is the node's own podCIDR"
        case .coversOwnPodCIDR: "covers the node's own podCIDR"
        case .insideOwnPodCIDR: "lies inside the node's own podCIDR"
        case .ownAddress: "covers or is an address of this node"
        case .linkSubnet: "covers or lies inside a connected subnet of this node"
        case .tooShort: "shorter than the import lengths allow"
        case .tooLong: "longer than the import lengths allow (a pod's own address, not a node's podCIDR)"
        case .importNone: "the peer's import policy is none"
        case .asSet: "the AS_PATH has a set, whose order nobody can check (RFC 9774 section 3)"
        case .routeLeak: "route leak: ONLY_TO_CUSTOMER says that it may not come from this side (RFC 9234 section 5)"
        }
    }
}
