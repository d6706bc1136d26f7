import DispatchIO
import Glibc
import NetTypes

extension Agent {
    /// How soon a port that another speaker has is tried again.
    private static let listenRetryTime = Duration.seconds(5)

    /// Opens the port for the peers' calls. Where another speaker has it, a node that may call its peers does so
    /// without being called, and listens when the port is free: two speakers on a node are a mistake that must not cost
    /// the routes of its pods.
    func listen() throws(StartFailure) {
        guard configuration.bgp.listenPort != 0 else { return }
        do throws(SystemError) {
            try openListener()
        } catch {
            guard error.code == EADDRINUSE, configuration.bgp.peers.contains(where: { !$0.passive && !$0.isRange })
            else {
                let advice =
                    error.code == EACCES
                    ? "\(Capabilities.advice(.netBindService)), or set bgp.listenPort to 1024 or more, or to 0"
                    : "is another speaker running? set bgp.listenPort or listenAddress"
                throw StartFailure(description: "cannot listen for BGP: \(error); \(advice)")
            }
            let pause = Self.listenRetryTime.wholeSeconds
            LogLine.cannotListen(
                listenPlace.description, "\(error.reason): is another speaker running? tried again every \(pause) s"
            ).log(to: logger)
            listenLater()
        }
    }

    /// Calls that may wait for the peers to be made.
    private static let mostEarlyCalls = 64

    /// The port is open, and not every peer has been made: whom a caller is cannot be told yet.
    func keep(_ fd: CInt, _ remote: SocketAddress) {
        guard (earlyCalls?.count ?? 0) < Self.mostEarlyCalls else { return _ = close(fd) }
        earlyCalls?.append((fd, remote))
    }

    /// Every peer has been made.
    func admitEarlyCalls() {
        let calls = earlyCalls ?? []
        earlyCalls = nil
        for (fd, remote) in calls { accept(fd, remote, isKnown: false) }
    }

    /// The agent stops.
    func dropEarlyCalls() {
        for (fd, _) in earlyCalls ?? [] { close(fd) }
        earlyCalls = []
    }

    private var listenPlace: SocketAddress {
        let wildcard = IPAddress(leftAligned: 0, family: Self.hasIPv6 ? .ipv6 : .ipv4)
        return SocketAddress(configuration.bgp.listenAddress ?? wildcard, port: configuration.bgp.listenPort)
    }

    private func openListener() throws(SystemError) {
        let place = listenPlace
        listener = try TCPListener(on: place, queue: executor.queue) { [weak self] fd, remote in
            guard let self else { return _ = close(fd) }
            self.assumeIsolated { $0.accept(fd, remote, isKnown: false) }
        }
        LogLine.listening(place.description).log(to: logger)
    }

    private func listenLater() {
        let timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.listenAgain() } }
        listenTimer = timer
        timer.arm(.now + Self.listenRetryTime, at: .now)
    }

    private func listenAgain() {
        do throws(SystemError) {
            try openListener()
        } catch {
            listenTimer?.arm(.now + Self.listenRetryTime, at: .now)
            return
        }
        listenTimer = nil
        secureListener()
        // The listener has none of the keys that were read without it.
        passwords = [:]
        readPasswords()
    }

    /// Whether the kernel has IPv6 at all.
    private static var hasIPv6: Bool { access("/proc/net/if_inet6", F_OK) == 0 }
}
