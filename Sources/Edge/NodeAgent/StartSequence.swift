/// Where the agent stands between its start and readiness. Each step waits for the one before it: a node that takes
/// pods before it has routes loses their first packets.
struct StartSequence: Sendable {
    /// The steps in their order.
    enum Step: Int, Sendable, Comparable {
        /// Forwarding, the own prefixes as `unreachable`, the kernel's routes read.
        case dataPlane
        /// Sessions are opened and the own prefixes announced; the peers' End-of-RIB is awaited.
        case endOfRIB
        /// The list of plugins is written, where the configuration asks for it.
        case cni
        case ready

        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    var step = Step.dataPlane
    /// Why the list of plugins is not there.
    var problem: String?
    /// The wait is over: all peers have told all, or the time has passed.
    var isConverged = false

    var isReady: Bool { step == .ready }

    /// What is awaited, for people.
    var text: String {
        switch step {
        case .dataPlane: "the data plane is prepared"
        case .endOfRIB:
            isConverged ? "waiting for the first BGP session" : "waiting for the peers' End-of-RIB"
        case .cni: problem.map { "the list of plugins is not written: \($0)" } ?? "the list of plugins is written"
        case .ready: "ready"
        }
    }
}
