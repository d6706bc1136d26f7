import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// The unit as `make install` brings it, under a real systemd.
    @Suite(.serialized)
    struct SystemdTests {
        /// Where the program and its file are here; a watchdog that one can wait for.
        private static let dropIn = """
            [Unit]
            ConditionPathExists=
            [Service]
            ExecStart=
            ExecStart=\(ServiceManager.program) --config \(ServiceManager.configuration)
            WatchdogSec=2

            """

        private static func wait(
            _ what: String, _ manager: ServiceManager, _ condition: () throws -> Bool
        ) throws { try eventually(what, within: 30, last: { manager.logTail }, condition) }

        @Test func `systemd starts the unit when it is ready, reloads it, and exchanges it when a loop hangs`() throws {
            try Rack.use(nodes: 1) { rack in
                var configuration = rack.routerConfiguration()
                configuration.networks = [remote4]
                _ = try rack.startRouter(.frr, configuration)
                var own = rack.nodeConfiguration(0)
                own.extra = "control: {socket: /run/martlet/martletd.sock}"
                let manager = try ServiceManager(
                    rack.name, in: rack.nodes[0],
                    unit: try String(contentsOfFile: "\(packageRoot)/packaging/martletd.service", encoding: .utf8)
                        .replacing("@SBINDIR@", with: "/usr/sbin"),
                    dropIn: Self.dropIn, program: try martletBinary("martletd"), configuration: own)
                defer { manager.stop() }
                // It returns when the agent is ready: with its routes, not before.
                let started = try manager.run("systemctl", "start", "martletd")
                #expect(started.succeeded, "\(started.errors) \(manager.logTail)")
                let all = Set(Rack.podCIDRs(0) + [remote4])
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all)
                #expect(try manager.property("StatusText").isEmpty == false)

                // The user and the powers that the unit gives, all of its sandbox included.
                let pid = try manager.property("MainPID")
                let status = try manager.run("cat", "/proc/\(pid)/status").output
                for line in ["CapEff:\t0000000000001400", "CapBnd:\t0000000000001400", "NoNewPrivs:\t1", "Seccomp:\t2"]
                {
                    #expect(status.contains("\n\(line)\n"), "\(line): \(status)")
                }
                #expect(status.contains("\nUid:\t964\t"), "\(status)")

                #expect(try manager.run("systemctl", "reload", "martletd").succeeded, "\(manager.logTail)")
                #expect(try manager.property("MainPID") == pid)

                // A process that does not run feeds no watchdog: systemd ends it and starts another; routes stay.
                #expect(try manager.run("kill", "-STOP", pid).succeeded)
                try Self.wait("another process is there", manager) {
                    #expect(try rack.nodes[0].prefixes(protocolID: 179) == all, "routes stay")
                    return try manager.property("NRestarts") == "1" && manager.property("ActiveState") == "active"
                }
                #expect(try manager.property("MainPID") != pid)
                #expect(try manager.run("systemctl", "stop", "martletd").succeeded)
                #expect(try manager.property("Result") == "success", "\(manager.logTail)")
                #expect(try rack.nodes[0].prefixes(protocolID: 179) == all, "routes stay")
            }
        }
    }
}
