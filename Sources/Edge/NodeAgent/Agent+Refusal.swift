import DispatchIO
import Glibc
import NetTypes

extension Agent {
    /// Closes a connection that nobody waits for. Of each address it is said once a minute: who calls decides
    /// how often he calls.
    func refuse(_ fd: CInt, _ remote: SocketAddress, _ reason: String) {
        // Said first: who was refused may be looked for as soon as the connection is gone.
        defer { close(fd) }
        guard let leftOut = refusals.admit(remote.address, at: .now) else { return }
        LogLine.refused(address: remote.address.description, reason).log(to: logger)
        if leftOut > 0 { LogLine.leftOut("connection refused", leftOut).log(to: logger) }
    }
}
