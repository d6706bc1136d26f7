import DispatchIO
import FIB
import NetTypes
import RIB
import RoutePolicy

/// What `martletd.yaml` says, with every default filled in: plain values that two loads of the same text give alike.
///
/// `Configuration.load` makes one; `martletd.yaml(5)` explains the keys.
package struct Configuration: Sendable, Equatable {
    /// This node.
    package var node: NodeSettings
    /// What may be imported from peers; empty: nothing is.
    package var clusterCIDRs: [Prefix]
    /// Our side of every session, and the peers in the order of the file.
    package var bgp: BGPSettings
    /// Learned routes in the kernel.
    package var fib: FIBSettings
    /// Which prefixes inside `clusterCIDRs` are taken.
    package var imports: ImportSettings
    /// The control socket.
    package var control: ControlSettings
    /// Metrics and health on a TCP port.
    package var metrics: MetricsSettings
    /// What is logged, and how.
    package var log: LogSettings
    /// Addresses of pods that are gone.
    package var ipam = IPAMSettings()
    /// The list of plugins for the container runtime.
    package var cni = CNISettings()

    /// Key `node`.
    package struct NodeSettings: Sendable, Equatable {
        /// Default: the host's name.
        package var name: String
        /// BGP identifier; nil: the lowest global IPv4 address of the node.
        package var routerID: RouterID?
        /// Prefixes that pods of this node live in and that are announced; inside `clusterCIDRs`, disjoint.
        package var podCIDRs: [Prefix]
        /// Absolute path of the directory for `node.json` and the control socket.
        package var stateDir: String
    }

    /// Key `bgp`.
    package struct BGPSettings: Sendable, Equatable {
        /// Our AS number; never 0.
        package var asn: ASNumber
        /// TCP port for incoming connections; 0: none is accepted.
        package var listenPort: UInt16
        /// Address for incoming connections; nil: all addresses.
        package var listenAddress: IPAddress?
        /// Proposed hold time (RFC 4271 section 4.2): zero, or whole seconds 3...65535.
        package var holdTime: Duration
        /// Proposed interval of KEEPALIVEs; nil: a third of the negotiated hold time.
        package var keepaliveTime: Duration?
        /// How long a peer may take nothing of ours (RFC 9687); zero: for ever; nil: the greater of eight minutes and
        /// twice the negotiated hold time.
        package var sendHoldTime: Duration?
        /// Wait between attempts to connect.
        package var connectRetryTime: Duration
        /// Graceful restart (RFC 4724).
        package var gracefulRestart: GracefulRestartSettings
        /// CLUSTER_ID of a route reflector (RFC 4456); nil: the router id.
        package var clusterID: RouterID?
        /// Configured neighbours; names and locations are unique.
        package var peers: [PeerSettings]
        /// How paths are compared.
        package var bestPath = BestPathSettings()
        /// Announced while there is something more specific.
        package var aggregates: [Aggregate] = []
        /// Shortest time between two rounds of UPDATEs to a peer (RFC 4271 section 9.2.1.1); zero: none.
        package var minimumAdvertisementInterval: Duration = .zero
    }

    /// Key `bgp.gracefulRestart`.
    package struct GracefulRestartSettings: Sendable, Equatable {
        /// Whether the capability is offered.
        package var enabled: Bool
        /// How long peers keep our routes while we are away: whole seconds 1...4095.
        package var restartTime: Duration
        /// Longest wait for every peer's End-of-RIB before stale routes are swept.
        package var deferralTime: Duration
        /// How long peers may keep our routes after `restartTime` (RFC 9494): whole seconds 0...16777215; nil: the
        /// capability is not offered.
        package var longLivedStaleTime: Duration?
        /// Internal peers that do not know of long-lived stale routes get them all the same (RFC 9494 section 4.6).
        package var longLivedPartialDeployment: Bool = false
    }

    /// One of `bgp.peers`.
    package struct PeerSettings: Sendable, Equatable {
        /// Letters, digits, `.`, `_`, `-`, `:`; default: the address.
        package var name: String
        /// Where the peer is, or how it is found.
        package var location: PeerLocation
        /// The interface that a peer with an address is bound to; nil: any.
        package var interface: String?
        /// Peers of one range at a time, 1...10000.
        package var maxPeers: UInt16 = 100
        /// Whether IPv6 next hops are offered for IPv4 (RFC 8950); nil: over IPv6 sessions.
        package var extendedNextHop: Bool?
        /// The peer's AS number; `internal` in the file became our own.
        package var asn: ASNumber
        /// `asn: external`: any AS but ours; `asn` then is 0.
        package var isAnyExternal: Bool = false
        /// Another AS number of ours for this peer alone.
        package var localAS: LocalASSettings?
        /// What we are to the peer's AS (RFC 9234).
        package var role: Role?
        /// A peer that does not say its role is refused.
        package var strictRole: Bool = false
        /// The session is shut down by its operator.
        package var shutdown: Shutdown?
        /// Overrides `bgp.minimumAdvertisementInterval`.
        package var minimumAdvertisementInterval: Duration?
        /// Overrides `bgp.gracefulRestart.longLivedStaleTime`.
        package var longLivedStaleTime: Duration?
        /// Families offered to the peer, at least one.
        package var families: [AddressFamily] = AddressFamily.allCases
        /// We only wait for the peer to connect.
        package var passive: Bool = false
        /// TCP port that we connect to, 1...65535.
        package var port: UInt16 = 179
        /// Overrides `bgp.holdTime`.
        package var holdTime: Duration?
        /// Our address of the session; nil: what the kernel chooses.
        package var localAddress: IPAddress?
        /// Absolute path of the file with the TCP MD5 password (RFC 2385); nil: the session has none.
        package var passwordFile: String?
        /// Keys of TCP-AO (RFC 5925) in place of a password; nil: the session has none.
        package var tcpAO: TCPSecret.Source?
        /// How far away the peer may be.
        package var reach: Reach = .byKind
        /// What is taken from the peer.
        package var importPolicy: ImportPolicy = .cluster
        /// What is announced to the peer.
        package var exportPolicy: ExportPolicy = .own
        /// The peer is a client of this route reflector (RFC 4456); only for internal peers.
        package var routeReflectorClient: Bool = false
        /// What a peer may send before its session is shut; nil: any number.
        package var prefixLimit: PrefixLimit?
        /// How often our own AS may stand in a path (0: AS loop), for racks whose nodes share one AS number.
        package var allowOwnAS: UInt8 = 0
        /// Policies that are asked about what `import` admits, and about what `export` would tell.
        package var importRules = PolicyChain()
        package var exportRules = PolicyChain()
        /// GRACEFUL_SHUTDOWN on an external peer's paths is obeyed (RFC 8326).
        package var honorsGracefulShutdown = true
        /// The peer may have addresses inside `clusterCIDRs` dropped (RFC 7999).
        package var acceptsBlackhole = false
        /// Several paths of one prefix (RFC 7911).
        package var addPath = AddPathSettings()
        /// The peer is a client of this route server (RFC 7947); only for external peers.
        package var routeServerClient = false
        /// How a dead path to the peer is found sooner than by the hold time; nil: it is not.
        package var bfd: BFDPeerSettings?

        /// The hold time that we propose to this peer.
        package func holdTime(_ bgp: BGPSettings) -> Duration { holdTime ?? bgp.holdTime }

        /// The configured address; nil: the peer is found otherwise.
        package var address: IPAddress? { location.address }

        /// Stands for all peers that call from a range.
        package var isRange: Bool { location.range != nil }

        /// Whether the peer is in our own AS.
        package func isInternal(_ bgp: BGPSettings) -> Bool { !isAnyExternal && asn == bgp.asn }
    }

    /// Key `maxPrefixes` of a peer.
    package struct PrefixLimit: Sendable, Equatable {
        /// What becomes of one prefix more.
        package enum Action: String, Sendable, Equatable, CaseIterable {
            /// The session ends (RFC 4486, Cease 1).
            case shut
            /// It is not taken, and the session goes on.
            case block
        }

        /// Prefixes of one family.
        package var limit: UInt32
        /// Percent of the limit from which the log warns.
        package var warnAt: UInt8
        /// When a session that was shut is tried again, or what was blocked is asked for again.
        package var restartAfter: Duration
        package var action = Action.shut

        /// Without the key: enough for the largest cluster, and far from what fills a node's memory. A route server
        /// that imports all is not limited.
        static func standard(_ policy: ImportPolicy) -> PrefixLimit? {
            policy == .all ? nil : PrefixLimit(limit: 200_000, warnAt: 80, restartAfter: .seconds(300))
        }
    }

    /// Key `import` of a peer.
    package enum ImportPolicy: String, Sendable, Equatable, CaseIterable {
        /// The safe default: prefixes inside `clusterCIDRs` of the lengths in `import`, never our own or our links'.
        case cluster
        /// Everything; only with `fib.enabled: false`.
        case all
        /// Nothing.
        case none
    }

    /// Key `export` of a peer.
    package enum ExportPolicy: String, Sendable, Equatable, CaseIterable {
        /// The safe default: our own prefixes only.
        case own
        /// Best paths of other peers too; with an enabled FIB, and not to a client of this route reflector, a warning.
        case all
        /// Nothing.
        case none
    }

    /// Key `fib`.
    package struct FIBSettings: Sendable, Equatable {
        /// false: a pure route server or reflector, the kernel is left alone.
        package var enabled: Bool
        /// Routing table; `main` in the file is 254.
        package var table: UInt32
        /// Route metric (`metric` in ip-route(8)), not 0.
        package var metric: UInt32
        /// How routes carry their next hops, if the kernel can do it.
        package var ecmp = GroupStyle.resilient
        /// Whether kernel settings that routing needs are changed, and not only looked at.
        package var changesSettings = true
    }

    /// Key `import`.
    package struct ImportSettings: Sendable, Equatable {
        /// Allowed lengths of imported IPv4 prefixes, 0...32.
        package var ipv4Lengths: ClosedRange<Int>
        /// Allowed lengths of imported IPv6 prefixes, 0...128.
        package var ipv6Lengths: ClosedRange<Int>
        /// Whether a default route may be imported although it lies in no cluster CIDR.
        package var allowDefault: Bool

        /// The allowed lengths of a family.
        package func lengths(_ family: AddressFamily) -> ClosedRange<Int> {
            family == .ipv4 ? ipv4Lengths : ipv6Lengths
        }
    }

    /// Key `control`.
    package struct ControlSettings: Sendable, Equatable {
        /// Absolute path of the control socket; default: `martletd.sock` in `node.stateDir`.
        package var socket: String
    }

    /// Key `metrics`.
    package struct MetricsSettings: Sendable, Equatable {
        /// Where `/metrics`, `/healthz` and `/readyz` are served to whoever can connect; nil: nowhere.
        package var listen: Endpoint?

        /// An address and a TCP port, 1...65535.
        package struct Endpoint: Sendable, Equatable, CustomStringConvertible {
            package var address: IPAddress
            package var port: UInt16

            package var description: String {
                address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
            }
        }
    }

    /// Key `log`.
    package struct LogSettings: Sendable, Equatable {
        /// Least severity that is logged.
        package var level: Level
        /// Form of the lines.
        package var format: Format

        /// Severities, by the names of swift-log.
        package enum Level: String, Sendable, Equatable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }

        /// Forms of a log line.
        package enum Format: String, Sendable, Equatable, CaseIterable {
            case logfmt, json
        }
    }
}

/// Something wrong in the file, at the place where it is.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// How bad a problem is: an error makes the file unusable.
    package enum Severity: Sendable, Equatable {
        case error, warning
    }

    /// Whether the file can be used in spite of it.
    package let severity: Severity
    /// Name of the file as the caller gave it.
    package let file: String
    /// 1-based.
    package let line: Int
    /// 1-based, in characters.
    package let column: Int
    /// What is wrong, and after a semicolon what to do.
    package let message: String

    /// `FILE:LINE:COLUMN: MESSAGE`, with `warning: ` before the message where it is only that.
    package var description: String {
        "\(file):\(line):\(column): \(severity == .warning ? "warning: " : "")\(message)"
    }
}
