import Foundation
import TestKit

/// What tcpdump hears on an interface, in a file.
package final class PacketFile: Sendable {
    private let daemon: Daemon
    private let file: String

    /// Begins to listen; returns when tcpdump does.
    package init(in namespace: Namespace, on interface: String, _ filter: [String], file: String) throws {
        self.file = file
        let program = try requireProgram("tcpdump", package: "tcpdump")
        daemon = try Daemon(
            [program, "-n", "-U", "-s", "0", "-Z", "root", "-i", interface, "-w", file] + filter, in: namespace,
            log: "\(file).log")
        try daemon.wait(for: "tcpdump listens on \(interface)") { daemon.logTail.contains("listening on") }
    }

    /// How many BGP messages of each type went by so far, by type number (RFC 4271 section 4.1): a message counts where
    /// it is whole in one packet, which all but long UPDATEs are.
    package func messages() throws -> [UInt8: Int] {
        let octets = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var counts: [UInt8: Int] = [:]
        var run = 0
        for (index, octet) in octets.enumerated() {
            run = octet == 0xff ? run + 1 : 0
            guard run == 16, index + 3 < octets.count else { continue }
            let length = Int(octets[index + 1]) << 8 | Int(octets[index + 2])
            let type = octets[index + 3]
            if (19...65535).contains(length), (1...5).contains(type) { counts[type, default: 0] += 1 }
            run = 0
        }
        return counts
    }

    package func stop() { daemon.stop() }
}
