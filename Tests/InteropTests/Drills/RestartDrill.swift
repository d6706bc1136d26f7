import Foundation
import Lab
import NetTypes
import TestKit

/// Two nodes with a pod each under one router, and streams of packets while the agent of the first one is away.
final class RestartDrill {
    /// The router, and whether its links have addresses.
    enum Fabric: String, CaseIterable, Sendable {
        case frr, bird, unnumbered
    }

    /// Questions a second of each stream.
    private static let rate = Drill.isLong ? 100 : 200
    /// The least number of questions of each stream while an agent is restarted.
    private static let least = Drill.isLong ? 2500 : 1000
    /// Seconds that an agent is away.
    private static let absences = Drill.isLong ? [3, 10] : [3]

    private let rack: Rack
    private let fabric: Fabric
    private let tor: any Router
    private let nodes: [MartletNode]
    private let here, there: Pod
    /// The router answers, too.
    private let echo: EchoServer?
    private let packets: PacketFile
    /// What the first node runs; an upgrade puts another file in its place.
    private let program: String

    static func run(_ fabric: Fabric) throws {
        try Rack.use(numbered: fabric != .unnumbered) { rack in
            let drill = try RestartDrill(rack, fabric)
            defer {
                drill.packets.stop()
                drill.echo?.stop()
            }
            for seconds in absences {
                try drill.counting("killed, \(seconds) s away") { try drill.restart(seconds) { $0.kill() } }
                try drill.counting("upgraded by SIGTERM, \(seconds) s away") { try drill.upgrade(seconds) }
            }
            try drill.counting("killed twice within five seconds") { try drill.killTwice() }
        }
    }

    private init(_ rack: Rack, _ fabric: Fabric) throws {
        (self.rack, self.fabric) = (rack, fabric)
        var configuration = rack.routerConfiguration()
        if fabric == .unnumbered {
            for index in configuration.neighbors.indices {
                configuration.neighbors[index].address = Rack.nodeName(index)
                configuration.neighbors[index].isUnnumbered = true
            }
        }
        tor = try rack.startRouter(fabric == .bird ? .bird : .frr, configuration)
        let program = rack.directory("martletd")
        self.program = program
        try FileManager.default.copyItem(atPath: try martletBinary("martletd"), toPath: program)
        nodes = try rack.nodes.indices.map { node in
            var own = rack.nodeConfiguration(node)
            if fabric == .unnumbered {
                own.peers[0].location = "interface: eth0"
                own.peers[0].asnText = "external"
            }
            let agent = try rack.martlet(node, own)
            try agent.start(node == 0 ? program : nil)
            return agent
        }
        for node in rack.nodes { try node.waitPrefixes(Drill.podCIDRs, protocolID: 179, within: 30) }
        here = try Pod("pod-a1", in: rack.name, on: try nodes[0].podNetwork())
        there = try Pod("pod-b1", in: rack.name, on: try nodes[1].podNetwork())
        echo = fabric == .unnumbered ? nil : try EchoServer(in: rack.tors[0])
        packets = try PacketFile(
            in: rack.tors[0], on: rack.link(node: 0).routerInterface, ["tcp", "port", "179"],
            file: rack.directory("bgp.pcap"))
    }

    /// Who asks whom: pods both ways, and where the router has addresses it asks and is asked.
    private func pairs() throws -> [(name: String, from: Namespace, to: IPAddress)] {
        let link = rack.link(node: 0)
        return try AddressFamily.allCases.flatMap { family in
            let inside = [
                ("\(family) pod to pod", there.namespace, try here.address(family)),
                ("\(family) pod back to pod", here.namespace, try there.address(family)),
            ]
            guard fabric != .unnumbered else { return inside }
            let router = IPAddress(family == .ipv4 ? link.routerIPv4 : link.routerIPv6) ?? .v4(.any)
            return inside + [
                ("\(family) router to pod", rack.tors[0], try here.address(family)),
                ("\(family) pod to router", here.namespace, router),
            ]
        }
    }

    /// Runs `body` under streams, none of which may lose a packet.
    private func counting(_ name: String, _ body: () throws -> Void) throws {
        let pairs = try pairs()
        // Neighbours are found first: that is not what is counted.
        for pair in pairs {
            try eventually("\(pair.name) works") { try Probe(from: pair.from).udp(pair.to).echo != nil }
        }
        let streams = try pairs.map { try ProbeStream(from: $0.from, to: $0.to, rate: Self.rate) }
        let outcome = Result {
            try streams[0].advance(by: Self.rate / 2)
            try body()
            try streams[0].advance(by: max(Self.rate, Self.least - streams[0].progress.sent))
        }
        let reports = streams.map { $0.stop() }
        try outcome.get()
        for (pair, report) in zip(pairs, reports) {
            try check(
                report.lost == 0 && report.sent >= Self.least * 9 / 10,
                "\(fabric), agent \(name), \(pair.name): \(report)\n\(nodes[0].logTail)\n\(tor.logTail)")
        }
        let sent = reports.reduce(0) { $0 + $1.sent }
        Drill.tell("R1-R3", "\(fabric), agent \(name): 0 of \(sent) packets lost in \(reports.count) streams")
        try checkKernels(name)
    }

    private func restart(_ seconds: Int, meanwhile: () throws -> Void = {}, _ end: (MartletNode) -> Void) throws {
        end(nodes[0])
        try Drill.watch(for: Double(seconds), "without an agent routes stay") { try kernelsAreWhole() }
        try meanwhile()
        try start()
    }

    private func start() throws {
        try nodes[0].start(program)
        try waitBack()
    }

    private func waitBack() throws {
        try tor.waitEstablished(neighbor, within: 30)
        try nodes[0].waitInStep(within: 40)
        try tor.waitAccepted(Set(Rack.podCIDRs(0)), from: neighbor)
    }

    private var neighbor: String { fabric == .unnumbered ? Rack.nodeName(0) : rack.link(node: 0).nodeIPv4 }

    /// Another file takes the place of the program while it runs, as a package or an image does; then SIGTERM and a
    /// start. No NOTIFICATION may leave: it would make the router forget our routes.
    private func upgrade(_ seconds: Int) throws {
        let next = "\(program).next"
        try FileManager.default.copyItem(atPath: program, toPath: next)
        try check(rename(next, program) == 0, "rename \(next): \(errno)")
        let before = try packets.messages()
        func afterwards() throws {
            let goodbyes = (try packets.messages()[3] ?? 0) - (before[3] ?? 0)
            try check(goodbyes == 0, "\(fabric): \(goodbyes) NOTIFICATION at SIGTERM: \(nodes[0].logTail)")
            try check(nodes[0].exitStatus == 0, "\(fabric): exit status \(nodes[0].exitStatus ?? -1) after SIGTERM")
        }
        try restart(seconds, meanwhile: afterwards) { $0.stop() }
        try eventually("tcpdump sees an OPEN: else it would have seen no NOTIFICATION") {
            (try packets.messages()[1] ?? 0) > (before[1] ?? 0)
        }
    }

    /// The second time before five seconds are over since the first, but after the session was whole again.
    private func killTwice() throws {
        let began = Date()
        nodes[0].kill()
        try nodes[0].start(program)
        try waitBack()
        try Drill.watch(for: max(0.1, 5 - Date().timeIntervalSince(began)), "routes stay") { try kernelsAreWhole() }
        nodes[0].kill()
        try Drill.watch(for: 1, "without an agent routes stay") { try kernelsAreWhole() }
        try start()
    }

    private func kernelsAreWhole() throws -> Bool {
        try rack.nodes.allSatisfy { try $0.prefixes(protocolID: 179) == Drill.podCIDRs }
    }

    private func checkKernels(_ name: String) throws {
        for node in rack.nodes {
            let found = try node.prefixes(protocolID: 179)
            try check(found == Drill.podCIDRs, "\(fabric), agent \(name): \(node.role) has \(found.sorted())")
        }
    }
}
