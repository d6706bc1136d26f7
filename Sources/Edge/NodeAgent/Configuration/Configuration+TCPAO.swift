import DispatchIO
import NetTypes

extension Configuration {
    /// Reads `tcpAO`: TCP-AO (RFC 5925) by keys in a file.
    static func readTCPAO(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, inspect: (TCPSecret.Source) -> [String]
    ) {
        guard section.contains("tcpAO") else { return }
        var keys = section.section("tcpAO")
        let file = keys.required("keyFile", "an absolute path", ConfigurationValue.absolutePath)
        let algorithm: Located<TCPAOKeys.Algorithm>? = keys.value(
            "algorithm", ConfigurationValue.words(TCPAOKeys.Algorithm.self), ConfigurationValue.choice)
        keys.finish()
        if peer.passwordFile != nil {
            section.problems.error(keys.mark, "passwordFile and tcpAO exclude each other; remove one of them")
        }
        guard let file else { return }
        let source = TCPSecret.Source(file: file.value, algorithm: algorithm?.value ?? .hmacSHA1)
        for problem in inspect(source) { section.problems.warning(file.mark, problem) }
        peer.tcpAO = source
    }

    /// What is wrong with a file of keys as it is now.
    static func keyFileProblems(_ source: TCPSecret.Source) -> [String] {
        do throws(TCPKey.Problem) {
            _ = try TCPSecret(source)
        } catch {
            return ["\(source.file) \(error); the peer stays down until then"]
        }
        guard let stamp = TCPKey.Stamp(file: source.file), stamp.isReadableByOthers else { return [] }
        return ["every user can read \(source.file); take that right away with chmod o-r"]
    }
}

extension Configuration.PeerSettings {
    /// What signs the segments of the peer's connections.
    var secret: TCPSecret.Source? { tcpAO ?? passwordFile.map { TCPSecret.Source(file: $0) } }
}
