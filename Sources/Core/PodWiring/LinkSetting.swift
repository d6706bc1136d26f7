/// A kernel setting (sysctl) of a pod link's host end. Together they see to it that a pod is a host and nothing more:
/// it cannot be its node's router, answer for the addresses of others, send in their names, or reach the node's
/// loopback.
package enum LinkSetting: String, CaseIterable, Hashable, Sendable {
    case forwardingIPv4 = "net.ipv4.conf.LINK.forwarding"
    /// Strict: what comes must have the pod's address as source, since only that is routed back over the link. (IPv6
    /// has no such setting: nftables does it.)
    case sourceCheck = "net.ipv4.conf.LINK.rp_filter"
    case acceptRedirectsIPv4 = "net.ipv4.conf.LINK.accept_redirects"
    case sendRedirects = "net.ipv4.conf.LINK.send_redirects"
    case acceptSourceRoute = "net.ipv4.conf.LINK.accept_source_route"
    case proxyARP = "net.ipv4.conf.LINK.proxy_arp"
    /// 1: ARP is answered for addresses of the link itself only, of which it has none.
    case ignoreARP = "net.ipv4.conf.LINK.arp_ignore"
    /// 1 with host ports only: what the node sends to 127.0.0.1:PORT leaves by this link. nftables keeps the pod from
    /// 127.0.0.0/8 then.
    case routeLoopback = "net.ipv4.conf.LINK.route_localnet"
    case disableIPv6 = "net.ipv6.conf.LINK.disable_ipv6"
    case forwardingIPv6 = "net.ipv6.conf.LINK.forwarding"
    case acceptRouterAdvertisements = "net.ipv6.conf.LINK.accept_ra"
    case acceptRedirectsIPv6 = "net.ipv6.conf.LINK.accept_redirects"
    case proxyNeighbours = "net.ipv6.conf.LINK.proxy_ndp"

    package var isIPv6: Bool {
        switch self {
        case .disableIPv6, .forwardingIPv6, .acceptRouterAdvertisements, .acceptRedirectsIPv6, .proxyNeighbours: true
        case .forwardingIPv4, .sourceCheck, .acceptRedirectsIPv4, .sendRedirects, .acceptSourceRoute, .proxyARP,
            .ignoreARP, .routeLoopback:
            false
        }
    }

    /// The sysctl's name for a link.
    package func name(of link: String) -> String {
        let parts = rawValue.split(separator: ".", omittingEmptySubsequences: false)
        return parts.map { $0 == "LINK" ? link : String($0) }.joined(separator: ".")
    }
}

/// A setting with its value.
package struct LinkSettingValue: Hashable, Sendable {
    package let setting: LinkSetting
    package let value: Int32

    package init(_ setting: LinkSetting, _ value: Int32) {
        self.setting = setting
        self.value = value
    }
}

extension VethPlan {
    /// What the host end's settings must be. A link without IPv6 addresses has no IPv6 at all: nothing that the pod
    /// says in it is heard.
    package var hostSettings: [LinkSettingValue] { settingsIPv4 + settingsIPv6 }

    var settingsIPv4: [LinkSettingValue] {
        let hasPorts = hostPorts.contains { $0.family == .ipv4 }
        return [
            LinkSettingValue(.forwardingIPv4, has(.ipv4) ? 1 : 0), LinkSettingValue(.sourceCheck, 1),
            LinkSettingValue(.acceptRedirectsIPv4, 0), LinkSettingValue(.sendRedirects, 0),
            LinkSettingValue(.acceptSourceRoute, 0), LinkSettingValue(.proxyARP, 0), LinkSettingValue(.ignoreARP, 1),
            LinkSettingValue(.routeLoopback, hasPorts ? 1 : 0),
        ]
    }

    /// In the order in which they are set: the link hears nothing before it must not.
    package var settingsIPv6: [LinkSettingValue] {
        guard has(.ipv6) else { return [LinkSettingValue(.disableIPv6, 1)] }
        return [
            LinkSettingValue(.acceptRouterAdvertisements, 0), LinkSettingValue(.acceptRedirectsIPv6, 0),
            LinkSettingValue(.proxyNeighbours, 0), LinkSettingValue(.disableIPv6, 0),
            LinkSettingValue(.forwardingIPv6, 1),
        ]
    }
}
