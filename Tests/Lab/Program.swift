import Foundation
import TestKit

/// Where the binaries of this project are: `MARTLET_BIN`, else `build/bin` (`make build`), else the debug build.
package enum Program {
    /// The checkout.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// The path of one of our binaries.
    package static func path(_ name: String) throws -> String {
        if let folder = ProcessInfo.processInfo.environment["MARTLET_BIN"] {
            guard access("\(folder)/\(name)", X_OK) == 0 else { throw LabError("MARTLET_BIN=\(folder) has no \(name)") }
            return "\(folder)/\(name)"
        }
        for folder in ["build/bin", ".build/debug"] where access("\(root)/\(folder)/\(name)", X_OK) == 0 {
            return "\(root)/\(folder)/\(name)"
        }
        throw LabError("\(name) is not built: type `make build`, or name a folder with it in MARTLET_BIN")
    }

    /// The folder of the CNI plugins, for CNI_PATH.
    package static func pluginFolder() throws -> String {
        URL(fileURLWithPath: try path("martlet")).deletingLastPathComponent().path
    }
}
