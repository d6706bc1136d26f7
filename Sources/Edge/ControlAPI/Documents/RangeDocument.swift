/// A range of addresses whose callers become peers of their own, each with an entry among the sessions.
package struct RangeDocument: Codable, Sendable, Equatable {
    /// Configured name; those of its peers begin with it.
    package var name: String
    /// The prefix that they call from.
    package var range: String
    /// The AS number that they must have; 0: any external one.
    package var asn: UInt32
    /// Those that have called and are not forgotten yet.
    package var peers: Int
    /// Those of them whose session is up.
    package var established: Int
    /// `maxPeers`: one more is refused.
    package var maxPeers: Int
    /// Families that are offered to them.
    package var families: [String]

    package init(
        name: String, range: String, asn: UInt32, peers: Int, established: Int, maxPeers: Int, families: [String]
    ) {
        self.name = name
        self.range = range
        self.asn = asn
        self.peers = peers
        self.established = established
        self.maxPeers = maxPeers
        self.families = families
    }
}
