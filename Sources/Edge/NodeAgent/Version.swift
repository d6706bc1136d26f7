import ControlAPI
import Netlink

/// What this build is made of.
package enum Version {
    /// Semantic version of Martlet.
    package static let martlet = Release.version

    /// C libraries in use, by name: the versions that the process runs with, not those it was built with.
    package static var libraries: [String: String] {
        ["libnl": LibnlVersion.text]
    }
}
