import DispatchIO
import Glibc
import NetTypes

extension Agent {
    /// Closes a connection of nobody that is configured. Of each address it is said once a minute: who calls decides
    /// how often he calls.
    func refuse(_ fd: CInt, _ remote: SocketAddress) {
        close(fd)
        guard let leftOut = refusals.admit(remote.address, at: .now) else { return }
        LogLine.refused(address: remote.address, "no peer with this address is configured").log(to: logger)
        if leftOut > 0 { LogLine.leftOut("connection refused", leftOut).log(to: logger) }
    }
}
