import BFD
import COpenSSL
import DispatchIO

/// Where a key is, and what it is for.
package struct BFDKeySource: Hashable, Sendable {
    /// Absolute path.
    package let file: String
    package let keyID: UInt8
    package let kind: PacketKey.Kind

    package init(file: String, keyID: UInt8, kind: PacketKey.Kind) {
        self.file = file
        self.keyID = keyID
        self.kind = kind
    }
}

extension PacketKey {
    /// Octets of a key: as many as SHA-1 gives (RFC 5880 section 4.4).
    package static let longestKey = 20

    /// Reads the file as it is now. The key stays in the page that it was read into.
    package init(_ source: BFDKeySource) throws(SecretOctets.Problem) {
        let secret = try SecretOctets(file: source.file, limit: Self.longestKey)
        self.init(kind: source.kind, keyID: source.keyID) { Self.digest(of: $0, secret) }
    }

    private static func digest(of packet: [UInt8], _ secret: SecretOctets) -> [UInt8] {
        let place = ControlPacket.digestRange
        guard packet.count >= place.upperBound else { return [] }
        var octets = packet
        octets.replaceSubrange(place, with: repeatElement(0, count: place.count))
        return octets.withUnsafeMutableBytes { buffer in
            secret.copy(to: UnsafeMutableRawBufferPointer(rebasing: buffer[place]))
            defer { OPENSSL_cleanse(buffer.baseAddress, buffer.count) }
            return [UInt8](unsafeUninitializedCapacity: place.count) { digest, count in
                copenssl_sha1(buffer.bindMemory(to: UInt8.self).baseAddress, buffer.count, digest.baseAddress)
                count = place.count
            }
        }
    }
}
