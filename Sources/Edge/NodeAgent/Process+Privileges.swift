import CLinux
import Glibc
import NetTypes

extension Process {
    /// Enough for the thread of BFD, and what our unit allows (`LimitRTPRIO=`).
    private static let realTimePriority: CInt = 20

    /// Gives up what the agent does not need, before the first thread starts: whoever finds a hole in it then has
    /// routes and ports, and not the machine. Raw sockets are kept where the configuration has unnumbered peers.
    ///
    /// Without CAP_SYS_NICE real-time priority takes a resource limit, which is raised before. Without CAP_DAC_OVERRIDE
    /// an agent of root opens files of others as others may.
    package static func keepOnlyNeededCapabilities(configuration path: String) {
        let (configuration, _) = Configuration.load(path: path, hostname: hostname)
        // Who may not raise it has what it was given.
        _ = clinux_allow_real_time(realTimePriority)
        let kept = Capabilities.needed(by: configuration)
        let code = clinux_keep_capabilities(kept.reduce(0) { $0 | 1 << $1.rawValue })
        guard code != 0 else { return }
        complain("martletd: cannot give up capabilities: \(String(cString: strerror(code))); going on with them")
    }
}

extension Capabilities {
    /// What an agent with this configuration needs; without one it ends soon.
    static func needed(by configuration: Configuration?) -> [Name] {
        let hasUnnumbered = configuration?.bgp.peers.contains { $0.location.interface != nil } ?? false
        return [.netBindService, .netAdmin] + (hasUnnumbered ? [.netRaw] : [])
    }
}
