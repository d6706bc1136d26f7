import CLinux
import Glibc

/// Kernel settings of one link that netlink cannot set.
enum PodSysctl {
    /// Sets `net.ipv6.conf.LINK.KEY` in the thread's namespace unless it has the value. A kernel without IPv6 has
    /// nothing to set (then an IPv6 address fails later with the kernel's own words).
    static func setIPv6(_ key: String, of link: String, to value: Character) throws(LibnlError) {
        let path = "/proc/sys/net/ipv6/conf/\(link)/\(key)"
        let descriptor = clinux_open(path, O_RDWR, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw LibnlError("open \(path)", code: errno)
        }
        defer { close(descriptor) }
        var current: UInt8 = 0
        if read(descriptor, &current, 1) == 1, current == value.asciiValue { return }
        let bytes = Array(String(value).utf8)
        guard pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw LibnlError("write \(path)", code: errno)
        }
    }
}
