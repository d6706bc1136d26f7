import CCurl
import COpenSSL

/// The C libraries that the client runs with, which need not be those it was built with.
package enum ClientLibraries {
    /// Names and versions in one line.
    package static var text: String {
        let curl = curl_version().flatMap { String(cString: $0).split(separator: " ").first } ?? "libcurl"
        let openSSL = OpenSSL_version(OPENSSL_VERSION_STRING).map { String(cString: $0) } ?? "unknown"
        return "\(curl), openssl \(openSSL)"
    }
}
