import NetTypes

/// What signs the segments of a peer's connections: a TCP MD5 password (RFC 2385), or the keys of TCP-AO (RFC 5925).
package enum TCPSecret {
    case password(TCPKey)
    case keys(TCPAOKeys)

    /// The file that a secret is in, and what it is.
    package struct Source: Sendable, Hashable {
        /// Absolute path.
        package let file: String
        /// nil: the file has a TCP MD5 password.
        package let algorithm: TCPAOKeys.Algorithm?

        package init(file: String, algorithm: TCPAOKeys.Algorithm? = nil) {
            self.file = file
            self.algorithm = algorithm
        }
    }

    /// Reads the file as it is now.
    package init(_ source: Source) throws(TCPKey.Problem) {
        if let algorithm = source.algorithm {
            self = .keys(try TCPAOKeys(file: source.file, algorithm: algorithm))
        } else {
            self = .password(try TCPKey(file: source.file))
        }
    }

    /// Which keys these are, for who replaces them later; none for a password.
    package var identifiers: [TCPAOKeys.Identifiers] {
        switch self {
        case .password: []
        case .keys(let keys): keys.identifiers
        }
    }

    /// Secures a socket before it connects, or one that was accepted.
    package func set(on fd: CInt, for peer: IPAddress) throws(SystemError) {
        switch self {
        case .password(let key): try key.set(on: fd, for: Prefix(host: peer))
        case .keys(let keys): try keys.set(on: fd, for: Prefix(host: peer))
        }
    }
}

extension TCPListener {
    /// From now on `peers` must sign with this, or are not heard; nil: need not. `old` are the keys of before.
    package func setSecret(
        _ secret: TCPSecret?, for peers: Prefix, replacing old: [TCPAOKeys.Identifiers]
    ) throws(SystemError) {
        switch secret {
        case .password(let key): try setKey(key, for: peers)
        case .keys(let keys):
            try withDescriptor(for: peers) { fd throws(SystemError) in
                try keys.set(onListener: fd, for: peers, replacing: old)
            }
        case nil where old.isEmpty: try setKey(nil, for: peers)
        case nil:
            try withDescriptor(for: peers) { fd throws(SystemError) in
                try TCPAOKeys.remove(old, from: fd, for: peers)
            }
        }
    }
}

extension TCPConnection {
    /// A live connection goes on with a new secret.
    package func setSecret(
        _ secret: TCPSecret, for peer: IPAddress, replacing old: [TCPAOKeys.Identifiers]
    ) throws(SystemError) {
        switch secret {
        case .password(let key): try setKey(key, for: peer)
        case .keys(let keys):
            try withDescriptor { fd throws(SystemError) in
                try keys.change(on: fd, for: Prefix(host: peer), replacing: old)
            }
        }
    }
}
