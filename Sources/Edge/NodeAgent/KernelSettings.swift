import DispatchIO
import Glibc
import NetTypes

/// One kernel setting that routing depends on.
package struct KernelSetting: Sendable, Hashable {
    /// As sysctl(8) names it.
    package let name: String
    /// What it is now; nil: it cannot be read.
    package var value: String?
    package let wanted: String
    /// What it was before martletd changed it.
    package var before: String?
    /// Why it is not as wanted.
    package var problem: String?

    package var isAsWanted: Bool { problem == nil && value != nil }
}

/// The kernel settings that routing needs: changed where they are not so, never set back, and told.
struct KernelSettings: Sendable {
    /// A wish: `accepts` says whether a value that somebody chose is good enough.
    private struct Wish {
        let name: String
        let path: String
        let wanted: String
        let accepts: @Sendable (String) -> Bool

        init(_ path: String, _ wanted: String, accepts: @escaping @Sendable (String) -> Bool) {
            (self.path, self.wanted, self.accepts) = (path, wanted, accepts)
            name = path.split(separator: "/").joined(separator: ".")
        }
    }

    /// Directory of the settings: `/proc/sys`.
    let root: String
    /// False: they are only looked at.
    let mayChange: Bool
    /// In the order in which they were looked at first.
    private(set) var settings: [KernelSetting] = []

    init(root: String = "/proc/sys", mayChange: Bool) { (self.root, self.mayChange) = (root, mayChange) }

    private static func wishes(uplinks: [String], root: String) -> [Wish] {
        var wishes = [
            Wish("net/ipv4/ip_forward", "1") { $0 == "1" },
            Wish("net/ipv6/conf/all/forwarding", "1") { $0 == "1" },
            // 0 hashes addresses alone: all flows between two nodes take one uplink.
            Wish("net/ipv4/fib_multipath_hash_policy", "1") { $0 != "0" },
            Wish("net/ipv6/fib_multipath_hash_policy", "1") { $0 != "0" },
            // Of several next hops that a route carries itself, one that does not answer on its link is passed over.
            // Groups of nexthop objects do so by themselves (by hash), or not at all (resilient ones).
            Wish("net/ipv4/fib_multipath_use_neigh", "1") { $0 == "1" },
            // Next hops behind a link without carrier are passed over at once, not after our own repair.
            Wish("net/ipv4/conf/all/ignore_routes_with_linkdown", "1") { $0 == "1" },
            Wish("net/ipv6/conf/all/ignore_routes_with_linkdown", "1") { $0 == "1" },
        ]
        // With two uplinks answers may come in on the other one, which the strict check drops. The larger of the
        // interface's value and that of all counts, and 2, the loose check, is larger than 1.
        guard uplinks.count > 1 else { return wishes }
        let all = try? read("\(root)/net/ipv4/conf/all/rp_filter")
        for uplink in uplinks.sorted() {
            wishes.append(
                Wish("net/ipv4/conf/\(uplink)/rp_filter", "2") { $0 == "2" || ($0 == "0" && all != "1") || all == "2" })
        }
        return wishes
    }

    /// Looks at all settings, and changes what must be; returns those that this changed, or could not.
    mutating func apply(uplinks: [String]) -> [KernelSetting] {
        var news: [KernelSetting] = []
        for wish in Self.wishes(uplinks: uplinks, root: root) {
            let known = settings.firstIndex { $0.name == wish.name }
            var setting = KernelSetting(name: wish.name, wanted: wish.wanted)
            setting.before = known.flatMap { settings[$0].before }
            change(&setting, wish)
            let isNews = known.map { settings[$0] != setting } ?? (setting.before != nil || setting.problem != nil)
            if isNews { news.append(setting) }
            if let known { settings[known] = setting } else { settings.append(setting) }
        }
        return news
    }

    private func change(_ setting: inout KernelSetting, _ wish: Wish) {
        let path = "\(root)/\(wish.path)"
        do throws(SystemError) {
            let value = try Self.read(path)
            setting.value = value
            guard !wish.accepts(value) else { return }
            guard mayChange else {
                setting.problem = "is \(value), should be \(wish.wanted), and fib.sysctl is check"
                return
            }
            // Only where it differs: writing even the same value makes the kernel go through every interface.
            try Self.write(wish.wanted, path)
            (setting.value, setting.before) = (wish.wanted, value)
        } catch {
            let isReadOnly = [EROFS, EACCES, EPERM].contains(error.code)
            setting.problem = isReadOnly ? "cannot be changed here: /proc/sys is read-only" : error.description
        }
    }

    private static func read(_ path: String) throws(SystemError) -> String {
        let fd = try check("open \(path)") { open(path, O_RDONLY | O_CLOEXEC) }
        defer { close(fd) }
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = try check("read \(path)") { Glibc.read(fd, &buffer, 32) }
        return String(decoding: buffer.prefix(max(0, count)).prefix { $0 > 0x20 }, as: UTF8.self)
    }

    private static func write(_ value: String, _ path: String) throws(SystemError) {
        let fd = try check("open \(path)") { open(path, O_WRONLY | O_CLOEXEC) }
        defer { close(fd) }
        let bytes = Array(value.utf8)
        _ = try check("write \(path)") { Glibc.write(fd, bytes, bytes.count) }
    }
}
