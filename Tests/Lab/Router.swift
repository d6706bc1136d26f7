import Foundation
import TestKit

/// One configured neighbour of a router of the lab.
package struct Neighbor: Sendable {
    /// A word: the router's own name for it where it has one (BIRD), its description elsewhere.
    package var name: String
    package var address: String
    package var asn: UInt32
    /// `address` is the name of an interface, and the neighbour is found there (FRR only).
    package var isUnnumbered = false
    /// IPv4 may have IPv6 next hops (RFC 8950), where the router has to be told.
    package var extendsNextHop = false
    /// Wait for the neighbour to open the connection.
    package var passive = false
    package var families: [String] = ["ipv4", "ipv6"]
    /// More of this neighbour, in the language of FRR (after `neighbor ADDRESS`) or BIRD (without the semicolon).
    package var options: [String] = []
    /// TCP MD5 (RFC 2385).
    package var password: String?
    /// Packets from it must come with hop limit 255, and go so (RFC 5082).
    package var ttlSecurity = false
    /// One more of a family ends the session with Cease / Maximum Number of Prefixes Reached.
    package var maxPrefixes: Int?
    /// Set on every route that is announced to it: `65001:1:2`.
    package var largeCommunities: [String] = []
    /// Several paths of a prefix, both ways (RFC 7911).
    package var addPaths = false
    /// Offer messages of up to 65535 octets (RFC 8654) where that has to be asked for (BIRD).
    package var extendedMessages = false
    /// The next hop of IPv6 routes announced to it; nil: `RouterConfiguration.nextHopIPv6`.
    package var nextHopIPv6: String?

    package init(name: String, address: String, asn: UInt32, passive: Bool = false) {
        (self.name, self.address, self.asn, self.passive) = (name, address, asn, passive)
    }
}

/// What a router of the lab is told at its start. The same for every implementation, so that a test can run over all
/// of them.
package struct RouterConfiguration: Sendable {
    package var asn: UInt32
    package var routerID: String
    package var neighbors: [Neighbor]
    /// Prefixes it originates.
    package var networks: [String] = []
    /// The next hop of its IPv6 routes, for those who cannot find one for a session over IPv4 (GoBGP, OpenBGPD).
    package var nextHopIPv6: String?
    /// Seconds.
    package var holdTime = 90
    /// Reflects routes between its internal neighbours, with itself as the next hop.
    package var reflects = false
    /// Its forwarding outlives it: it says so to its neighbours, and keeps what the kernel has (RFC 4724).
    package var keepsForwarding = false
    /// Runs BFD where that is a daemon or protocol of its own (FRR, BIRD); neighbours must ask for it in their
    /// `options`.
    package var runsBFD = false
    /// Its interval in milliseconds, and its multiplier. Neither daemon has a real-time priority: on a machine that has
    /// something else to do they are late.
    package var bfdTimes = (interval: 100, multiplier: 5)
    /// More of BFD's own section: lines of FRR's profile `p`, or of BIRD's interface and multihop blocks.
    package var bfdLines: [String] = []
    /// Lines for the end of the configuration, in the language of the implementation.
    package var extra = ""

    package init(asn: UInt32, routerID: String, neighbors: [Neighbor], networks: [String] = []) {
        (self.asn, self.routerID, self.neighbors, self.networks) = (asn, routerID, neighbors, networks)
    }

    package func neighbor(_ address: String) throws -> Neighbor {
        guard let found = neighbors.first(where: { $0.address == address }) else {
            throw LabError("no neighbour \(address)")
        }
        return found
    }

    func networks(_ family: String) -> [String] { networks.filter { $0.contains(":") == (family == "ipv6") } }
}

/// A BGP speaker in a namespace, driven and asked only through its own configuration file and CLI.
package protocol Speaker: AnyObject, Sendable {
    /// The implementation's name: FRR, BIRD, GoBGP, OpenBGPD, ExaBGP, Martlet.
    var kind: String { get }
    var namespace: Namespace { get }
    /// What it says about its session with a neighbour; "Established" when it is up.
    func state(of neighbor: String) throws -> String
    /// Prefixes that it accepted from a neighbour.
    func accepted(from neighbor: String) throws -> Set<String>
    /// The end of the logs.
    var logTail: String { get }
    /// Ends it as its service manager would.
    func stop()
    /// Ends it without a word.
    func kill()
    /// It will outlive this process.
    func keep()
}

/// A speaker that can be told to originate and to withdraw while it runs.
package protocol Router: Speaker {
    /// Originates one more prefix.
    func announce(_ prefix: String) throws
    /// Stops to originate a prefix.
    func withdraw(_ prefix: String) throws
    /// Ends the session administratively with a text for the other side (RFC 9003).
    func shutDown(_ neighbor: String, message: String) throws
    /// Asks a neighbour for its routes once more (RFC 2918).
    func askForRefresh(_ neighbor: String) throws
    /// Large communities (`65001:1:2`) of a route as it came from a neighbour.
    func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String>
    /// AS paths of all that a neighbour told of a prefix, sorted.
    func paths(of prefix: String, from neighbor: String) throws -> [String]
    /// Whether messages with a neighbour may be of up to 65535 octets (RFC 8654).
    func hasExtendedMessages(with neighbor: String) throws -> Bool
    /// Whether it shows a NOTIFICATION of a neighbour to it, or of it to the neighbour.
    func shows(_ notice: Notice, with neighbor: String) throws -> Bool
    /// Its BGP daemon dies without a word, and what forwards packets goes on.
    func crash() throws
    /// Starts the BGP daemon again after `crash`, with the configuration of its start.
    func recover() throws
}

/// What two sides of a session tell each other at its end.
package enum Notice: Sendable {
    /// Cease / Maximum Number of Prefixes Reached (RFC 4486).
    case tooManyPrefixes
    /// Cease / Administrative Shutdown with a text (RFC 9003).
    case shutdown(String)
}

extension Speaker {
    /// Waits until the session with `neighbor` is established, from this router's point of view.
    package func waitEstablished(_ neighbor: String, within seconds: Double = 20) throws {
        try eventually(
            "\(kind) is Established with \(neighbor)", within: seconds, last: { lastState(neighbor) + "\n" + logTail }
        ) {
            try state(of: neighbor) == "Established"
        }
    }

    /// Waits until exactly `prefixes` were accepted from `neighbor`.
    package func waitAccepted(_ prefixes: Set<String>, from neighbor: String, within seconds: Double = 15) throws {
        try eventually(
            "\(kind) accepted exactly \(prefixes.sorted()) from \(neighbor)", within: seconds,
            last: { "\((try? accepted(from: neighbor).sorted()) ?? [])" }
        ) { try accepted(from: neighbor) == prefixes }
    }

    private func lastState(_ neighbor: String) -> String {
        do { return try state(of: neighbor) } catch { return "\(error)" }
    }
}

/// What a lab can put on top of its rack.
package enum RouterKind: String, CaseIterable, Sendable {
    case frr, bird, gobgp, openbgpd, exabgp

    package func start(_ configuration: RouterConfiguration, in namespace: Namespace, directory: String) throws
        -> any Router
    {
        switch self {
        case .frr: try FRRRouter(configuration, in: namespace, directory: directory)
        case .bird: try BIRDRouter(configuration, in: namespace, directory: directory)
        case .gobgp: try GoBGPRouter(configuration, in: namespace, directory: directory)
        case .openbgpd: try OpenBGPDRouter(configuration, in: namespace, directory: directory)
        case .exabgp: try ExaBGPRouter(configuration, in: namespace, directory: directory)
        }
    }
}

/// Throws a clear message when a program that the lab needs is not installed.
package func requireProgram(_ path: String, package name: String) throws -> String {
    if path.hasPrefix("/") {
        guard access(path, X_OK) == 0 else { throw LabError("\(path) is missing: install the Debian package \(name)") }
        return path
    }
    for folder in ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"]
    where access("\(folder)/\(path)", X_OK) == 0 {
        return "\(folder)/\(path)"
    }
    throw LabError("\(path) is missing: install the Debian package \(name)")
}

/// Writes a configuration file, readable by the daemon's own user.
func writeFile(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
    do { try text.write(toFile: path, atomically: true, encoding: .utf8) } catch { throw LabError("\(path): \(error)") }
    guard chmod(path, mode) == 0 else { throw LabError("chmod \(path): \(errorText())") }
}

/// Makes a directory of the lab, with its parents.
func makeDirectory(_ path: String) throws {
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
}
