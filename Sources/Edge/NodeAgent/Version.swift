import COpenSSL
import Netlink

/// What this build is made of.
package enum Version {
    /// Semantic version of Martlet.
    package static let martlet = "0.1.0"

    /// C libraries in use, by name: the versions that the process runs with, not those it was built with.
    package static var libraries: [String: String] {
        [
            "libnl": LibnlVersion.text,
            "openssl": OpenSSL_version(OPENSSL_VERSION_STRING).map { String(cString: $0) } ?? "unknown",
        ]
    }
}
