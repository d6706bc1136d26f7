import NetTypes
import RIB

extension Speaker {
    /// Next hops that only this peer's paths name, to be asked before they go; empty for huge tables.
    package func soleNextHops(of id: PeerID) -> Set<IPAddress> { rib.soleNextHops(of: id) }
}
