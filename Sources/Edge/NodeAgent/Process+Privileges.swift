import CLinux
import Glibc
import NetTypes

extension Process {
    /// Enough for the thread of BFD, and what our unit allows (`LimitRTPRIO=`).
    private static let realTimePriority: CInt = 20

    /// Gives up what the agent does not need, before the first thread starts: whoever finds a hole in it then has
    /// routes and ports, and not the machine. Raw sockets are kept where the configuration has unnumbered peers.
    ///
    /// The thread of BFD needs no capability for its real-time priority where the resource limit for that can be
    /// raised; where it cannot, as in many containers, CAP_SYS_NICE stays for those who have BFD. Without
    /// CAP_DAC_OVERRIDE an agent of root opens files of others as others may.
    package static func keepOnlyNeededCapabilities(configuration path: String) {
        let (configuration, _) = Configuration.load(path: path, hostname: hostname)
        let isRealTimeFree = clinux_allow_real_time(realTimePriority) == 0
        let kept = Capabilities.needed(by: configuration, isRealTimeFree: isRealTimeFree)
        let code = clinux_keep_capabilities(kept.reduce(0) { $0 | 1 << $1.rawValue })
        guard code != 0 else { return }
        complain("martletd: cannot give up capabilities: \(String(cString: strerror(code))); going on with them")
    }
}

extension Capabilities {
    /// What an agent with this configuration needs; without one it ends soon. `isRealTimeFree`: the resource limit
    /// allows real-time priorities.
    static func needed(by configuration: Configuration?, isRealTimeFree: Bool) -> [Name] {
        let peers = configuration?.bgp.peers ?? []
        let hasUnnumbered = peers.contains { $0.location.interface != nil }
        let hasBFD = peers.contains { $0.bfd != nil }
        return [.netBindService, .netAdmin] + (hasUnnumbered ? [.netRaw] : [])
            + (hasBFD && !isRealTimeFree ? [.sysNice] : [])
    }
}
