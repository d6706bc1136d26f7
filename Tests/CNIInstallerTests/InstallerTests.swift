import CNIInstaller
import CNIPlugin
import Foundation
import TestKit
import Testing

/// The installer in directories of its own, with real plugins of Debian, which are old.
struct InstallerTests {
    final class Place {
        let root = NSTemporaryDirectory() + "mlt-install-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        var installer: Installer
        var bin: String { "\(root)/bin" }
        var conf: String { "\(root)/net.d" }

        init() throws {
            installer = Installer(sourceDirectory: "\(root)/source")
            try FileManager.default.createDirectory(atPath: "\(root)/source", withIntermediateDirectories: true)
            (installer.binDirectory, installer.confDirectory) = ("\(root)/bin", "\(root)/net.d")
            for name in Installer.binaries {
                try FileManager.default.copyItem(atPath: martletBinary(name), toPath: "\(root)/source/\(name)")
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }

        func write(_ path: String, _ text: String, mode: Int = 0o644) throws {
            let file = "\(root)/\(path)"
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        }

        /// Debian's plugin of this name.
        func provide(_ name: String) throws {
            try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: "/usr/lib/cni/\(name)", toPath: "\(bin)/\(name)")
        }

        func list(_ name: String = "10-martlet.conflist") throws -> JSONValue {
            try JSONValue(parsing: [UInt8](Data(contentsOf: URL(filePath: "\(conf)/\(name)"))))
        }

        func types() throws -> [String] { try list()["plugins"]?.array?.compactMap { $0["type"]?.string } ?? [] }

        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }

        func inode(_ path: String) throws -> UInt64? {
            try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
        }

        var names: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: conf)) ?? []).sorted()
        }
    }

    @Test func `the standard list is the one in manifests`() throws {
        let text = try String(contentsOfFile: "\(packageRoot)/manifests/10-martlet.conflist", encoding: .utf8)
        #expect(try JSONValue(parsing: Array(Conflist.standard.utf8)) == JSONValue(parsing: Array(text.utf8)))
    }

    @Test func `into empty directories come the plugins and the list, and a second run changes nothing`() throws {
        let place = try Place()
        _ = try place.installer.install()
        #expect(try place.list()["cniVersion"]?.string == "1.0.0")
        #expect(try place.list()["cniVersions"]?.array == [.string("1.0.0"), .string("1.1.0")])
        #expect(try place.mode("\(place.conf)/10-martlet.conflist") == 0o600)
        #expect(try place.mode("\(place.bin)/martlet") == 0o755)
        let before = (try place.inode("\(place.conf)/10-martlet.conflist"), try place.inode("\(place.bin)/martlet"))
        let report = try place.installer.install()
        #expect(report.count { $0.contains("unchanged") } == 3)
        #expect(try place.inode("\(place.conf)/10-martlet.conflist") == before.0)
        #expect(try place.inode("\(place.bin)/martlet") == before.1)
        #expect(place.names == ["10-martlet.conflist"])
    }

    @Test func `a running plugin is replaced and not written into`() throws {
        let place = try Place()
        try place.write("source/martlet", "#!/bin/sh\nexec sleep 60\n")
        _ = try? place.installer.install()
        // A program of its own that runs from the place of ours.
        try FileManager.default.removeItem(atPath: "\(place.bin)/martlet")
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: "\(place.bin)/martlet")
        let process = Process()
        process.executableURL = URL(filePath: "\(place.bin)/martlet")
        process.arguments = ["60"]
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        try FileManager.default.removeItem(atPath: "\(place.root)/source/martlet")
        try FileManager.default.copyItem(atPath: martletBinary("martlet"), toPath: "\(place.root)/source/martlet")
        _ = try place.installer.install()
        #expect(process.isRunning)
        let (new, source) = (
            try Data(contentsOf: URL(filePath: "\(place.bin)/martlet")),
            try Data(contentsOf: URL(filePath: "\(place.root)/source/martlet"))
        )
        #expect(new == source)
    }

    @Test func `others' entries stay where they are, and our own keep what their operator wrote`() throws {
        let place = try Place()
        try place.provide("tuning")
        try place.write("bin/istio-cni", Self.plugin("\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""), mode: 0o755)
        try place.write(
            "net.d/10-martlet.conflist",
            """
            {"cniVersion":"0.3.1","cniVersions":["1.1.0"],"name":"pods","disableCheck":true,"plugins":[
             {"type":"tuning","sysctl":{"net.core.somaxconn":"500"}},
             {"type":"martlet","mtu":9000},
             {"type":"istio-cni","log_level":"info","kubernetes":{"cni_bin_dir":"/opt/cni/bin"}}]}
            """)
        let report = try place.installer.install()
        #expect(try place.types() == ["tuning", "martlet", "istio-cni"])
        let plugins = try #require(try place.list()["plugins"]?.array)
        #expect(plugins[0].description == #"{"type":"tuning","sysctl":{"net.core.somaxconn":"500"}}"#)
        #expect(plugins[1]["mtu"]?.int == 9000)
        #expect(plugins[1]["ipam"]?["subnet"]?.string == "usePodCidr")
        #expect(plugins[2]["kubernetes"]?["cni_bin_dir"]?.string == "/opt/cni/bin")
        #expect(try place.list()["name"]?.string == "pods")
        #expect(try place.list()["disableCheck"]?.bool == true)
        // Debian's tuning ends at 1.0.0.
        #expect(try place.list()["cniVersion"]?.string == "1.0.0")
        #expect(try place.list()["cniVersions"] == nil)
        #expect(report.contains("tuning: speaks at most 1.0.0"))
    }

    @Test func `a list that is named replaces our entries, and needs all of its plugins`() throws {
        let place = try Place()
        _ = try place.installer.install()
        let list = #"{"cniVersion":"1.1.0","name":"n","plugins":[{"type":"martlet","mtu":1400},{"type":"portmap"}]}"#
        try place.write("my.conflist", list)
        place.installer.conflist = "\(place.root)/my.conflist"
        let before = try place.list()
        let error = #expect(throws: InstallError.self) { try place.installer.install() }
        #expect(error?.description.contains("portmap is missing, and the list needs it") == true)
        #expect(try place.list() == before)
        try place.provide("portmap")
        _ = try place.installer.install()
        #expect(try place.types() == ["martlet", "portmap"])
        #expect(try place.list()["plugins"]?.array?.first?["ipam"] == nil)
        #expect(try place.list()["cniVersion"]?.string == "1.0.0")
    }

    @Test func `plugins without a common version are named with what they speak`() throws {
        let place = try Place()
        try place.write("bin/ancient", Self.plugin("\"0.1.0\",\"0.2.0\""), mode: 0o755)
        try place.write(
            "net.d/10-martlet.conflist",
            #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"martlet"},{"type":"ancient"}]}"#)
        let before = try place.list()
        let error = #expect(throws: InstallError.self) { try place.installer.install() }
        #expect(error?.description.contains("no cniVersion in common: martlet speaks 0.3.0") == true)
        #expect(try place.list() == before)
    }

    @Test(arguments: [
        (#"{"plugins":"#, "is not JSON"), (#"{"cniVersion":"1.0.0"}"#, "no list \"plugins\""),
        (#"{"plugins":[{}]}"#, "a plugin without a type"), (#"{"plugins":[{"type":"calico"}]}"#, "is not ours"),
    ])
    func `what is not our list is left alone`(text: String, reason: String) throws {
        let place = try Place()
        try place.write("net.d/10-martlet.conflist", text)
        let error = #expect(throws: InstallError.self) { try place.installer.install() }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(try String(contentsOfFile: "\(place.conf)/10-martlet.conflist", encoding: .utf8) == text)
    }

    @Test func `a plugin that is missing, broken or hangs is told by name`() throws {
        let place = try Place()
        try FileManager.default.removeItem(atPath: "\(place.root)/source/martlet-ipam")
        var error = #expect(throws: InstallError.self) { try place.installer.install() }
        #expect(error?.description.contains("martlet-ipam is neither in") == true)
        try place.write("bin/martlet-ipam", "", mode: 0o755)
        try place.write("bin/broken", "#!/bin/sh\nexit 3\n", mode: 0o755)
        try place.write(
            "my.conflist", #"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"martlet"},{"type":"broken"}]}"#)
        place.installer.conflist = "\(place.root)/my.conflist"
        error = #expect(throws: InstallError.self) { try place.installer.install() }
        #expect(error?.description.contains("broken does not answer VERSION (status 3)") == true)
    }

    @Test func `lists that runtimes would take first are told`() throws {
        let place = try Place()
        try place.write("net.d/02-istio-cni.conflist", "{}")
        try place.write("net.d/99-loopback.conf", "{}")
        let report = try place.installer.install()
        #expect(report.count { $0.contains("comes before 10-martlet.conflist") } == 1)
    }

    @Test func `uninstalling takes away what was installed, and not what others put in`() throws {
        let place = try Place()
        _ = try place.installer.install()
        let list = try place.list()
        try place.write(
            "net.d/10-martlet.conflist",
            list.description.replacingOccurrences(of: "}}]", with: "}},{\"type\":\"istio-cni\"}]"))
        #expect(try place.types() == ["martlet", "istio-cni"])
        let error = #expect(throws: InstallError.self) { try place.installer.uninstall() }
        #expect(error?.description.contains("istio-cni: uninstall that first") == true)
        #expect(try place.types() == ["martlet", "istio-cni"])
        _ = try place.installer.uninstall(force: true)
        #expect(place.names == [])
        #expect(!FileManager.default.fileExists(atPath: "\(place.bin)/martlet"))
        #expect(try place.installer.uninstall() == ["nothing was installed"])
    }

    /// A plugin that only answers VERSION.
    static func plugin(_ versions: String) -> String {
        "#!/bin/sh\necho '{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\(versions)]}'\n"
    }
}
