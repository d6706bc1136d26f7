import Foundation
import TestKit

extension FRRRouter {
    static func bfdText(_ own: RouterConfiguration, _ directory: String) -> String {
        let (interval, multiplier) = own.bfdTimes
        let times = [
            "receive-interval \(interval)", "transmit-interval \(interval)", "detect-multiplier \(multiplier)",
        ]
        let lines = ["log file \(directory)/bfdd.log debugging", "bfd", " profile p"]
        return (lines + (times + own.bfdLines).map { "  \($0)" } + [" exit", "exit"]).joined(separator: "\n") + "\n"
    }

    static func startBFD(_ arguments: [String], _ namespace: Namespace, _ directory: String) throws -> Service {
        let bfdd = try requireProgram("/usr/lib/frr/bfdd", package: "frr")
        return try Service(
            [bfdd, "--bfdctl", "\(directory)/bfdd.sock"] + arguments, in: namespace, log: "\(directory)/bfdd.out",
            ready: "bfdd opens its socket"
        ) { access("\(directory)/bfdd.vty", F_OK) == 0 }
    }

    /// What bfdd says of its session with a neighbour: up, down, init, shutdown.
    package func bfdState(_ neighbor: String) throws -> String {
        let peers = try JSONValue(parsing: try vtysh("show bfd peers json")).array
        let peer = peers.first { $0["peer"].string == neighbor || $0["interface"].string == neighbor }
        return peer?["status"].string ?? "unknown"
    }
}

extension BIRDRouter {
    /// Sections of BFD.
    static func bfdText(_ own: RouterConfiguration) -> String {
        guard own.runsBFD else { return "" }
        let (interval, multiplier) = own.bfdTimes
        let times = ["min rx interval \(interval) ms", "min tx interval \(interval) ms", "multiplier \(multiplier)"]
        let lines = times + own.bfdLines
        let block = lines.map { "\($0);" }.joined(separator: " ")
        return "protocol bfd { interface \"*\" { \(block) }; multihop { \(block) }; }\n"
    }

    /// What BIRD says of its session with a neighbour: up, down, init, admindown.
    package func bfdState(_ neighbor: String) throws -> String {
        let lines = try birdc("show bfd sessions").split(separator: "\n")
        let fields = lines.map { $0.split(separator: " ") }.first { $0.first.map(String.init) == neighbor }
        return fields.flatMap { $0.count > 2 ? $0[2].lowercased() : nil } ?? "unknown"
    }
}
