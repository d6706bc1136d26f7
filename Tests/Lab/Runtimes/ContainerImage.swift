import Foundation
import TestKit

/// A container image that needs no registry: one static program that waits for its end, in a Docker archive, which
/// `ctr images import` and `podman load` both read.
package struct ContainerImage: Sendable {
    package static let name = "martlet.lab/pause:1"

    /// The program: it waits, leaves no zombies, and ends by SIGTERM also where it is the first process.
    package let program: String
    /// The Docker archive.
    package let archive: String

    private static let source = """
        #include <signal.h>
        #include <unistd.h>
        static void end(int signal) { (void)signal; _exit(0); }
        int main(void) {
            signal(SIGTERM, end);
            signal(SIGINT, end);
            signal(SIGCHLD, SIG_IGN);
            for (;;) pause();
        }

        """

    /// Builds both below `directory`.
    package init(in directory: String) throws {
        let (root, layer) = ("\(directory)/rootfs", "\(directory)/layer.tar")
        try makeDirectory(root)
        program = "\(root)/pause"
        archive = "\(directory)/image.tar"
        let compiler = try requireProgram("gcc", package: "gcc")
        try must([compiler, "-static", "-Os", "-s", "-x", "c", "-o", program, "-"], input: Self.source)
        try Self.pack(["pause"], from: root, into: layer)
        let digest = try must(["sha256sum", layer]).prefix { $0 != " " }
        let configuration: JSONValue = [
            "architecture": .string(Self.architecture), "os": "linux", "config": ["Entrypoint": ["/pause"]],
            "rootfs": ["type": "layers", "diff_ids": [.string("sha256:\(digest)")]],
        ]
        let manifest: JSONValue = [
            ["Config": "config.json", "RepoTags": [.string(Self.name)], "Layers": ["layer.tar"]]
        ]
        try writeFile("\(directory)/config.json", configuration.text)
        try writeFile("\(directory)/manifest.json", manifest.text)
        try Self.pack(["layer.tar", "config.json", "manifest.json"], from: directory, into: archive)
    }

    private static func pack(_ files: [String], from directory: String, into archive: String) throws {
        try must(
            ["tar", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "-C", directory, "-cf", archive]
                + files)
    }

    /// As image configurations spell it.
    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }
}
