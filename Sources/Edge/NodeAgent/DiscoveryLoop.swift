import DispatchIO
import FIB
import NeighborDiscovery
import NetTypes

/// Finds the neighbours of unnumbered peers: one raw socket and one `LinkDiscovery` for each interface.
actor DiscoveryLoop: Loop {
    nonisolated let executor = LoopExecutor(label: "martlet.discovery")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// After a socket could not be opened.
    private static let retryTime = Duration.seconds(5)

    private struct Link {
        var discovery = LinkDiscovery(seed: .random(in: .min ... .max))
        var socket: RouterSocket?
        /// The interface that the socket is on.
        var index: UInt32 = 0
        var problem: String?
        var retry: Instant?
    }

    private let onChange: @Sendable (FoundNeighbors) -> Void
    private var links: [String: Link] = [:]
    private var topology = Topology()
    private var timer: LoopTimer?
    private var told = FoundNeighbors()

    /// `onChange` hears of every neighbour that is found or lost.
    init(onChange: @escaping @Sendable (FoundNeighbors) -> Void) { self.onChange = onChange }

    // MARK: what is wanted

    /// The interfaces that have unnumbered peers.
    func setInterfaces(_ names: Set<String>) {
        for name in links.keys where !names.contains(name) {
            links[name]?.socket?.cancel()
            links[name] = nil
        }
        for name in names where links[name] == nil { links[name] = Link() }
        if timer == nil, !names.isEmpty {
            timer = LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.tick() } }
        }
        update()
    }

    func setTopology(_ topology: Topology) {
        self.topology = topology
        update()
    }

    /// The neighbour on an interface has called.
    func learned(_ address: IPv6Address, on name: String) {
        change(name) { $0.learned(address, at: .now) }
        finish()
    }

    func stop() {
        timer?.cancel()
        timer = nil
        for link in links.values { link.socket?.cancel() }
        links = [:]
    }

    // MARK: turns

    private func update() {
        for name in links.keys { update(name) }
        finish()
    }

    private func update(_ name: String) {
        guard case .usable(let interface) = topology.link(name) else {
            links[name]?.socket?.cancel()
            links[name]?.socket = nil
            links[name]?.problem = nil
            links[name]?.retry = nil
            return change(name) { $0.down() }
        }
        // Another interface with the old name: its neighbour is another one, too.
        if links[name]?.index != interface.index { change(name) { $0.down() } }
        if links[name]?.index != interface.index || links[name]?.socket == nil { open(name, interface) }
        // Also without a socket: then the neighbour may still call us.
        change(name) { $0.up(interface.macAddress, at: .now) }
    }

    private func open(_ name: String, _ interface: Interface) {
        links[name]?.socket?.cancel()
        links[name]?.socket = nil
        links[name]?.index = interface.index
        do throws(SystemError) {
            let socket = try RouterSocket(interface: name, index: interface.index, queue: executor.queue) {
                [weak self] datagram in self?.assumeIsolated { $0.received(datagram, on: name) }
            }
            links[name]?.socket = socket
            links[name]?.problem = nil
            links[name]?.retry = nil
        } catch {
            links[name]?.problem = "cannot look for router advertisements on \(name): \(error)"
            links[name]?.retry = .now + Self.retryTime
        }
    }

    private func received(_ datagram: RouterSocket.Datagram, on name: String) {
        // What breaks the rules of the RFC is dropped without a word: anybody on the link could fill the log.
        let message = try? RouterMessage.decode(
            datagram.bytes.span.bytes, from: datagram.source, hopLimit: datagram.hopLimit)
        guard let message else { return }
        change(name) { $0.received(message, from: datagram.source, at: .now) }
        finish()
    }

    private func tick() {
        let now = Instant.now
        for name in links.keys {
            if let retry = links[name]?.retry, retry <= now { update(name) }
            change(name) { $0.tick(at: now) }
        }
        finish()
    }

    private func change(_ name: String, _ body: (inout LinkDiscovery) -> [LinkDiscovery.Action]) {
        guard var link = links[name] else { return }
        let actions = body(&link.discovery)
        links[name] = link
        for case .send(let message, let destination) in actions {
            // A message that is not sent (the link has just gone, its address is being checked) is one that is lost:
            // the next one follows.
            try? link.socket?.send(message.encoded, to: destination)
        }
    }

    /// Tells what is new and arms the timer.
    private func finish() {
        var found = FoundNeighbors()
        for (name, link) in links {
            found.addresses[name] = link.discovery.neighbor
            found.problems[name] = link.problem
        }
        if found != told {
            told = found
            onChange(found)
        }
        let deadlines = links.values.flatMap { [$0.discovery.nextDeadline, $0.retry] }.compactMap { $0 }
        timer?.arm(deadlines.min(), at: .now)
    }
}
