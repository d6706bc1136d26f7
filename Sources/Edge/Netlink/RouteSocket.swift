import CNetlink
import FIB
import Glibc
import NetTypes

/// The requests of the agent: batches of routes, and readings of routes, links and addresses.
package final class RouteSocket {
    private let socket: NetlinkSocket
    private var sequence: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: 128 << 10)
    private var writer = NetlinkWriter()

    /// `namespace`: the path of a network namespace, nil for the calling thread's.
    package init(namespace: String? = nil) throws(NetlinkError) { socket = try .open(namespace: namespace) }

    /// Marks the notifications that our own operations cause.
    package var portID: UInt32 { socket.portID }

    package func close() { socket.close() }

    // MARK: Batches

    /// How many operations go into one send: larger batches are no faster and make others wait for the kernel's lock.
    package static let batchSize = 200

    /// Carries out all operations, each on its own: one that fails keeps none of the others back. Returns the failures
    /// by index. Throws when the socket itself fails; what was done is then unknown and must be read.
    package func apply(_ operations: [RouteOperation]) throws(NetlinkError) -> [Int: NetlinkError] {
        try apply(operations) { RouteMessage.write($0, sequence: $1, into: &$2) }
    }

    /// The same for nexthop objects, in their order: groups need their members.
    package func apply(_ operations: [NextHopOperation]) throws(NetlinkError) -> [Int: NetlinkError] {
        try apply(operations) { NextHopMessage.write($0, sequence: $1, into: &$2) }
    }

    private func apply<Operation: CustomStringConvertible>(
        _ operations: [Operation], _ write: (Operation, UInt32, inout NetlinkWriter) -> Void
    ) throws(NetlinkError) -> [Int: NetlinkError] {
        var failures: [Int: NetlinkError] = [:]
        var start = 0
        while start < operations.count {
            let end = min(start + Self.batchSize, operations.count)
            try apply(operations[start..<end], write, &failures)
            start = end
        }
        return failures
    }

    private func apply<Operation: CustomStringConvertible>(
        _ operations: ArraySlice<Operation>, _ write: (Operation, UInt32, inout NetlinkWriter) -> Void,
        _ failures: inout [Int: NetlinkError]
    ) throws(NetlinkError) {
        let first = sequence &+ 1
        writer.removeAll()
        for operation in operations {
            sequence &+= 1
            write(operation, sequence, &writer)
        }
        // Failures are told in any case; the acknowledgement of the last one ends the batch.
        writer.addFlags(UInt16(NLM_F_ACK))
        try socket.send(writer.bytes)
        let last = sequence
        var isDone = false
        while !isDone {
            let count = try receive()
            let received = buffer
            let bytes = received.span.bytes
            var position = 0
            while let (header, next) = bytes.message(at: position, end: count) {
                position = next
                guard let answer = NetlinkAnswer(bytes, header) else { continue }
                let offset = Int(answer.sequence &- first)
                guard offset < operations.count else { continue }
                isDone = isDone || answer.sequence == last
                let index = operations.startIndex + offset
                if answer.code != 0 { failures[index] = answer.error(operations[index].description) }
            }
        }
    }

    // MARK: Readings

    /// Where a reading stands.
    package enum Progress: Sendable {
        case more, done
        /// The kernel's tables changed in a way that can have hidden entries: begin again.
        case interrupted
    }

    private var isInterrupted = false

    /// Asks for all routes of a family; `readRoutes` fetches them part by part.
    package func beginRoutes(_ family: AddressFamily) throws(NetlinkError) {
        try begin { writer, sequence in
            writer.beginMessage(UInt16(RTM_GETROUTE), flags: UInt16(NLM_F_REQUEST | NLM_F_DUMP), sequence: sequence)
            for byte in [family.systemValue, 0, 0, 0, 0, 0, 0, 0] { writer.append(byte) }
            writer.append(UInt32(0))
            writer.endMessage()
        }
    }

    /// The next few hundred routes of the reading that `beginRoutes` began.
    package func readRoutes(_ take: (KernelRoute) -> Void) throws(NetlinkError) -> Progress {
        try read("read the routes") { notice in
            if case .route(.present(let route, _), _) = notice { take(route) }
        }
    }

    /// All routes of a family at once.
    package func routes(_ family: AddressFamily) throws(NetlinkError) -> [KernelRoute] {
        try repeated("read the routes") { () throws(NetlinkError) in
            try beginRoutes(family)
            var routes: [KernelRoute] = []
            while true {
                switch try readRoutes({ routes.append($0) }) {
                case .more: continue
                case .done: return routes
                case .interrupted: return nil
                }
            }
        }
    }

    /// All nexthop objects, whoever made them.
    package func nextHops() throws(NetlinkError) -> [KernelNextHop] {
        try repeated("read nexthop objects") { () throws(NetlinkError) in
            try begin { writer, sequence in NextHopMessage.writeDump(sequence: sequence, into: &writer) }
            var objects: [KernelNextHop] = []
            while true {
                let progress = try read("read nexthop objects") { notice in
                    if case .nextHop(.present(let object), _) = notice { objects.append(object) }
                }
                switch progress {
                case .more: continue
                case .done: return objects
                case .interrupted: return nil
                }
            }
        }
    }

    /// All links and addresses.
    package func topology() throws(NetlinkError) -> TopologyBuilder {
        try repeated("read links and addresses") { () throws(NetlinkError) in
            var builder = TopologyBuilder()
            try begin { writer, sequence in LinkMessage.writeLinkDump(sequence: sequence, into: &writer) }
            guard try readAll({ builder.observe($0) }) else { return nil }
            try begin { writer, sequence in LinkMessage.writeAddressDump(sequence: sequence, into: &writer) }
            guard try readAll({ builder.observe($0) }) else { return nil }
            return builder
        }
    }

    /// The neighbours of all links.
    package func neighbors() throws(NetlinkError) -> NeighborTable {
        try repeated("read neighbours") { () throws(NetlinkError) in
            var table = NeighborTable()
            try begin { writer, sequence in NeighborMessage.writeDump(sequence: sequence, into: &writer) }
            while true {
                let progress = try read("read neighbours") { notice in
                    if case .neighbor(let observation) = notice { _ = table.observe(observation) }
                }
                switch progress {
                case .more: continue
                case .done: return table
                case .interrupted: return nil
                }
            }
        }
    }

    private func readAll(_ take: (LinkObservation) -> Void) throws(NetlinkError) -> Bool {
        while true {
            let progress = try read("read links and addresses") { notice in
                if case .link(let observation) = notice { take(observation) }
            }
            switch progress {
            case .more: continue
            case .done: return true
            case .interrupted: return false
            }
        }
    }

    /// Tries a reading again when the kernel says that it was interrupted.
    private func repeated<T>(
        _ operation: String, _ body: () throws(NetlinkError) -> T?
    ) throws(NetlinkError) -> T {
        for _ in 0..<20 { if let result = try body() { return result } }
        throw NetlinkError(operation: operation, code: EINTR, kernelMessage: "it changed faster than it could be read")
    }

    private func begin(_ write: (inout NetlinkWriter, UInt32) -> Void) throws(NetlinkError) {
        sequence &+= 1
        isInterrupted = false
        writer.removeAll()
        write(&writer, sequence)
        try socket.send(writer.bytes)
    }

    /// Reads one datagram of the answer to `begin`.
    private func read(_ operation: String, _ take: (KernelNotice) -> Void) throws(NetlinkError) -> Progress {
        let count = try receive()
        let received = buffer
        let bytes = received.span.bytes
        var position = 0
        while let (header, next) = bytes.message(at: position, end: count) {
            position = next
            guard header.sequence == sequence else { continue }
            if header.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isInterrupted = true }
            if let answer = NetlinkAnswer(bytes, header) {
                if answer.code != 0 { throw answer.error(operation) }
                return isInterrupted ? .interrupted : .done
            }
            if let notice = KernelNotice(bytes, header, ownPortID: 0) { take(notice) }
        }
        return .more
    }

    /// Waits for the next datagram and returns how many octets of `buffer` it fills.
    private func receive() throws(NetlinkError) -> Int {
        guard let count = try socket.receive(into: &buffer) else {
            throw NetlinkError(operation: "read from netlink", code: EAGAIN)
        }
        return count
    }
}
