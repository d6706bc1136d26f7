import BGPWire
import NetTypes

/// Which AS the two sides of a session are, and what they are to each other.
extension Configuration {
    /// Key `localAS` of a peer: an AS number that we have for this peer instead of `bgp.asn` (RFC 7705).
    package struct LocalASSettings: Sendable, Equatable {
        package var asn: ASNumber
        /// The peer's paths come in without it in front.
        package var noPrepend = false
        /// The peer does not see `bgp.asn` behind it.
        package var replaceAS = false
    }

    /// Key `role` of a peer: what we are to its AS (RFC 9234).
    package enum Role: String, Sendable, Equatable, CaseIterable {
        case provider, customer, peer, routeServer, routeServerClient

        var wire: BGPRole {
            switch self {
            case .provider: .provider
            case .customer: .customer
            case .peer: .peer
            case .routeServer: .routeServer
            case .routeServerClient: .routeServerClient
            }
        }
    }

    /// Reads `asn`: a number, `internal` or `external`.
    static func readASN(_ section: inout ConfigurationSection, into peer: inout PeerSettings, _ context: PeerContext) {
        let words =
            "the peer's AS number (23456 and 65535 are reserved), internal for our own, or external for any other"
        let text = section.required("asn", words) { text in
            text == "internal" || text == "external" || ConfigurationValue.asn(text) != nil ? text : nil
        }
        switch text?.value {
        case nil: break
        case "internal"?: peer.asn = context.asn ?? placeholder
        case "external"?: peer.isAnyExternal = true
        case let number?: peer.asn = ConfigurationValue.asn(number) ?? placeholder
        }
    }

    /// Reads `localAS`, `role` and `strictRole`, which only external peers can have.
    static func readRelation(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ context: PeerContext
    ) {
        let localAS = localAS(&section)
        peer.localAS = localAS?.value
        let role: Located<Role>? = section.value(
            "role", ConfigurationValue.words(Role.self) + " (what we are to the peer)", ConfigurationValue.choice)
        peer.role = role?.value
        let strict = section.value("strictRole", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.strictRole = strict?.value ?? false
        if let strict, strict.value, role == nil {
            section.problems.error(strict.mark, "strictRole needs a role; write what we are to the peer as role")
        }
        let isInternal = !peer.isAnyExternal && peer.asn != placeholder && peer.asn == context.asn
        for (key, mark) in [("role", role?.mark), ("localAS", localAS?.mark)] where isInternal {
            guard let mark else { continue }
            section.problems.error(mark, "only external peers can have a \(key); remove it, or write the peer's AS")
        }
        guard let localAS else { return }
        if localAS.value.asn == context.asn {
            section.problems.error(localAS.mark, "localAS is bgp.asn itself; remove it, or write another AS number")
        } else if !peer.isAnyExternal, localAS.value.asn == peer.asn {
            section.problems.error(
                localAS.mark, "localAS is the peer's AS, which makes no external session; write another AS number")
        }
    }

    /// A number, or a section with `asn`, `noPrepend` and `replaceAS`.
    private static func localAS(_ section: inout ConfigurationSection) -> Located<LocalASSettings>? {
        guard let node = section.node("localAS") else { return nil }
        guard case .mapping = node.content else {
            return section.value("localAS", ConfigurationValue.asnWords, ConfigurationValue.asn).map {
                Located(value: LocalASSettings(asn: $0.value), mark: $0.mark)
            }
        }
        var inner = section.section("localAS")
        let asn = inner.required("asn", ConfigurationValue.asnWords, ConfigurationValue.asn)
        var settings = LocalASSettings(asn: asn?.value ?? placeholder)
        settings.noPrepend =
            inner.value("noPrepend", ConfigurationValue.boolWords, ConfigurationValue.bool)?.value ?? false
        settings.replaceAS =
            inner.value("replaceAS", ConfigurationValue.boolWords, ConfigurationValue.bool)?.value ?? false
        inner.finish()
        return asn.map { Located(value: settings, mark: $0.mark) }
    }
}
