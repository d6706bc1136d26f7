import BGPCapture
import BGPSession
import ControlAPI
import DispatchIO
import Glibc
import NetTypes

extension CaptureTime {
    /// The wall clock.
    static var now: Self {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Self(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// What a capture that begins within a session must know of a connection: its begin, and the two OPENs.
struct WireMemory {
    let since = CaptureTime.now
    private(set) var opens: [(direction: SyntheticPackets.Direction, octets: [UInt8], at: CaptureTime)] = []
    /// Octets of both directions so far.
    private(set) var sent = 0
    private(set) var received = 0

    mutating func count(_ octets: Int, _ direction: SyntheticPackets.Direction) {
        switch direction {
        case .sent: sent += octets
        case .received: received += octets
        }
    }

    /// Keeps an OPEN, which is the first message of its direction.
    mutating func keep(_ octets: [UInt8], _ direction: SyntheticPackets.Direction) {
        guard !opens.contains(where: { $0.direction == direction }) else { return }
        opens.append((direction, octets, .now))
    }
}

/// One listener on a peer's connections: everything that is said goes into its stream as packets of a pcap file. What
/// finds no room is skipped, and the sequence numbers tell how much that was; the session never waits.
final class PeerCapture {
    let stream: ControlStream
    private var connections: [ConnectionID: SyntheticPackets] = [:]

    init(_ stream: ControlStream) {
        self.stream = stream
        _ = stream.offer(SyntheticPackets.fileHeader)
    }

    deinit { stream.finish() }

    /// A connection as it is now: its begin, the OPENs, and what has arrived of an unfinished message.
    func join(_ id: ConnectionID, _ wire: PeerLoop.Wire) {
        guard let local = wire.connection.localAddress, let remote = wire.connection.remoteAddress else { return }
        let memory = wire.memory
        guard memory.sent + memory.received > 0 else { return }
        var packets = SyntheticPackets(local: Endpoint(local), remote: Endpoint(remote))
        var octets = packets.begin(at: memory.since)
        for open in memory.opens { octets += packets.octets(open.octets[...], open.direction, at: open.at) }
        func known(_ direction: SyntheticPackets.Direction) -> Int {
            memory.opens.filter { $0.direction == direction }.reduce(0) { $0 + $1.octets.count }
        }
        let pending = wire.framer.unread
        packets.skip(memory.sent - known(.sent), .sent)
        packets.skip(memory.received - known(.received) - pending.count, .received)
        octets += packets.octets(pending[...], .received, at: .now)
        connections[id] = packets
        _ = stream.offer(octets)
    }

    /// Octets of a connection, which begins with them if it is new.
    func add(_ octets: [UInt8], _ direction: SyntheticPackets.Direction, _ id: ConnectionID, _ wire: PeerLoop.Wire) {
        var begin: [UInt8] = []
        if connections[id] == nil {
            guard let local = wire.connection.localAddress, let remote = wire.connection.remoteAddress else { return }
            var packets = SyntheticPackets(local: Endpoint(local), remote: Endpoint(remote))
            begin = packets.begin(at: wire.memory.since)
            connections[id] = packets
        }
        guard var packets = connections[id] else { return }
        let record = begin + packets.octets(octets[...], direction, at: .now)
        if stream.offer(record) {
            connections[id] = packets
        } else {
            connections[id]?.skip(octets.count, direction)
        }
    }

    /// Connections that are gone.
    func leave(_ isAlive: (ConnectionID) -> Bool) {
        for (id, packets) in connections where !isAlive(id) {
            connections[id] = nil
            _ = stream.offer(packets.ended(at: .now))
        }
    }
}

extension Endpoint {
    fileprivate init(_ address: SocketAddress) { self.init(address.address, port: address.port) }
}

extension PeerLoop {
    /// Everything that is said on this peer's connections goes into `stream` until nobody reads it any more.
    func capture(into stream: ControlStream) {
        let capture = PeerCapture(stream)
        for (id, wire) in wires.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { capture.join(id, wire) }
        captures.append(capture)
        stream.onAbandon { [weak self] in
            self?.post { loop in loop.captures.removeAll { $0.stream === stream } }
        }
    }

    /// Counts what a connection received, and shows it to who listens.
    func tap(received bytes: UnsafeRawBufferPointer, on id: ConnectionID, _ wire: Wire) {
        wire.memory.count(bytes.count, .received)
        guard !captures.isEmpty else { return }
        let octets = Array(bytes)
        for capture in captures { capture.add(octets, .received, id, wire) }
    }

    /// Sends octets, and shows them to who listens.
    func transmit(_ octets: [UInt8], on id: ConnectionID, _ wire: Wire) {
        for capture in captures { capture.add(octets, .sent, id, wire) }
        wire.memory.count(octets.count, .sent)
        wire.send(octets)
    }

    /// Tells who listens which connections are left.
    func tapEnds() {
        for capture in captures { capture.leave { wires[$0] != nil } }
    }
}
