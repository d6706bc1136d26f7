import Foundation
import Lab
import NetTypes
import TestKit

/// The rack of the demo, step by step.
final class Demo {
    let options: Options
    let screen: Screen
    let rack: Rack
    var top: (any Speaker)?
    var agents: [MartletNode] = []
    var pods: [(pod: Pod, node: Int)] = []
    var isKept = false

    static let podsPerNode = 3

    init(_ options: Options, name: LabName, screen: Screen) throws {
        self.options = options
        self.screen = screen
        screen.title("Martlet: pods of two nodes, routed by BGP through one rack")
        // What is missing is told before anything is built.
        for program in ["martletd", "martletctl", "martlet", "martlet-ipam"] { _ = try martletBinary(program) }
        switch options.top {
        case .frr: _ = try requireProgram("/usr/lib/frr/bgpd", package: "frr")
        case .bird: _ = try requireProgram("bird", package: "bird2")
        case .martletd: break
        }
        _ = try requireProgram("ip", package: "iproute2")
        rack = try Rack(name: name)
    }

    func run() throws {
        drawRack()
        try showSessions()
        try plugPods()
        try showRoutes()
        try showReachability()
        try showRestart()
        try showDeletion()
        if options.keep { keep() } else { try sayGoodbye() }
    }

    var topName: String {
        switch options.top {
        case .frr: "FRR"
        case .bird: "BIRD"
        case .martletd: "martletd"
        }
    }

    private func drawRack() {
        screen.heading("A rack of network namespaces")
        let first = rack.link(node: 0), second = rack.link(node: 1)
        let wide = (topName + String(repeating: " ", count: 8)).prefix(8)
        let picture = """
                          ┌────────────────────────┐
                          │ tor  AS 65001 \(wide) │
                          └───┬────────────────┬───┘
              \(first.routerIPv4)/31      │                │      \(second.routerIPv4)/31
              \(first.routerIPv6)/64  │                │  \(second.routerIPv6)/64
               ┌──────────────┴───┐        ┌───┴──────────────┐
               │ node-a  AS 64601 │        │ node-b  AS 64602 │
               │ 10.244.1.0/24    │        │ 10.244.2.0/24    │
               │ fd00:10:244:1::  │        │ fd00:10:244:2::  │
               └──┬──────┬──────┬─┘        └──┬──────┬──────┬─┘
               pod-a1 pod-a2 pod-a3        pod-b1 pod-b2 pod-b3

            """
        screen.line()
        for row in picture.split(separator: "\n") {
            screen.line("    " + (options.plain ? Self.plain(row) : String(row)))
        }
        screen.line()
        screen.check(
            true, "3 namespaces, 2 links, IPv4 and IPv6, no default route: what arrives elsewhere was routed by BGP")
    }

    private static func plain(_ row: Substring) -> String {
        String(row.map { "┌┐└┘┬┴├┤".contains($0) ? "+" : $0 == "─" ? "-" : $0 == "│" ? "|" : $0 })
    }

    /// The ends of all logs, for whoever has to find out why it failed.
    func showLogs() {
        let speakers: [(String, any Speaker)] =
            [("tor", top)].compactMap { name, speaker in speaker.map { (name, $0) } }
            + agents.map { ($0.namespace.role, $0) }
        for (name, speaker) in speakers {
            screen.transcript("the end of the log of \(name)", String(speaker.logTail.suffix(800)))
        }
    }
}
