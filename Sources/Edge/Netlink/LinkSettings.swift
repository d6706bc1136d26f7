import CLinux
import CNetlink
import Glibc
import PodWiring

// A link's settings: the kernel tells them with the link, takes IPv4's by netlink and IPv6's by file only.

extension LinkSetting {
    /// The number in `linux/ip.h` (IPV4_DEVCONF_*, from 1) or `linux/ipv6.h` (DEVCONF_*, from 0).
    var number: Int {
        switch self {
        case .forwardingIPv4: 1
        case .proxyARP: 3
        case .acceptRedirectsIPv4: 4
        case .sendRedirects: 6
        case .sourceCheck: 8
        case .acceptSourceRoute: 9
        case .ignoreARP: 19
        case .routeLoopback: 26
        case .forwardingIPv6: 0
        case .acceptRouterAdvertisements: 3
        case .acceptRedirectsIPv6: 4
        case .proxyNeighbours: 22
        case .disableIPv6: 26
        }
    }

    /// The file below `/proc/sys/net/ipv6/conf/LINK`; nil for a setting that netlink takes.
    var file: String? {
        switch self {
        case .disableIPv6: "disable_ipv6"
        case .forwardingIPv6: "forwarding"
        case .acceptRouterAdvertisements: "accept_ra"
        case .acceptRedirectsIPv6: "accept_redirects"
        case .proxyNeighbours: "proxy_ndp"
        case .forwardingIPv4, .sourceCheck, .acceptRedirectsIPv4, .sendRedirects, .acceptSourceRoute, .proxyARP,
            .ignoreARP, .routeLoopback:
            nil
        }
    }
}

/// The settings that came with a link.
struct LinkSettings {
    private let ipv4: ArraySlice<UInt8>?
    private let ipv6: ArraySlice<UInt8>?

    init(_ reply: LibnlReply) {
        let families = reply.attributes(after: MemoryLayout<ifinfomsg>.size).nested(IFLA_AF_SPEC)
        // IFLA_INET_CONF and IFLA_INET6_CONF: arrays of numbers.
        ipv4 = families?.nested(AF_INET)?[1]
        ipv6 = families?.nested(AF_INET6)?[2]
    }

    /// Nil: the kernel told nothing of it, since it is older than the setting or has no IPv6.
    subscript(_ setting: LinkSetting) -> Int32? {
        setting.isIPv6 ? ipv6?.number(at: setting.number * 4) : ipv4?.number(at: (setting.number - 1) * 4)
    }

    /// What the kernel told of those that are wanted.
    func values(of wanted: [LinkSettingValue]) -> [LinkSettingValue] {
        wanted.compactMap { want in self[want.setting].map { LinkSettingValue(want.setting, $0) } }
    }

    /// Writes, in the thread's namespace, those of the IPv6 settings that are not as wanted.
    func change(_ link: String, to wanted: [LinkSettingValue]) throws(LibnlError) {
        for want in wanted where self[want.setting] != want.value {
            if let file = want.setting.file { try PodSysctl.setIPv6(file, of: link, to: want.value) }
        }
    }
}

/// Kernel settings of one link that netlink cannot set.
enum PodSysctl {
    /// Sets `net.ipv6.conf.LINK.KEY` in the thread's namespace. A kernel without IPv6 has nothing to set (then an IPv6
    /// address fails later with the kernel's own words).
    static func setIPv6(_ key: String, of link: String, to value: Int32) throws(LibnlError) {
        let path = "/proc/sys/net/ipv6/conf/\(link)/\(key)"
        let descriptor = clinux_open(path, O_WRONLY, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw LibnlError("open \(path)", code: errno)
        }
        defer { close(descriptor) }
        let bytes = Array(String(value).utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw LibnlError("write \(path)", code: errno)
        }
    }
}
