/// What reads bytes that others wrote: nothing of it may trap, hang or contradict itself, whatever the bytes are.
///
/// `make fuzz` looks for inputs that break this. `FuzzTests` runs the fixtures and what is in `Fuzz/corpus`, which is
/// also where an input goes that once broke something.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A stream of BGP messages, headers included; the first octet chooses what was negotiated, the second the pieces
    /// that it arrives in.
    case stream
    /// The body of one UPDATE, which a stream with its markers rarely gets to; the first octets as above.
    case update
    /// A file of captured packets or messages, in any format; the first octet chooses what is assumed.
    case capture
    /// Two configurations that negotiate, and the body of an OPEN.
    case open
    /// What happens to a speaker with two peers: connections, messages good and bad, timers, changes of its own.
    case session
    /// What routers on a link send to find each other, and when.
    case discovery
    /// Packets to BFD sessions, and what happens to these meanwhile.
    case bfd
    /// A CNI plugin's standard input, and the result of an earlier plugin in it.
    case cni
    /// A whole call of a plugin: its environment and its standard input.
    case plugin
    /// The agent's configuration.
    case configuration
    /// The files of an address store, whoever wrote them, and what allocations and releases make of them.
    case addresses

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .stream: fuzzStream(bytes)
        case .update: fuzzUpdate(bytes)
        case .capture: fuzzCapture(bytes)
        case .open: fuzzOpen(bytes)
        case .session: fuzzSession(bytes)
        case .discovery: fuzzDiscovery(bytes)
        case .bfd: fuzzBFD(bytes)
        case .cni: fuzzCNI(bytes)
        case .plugin: fuzzPlugin(bytes)
        case .configuration: fuzzConfiguration(bytes)
        case .addresses: fuzzAddresses(bytes)
        }
    }
}
