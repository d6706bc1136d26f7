import Lab
import Testing

/// One cell of the interop matrix.
struct Cell: Hashable, Sendable, CustomTestStringConvertible {
    let router: RouterKind
    let feature: Feature

    var testDescription: String {
        switch Matrix.content(self) {
        case .test: "\(feature.title): \(feature.sentence)"
        case .lacks(let reason, _): "\(feature.title): lacks: \(reason)"
        }
    }
}

/// What a cell holds.
enum Content: Sendable {
    /// A test, and what is peculiar about this router in it.
    case test(note: String? = nil)
    /// What the other side lacks. When it offers the capability of that name one day, the cell wants a test.
    case lacks(String, unlessOffered: String? = nil)
}

/// The routers, the features, and what becomes of each pair: the source of docs/interop.md.
enum Matrix {
    /// Name, version as the program says it, and the Debian package.
    static func identity(_ router: RouterKind) -> (name: String, version: String, package: String) {
        switch router {
        case .frr: ("FRR", "8.4", "frr")
        case .bird: ("BIRD", "2.0", "bird2")
        case .gobgp: ("GoBGP", "3.10", "gobgpd")
        case .openbgpd: ("OpenBGPD", "7.7", "openbgpd")
        case .exabgp: ("ExaBGP", "4.2", "exabgp")
        }
    }

    static func content(_ cell: Cell) -> Content { exceptions[cell] ?? .test() }

    /// Cells of one router that there is something to run for.
    static func cells(of router: RouterKind) -> [Cell] {
        Feature.allCases.map { Cell(router: router, feature: $0) }.filter { cell in
            if case .lacks(_, unlessOffered: nil) = content(cell) { false } else { true }
        }
    }

    private static let exceptions: [Cell: Content] = Dictionary(
        uniqueKeysWithValues: all.map { (Cell(router: $0.0, feature: $0.1), $0.2) })

    private static let all: [(RouterKind, Feature, Content)] = [
        (
            .bird, .unnumbered,
            .lacks("BIRD 2.0 finds no neighbour by itself: it wants an address, or a prefix to be called from")
        ),
        (.gobgp, .unnumbered, .lacks("GoBGP 3.10 sends no router advertisements by which to find it")),
        (.openbgpd, .unnumbered, .lacks("OpenBGPD 7.7 has no sessions by interface, and no RFC 8950")),
        (.exabgp, .unnumbered, .lacks("ExaBGP 4.2 finds no neighbour by itself: it wants its address")),
        (
            .exabgp, .ourRefresh,
            .lacks(
                "ExaBGP 4.2 resets the session when it is to answer with the marks of RFC 7313, which it offers: "
                    + "\"'RouteRefresh' object is not iterable\"")
        ),
        (
            .exabgp, .theirPaths,
            .test(note: "it makes up what the others have from two nodes")
        ),
        (
            .gobgp, .extendedMessages,
            .lacks("GoBGP 3.10 does not offer capability 6", unlessOffered: "extended-message")
        ),
        (
            .openbgpd, .extendedMessages,
            .lacks("OpenBGPD 7.7 does not offer capability 6", unlessOffered: "extended-message")
        ),
        (
            .gobgp, .theirRefresh,
            .lacks("GoBGP 3.10 never sends ROUTE-REFRESH: its `softresetin` reads its own Adj-RIB-In once more")
        ),
        (
            .openbgpd, .ourRefresh,
            .lacks("OpenBGPD 7.7 offers route refresh and refuses every request, BIRD's too: \"AID not negotiated\"")
        ),
        (
            .frr, .theirRestart,
            .test(
                note: "FRR 8.4 itself takes routes out of its kernel for some 50 ms when bgpd comes back: static ones "
                    + "fill that gap")
        ),
        (.gobgp, .ourRestart, .test(note: forwarding)),
        (.gobgp, .theirRestart, .test(note: "started again with `gobgpd -r`, which sets the F bit; \(forwarding)")),
        (.openbgpd, .ourRestart, .test(note: "it waits for us to call; \(forwarding)")),
        (
            .openbgpd, .theirRestart,
            .lacks(
                "OpenBGPD 7.7 never says that its forwarding survived: \"only the End-of-RIB marker is supported\", "
                    + "bgpd.conf(5)", unlessOffered: "preserved")
        ),
        (
            .exabgp, .external,
            .test(note: "ExaBGP has no table: its JSON events are asked")
        ),
        (
            .exabgp, .internal,
            .test(note: "ExaBGP reflects nothing: its own routes only")
        ),
        (
            .exabgp, .ourRestart,
            .test(note: "ExaBGP has no table to keep: it announces once more; \(forwarding)")
        ),
        (.exabgp, .theirRestart, .test(note: "it sets the F bit always; \(forwarding)")),
        (.exabgp, .theirShutdown, .test(note: "its text is always \"Administrative Shutdown\"")),
        (
            .exabgp, .ourShutdown,
            .test(note: "seen in its raw messages: ExaBGP 4.2 fails to decode any shutdown text, and answers 1.0")
        ),
        (.exabgp, .ourPrefixes, .lacks("ExaBGP 4.2 has no limit of prefixes")),
    ]

    private static let forwarding = "it puts nothing into the kernel, so static routes forward for it"
}
