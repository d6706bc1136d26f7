import Foundation
import Lab
import TestKit
import Testing

extension Interop {
    /// What `make install` puts onto a node, judged by the programs that will read it.
    @Suite(.serialized)
    struct PackagingTests {
        /// Installs into a directory of its own.
        private static func install<Value>(_ body: (String) throws -> Value) throws -> Value {
            let directory = String(try require("mktemp", "-d", "/tmp/martlet-install-\(getpid())-XXXXXX").dropLast())
            defer { _ = try? run(["rm", "-rf", "--", directory]) }
            let built = URL(fileURLWithPath: try martletBinary("martletd")).deletingLastPathComponent().path
            // A debug build lies elsewhere than a release.
            let arguments = ["BUILT=\(built)", "DESTDIR=\(directory)", "PREFIX=/usr"]
            try must(["make", "-s", "-C", packageRoot, "install"] + arguments)
            return try body(directory)
        }

        private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

        @Test func `programs, unit, drop-in, user and man pages lie where they are looked for`() throws {
            try Self.install { root in
                for path in [
                    "usr/sbin/martletd", "usr/bin/martletctl", "opt/cni/bin/martlet", "opt/cni/bin/martlet-ipam",
                    "etc/iproute2/rt_protos.d/martlet.conf", "usr/lib/systemd/system/martletd.service",
                    "usr/lib/systemd/networkd.conf.d/10-martlet.conf", "usr/lib/sysusers.d/martlet.conf",
                    "usr/share/man/man8/martletd.8", "usr/share/man/man5/martletd.yaml.5",
                ] { #expect(access("\(root)/\(path)", R_OK) == 0, "\(path)") }
                let dropIn = try Self.text("\(root)/usr/lib/systemd/networkd.conf.d/10-martlet.conf")
                let settings = dropIn.split(separator: "\n").filter { !$0.hasPrefix("#") }
                #expect(
                    settings == ["[Network]", "ManageForeignRoutes=no", "ManageForeignRoutingPolicyRules=no"])
            }
        }

        @Test func `systemd takes the unit, and finds little that it exposes`() throws {
            try Self.install { root in
                let unit = "\(root)/usr/lib/systemd/system/martletd.service"
                let text = try Self.text(unit)
                #expect(text.contains("ExecStart=/usr/sbin/martletd --config /etc/martlet/martletd.yaml\n"))
                // The program and its pages lie under another root than the one that systemd looks at.
                let here = text.replacing("ExecStart=/usr", with: "ExecStart=\(root)/usr").split(separator: "\n")
                    .filter { !$0.hasPrefix("Documentation=") }.joined(separator: "\n")
                try here.write(toFile: unit, atomically: true, encoding: .utf8)
                let verdict = try run(["systemd-analyze", "verify", unit])
                let complaints = (verdict.output + verdict.errors).split(separator: "\n")
                    .filter { $0.contains("martletd.service") }
                #expect(complaints.isEmpty, "\(complaints)")
                let security = try run(["systemd-analyze", "security", "--offline=true", "--threshold=30", unit])
                #expect(security.succeeded, "\(security.output.suffix(300))")
            }
        }

        @Test func `the unit keeps the state, restarts for ever, and gives no more than two capabilities`() throws {
            let lines = try Self.text("\(packageRoot)/packaging/martletd.service").split(separator: "\n").map(
                String.init)
            for line in [
                "Type=notify", "User=martlet", "Restart=always", "WatchdogSec=30", "NoNewPrivileges=yes",
                "RuntimeDirectory=martlet", "RuntimeDirectoryPreserve=yes", "ProtectSystem=strict",
                "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE",
                "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BIND_SERVICE",
                "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK", "SystemCallFilter=@system-service",
            ] { #expect(lines.contains(line), "\(line)") }
            #expect(try Self.text("\(packageRoot)/packaging/sysusers.d/martlet.conf").contains("u martlet "))
        }
    }
}
