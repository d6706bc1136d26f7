import CLinux
import Glibc
import NetTypes

/// The keys of a TCP-AO session (RFC 5925), read from a file: one a line, `ID SECRET` or `SEND/RECEIVE SECRET`, the
/// first one preferred. Two sides change their secret without losing the session by adding a line, then moving it to
/// the front, then taking the old one away. Kept like a `TCPKey`: nothing prints it, and its page is wiped.
package final class TCPAOKeys: CustomReflectable {
    /// What the segments are signed with, by the names of RFC 5926; the signature has 96 bits.
    package enum Algorithm: String, Sendable, CaseIterable {
        case hmacSHA1 = "hmac-sha-1-96"
        case aesCMAC = "aes-128-cmac-96"
        case hmacSHA256 = "hmac-sha-256-96"

        /// The kernel's name.
        fileprivate var kernelName: String {
            switch self {
            case .hmacSHA1: "hmac(sha1)"
            case .aesCMAC: "cmac(aes128)"
            case .hmacSHA256: "hmac(sha256)"
            }
        }
    }

    /// The two KeyIDs of a key, which must differ from those of every other key of the session.
    package struct Identifiers: Sendable, Hashable {
        /// In segments that we send, and in the peer's.
        package let send, receive: UInt8
    }

    /// Keys in one file.
    package static let maximumCount = 16

    private struct Key {
        let identifiers: Identifiers
        let secret: Range<Int>
    }

    private let page: UnsafeMutableRawBufferPointer
    private let algorithm: Algorithm
    private var keys: [Key] = []

    package init(file path: String, algorithm: Algorithm) throws(TCPKey.Problem) {
        do throws(SystemError) {
            page = try TCPKey.makeBuffer()
        } catch {
            throw .unreadable(error)
        }
        self.algorithm = algorithm
        // From here on a throw runs `deinit`.
        let length = try TCPKey.readOctets(path, into: page)
        guard length < page.count else { throw .tooLong }
        keys = try Self.parse(UnsafeRawBufferPointer(rebasing: page[..<length]))
    }

    deinit { TCPKey.wipe(page) }

    package var customMirror: Mirror { Mirror(self, children: []) }

    /// In the order of preference, never empty.
    package var identifiers: [Identifiers] { keys.map(\.identifiers) }

    // MARK: file

    private static func parse(_ text: UnsafeRawBufferPointer) throws(TCPKey.Problem) -> [Key] {
        var keys: [Key] = []
        var (start, number) = (0, 0)
        while start < text.count {
            number += 1
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            defer { start = end + 1 }
            let line = start..<(end > start && text[end - 1] == UInt8(ascii: "\r") ? end - 1 : end)
            if line.isEmpty || text[line.lowerBound] == UInt8(ascii: "#") { continue }
            guard let key = key(text, line) else { throw .badLine(number) }
            let isTaken = keys.contains {
                $0.identifiers.send == key.identifiers.send || $0.identifiers.receive == key.identifiers.receive
            }
            guard !isTaken, keys.count < maximumCount else { throw .takenID(number) }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw .empty }
        return keys
    }

    private static func key(_ text: UnsafeRawBufferPointer, _ line: Range<Int>) -> Key? {
        guard let blank = text[line].firstIndex(of: UInt8(ascii: " ")),
            let secret = text[blank..<line.upperBound].firstIndex(where: { $0 != UInt8(ascii: " ") }),
            TCPKey.lengths.contains(line.upperBound - secret)
        else { return nil }
        let words = String(decoding: text[line.lowerBound..<blank], as: UTF8.self)
            .split(separator: "/", omittingEmptySubsequences: false)
        guard words.count <= 2, let send = words.first.flatMap({ UInt8($0) }),
            let receive = words.last.flatMap({ UInt8($0) })
        else { return nil }
        return Key(identifiers: Identifiers(send: send, receive: receive), secret: secret..<line.upperBound)
    }

    // MARK: kernel

    /// Gives a socket that is not connected yet, or one that has come from a listener with these keys, all of them.
    func set(on fd: CInt, for peers: Prefix) throws(SystemError) {
        for (index, key) in keys.enumerated() { try add(key, isPreferred: index == 0, to: fd, peers) }
    }

    /// Gives a listener all keys in place of those that it had.
    func set(onListener fd: CInt, for peers: Prefix, replacing old: [Identifiers]) throws(SystemError) {
        try Self.remove(old, from: fd, for: peers)
        for key in keys { try add(key, isPreferred: false, to: fd, peers) }
    }

    /// A live connection signs with the first key from now on; keys that are in the file no more are taken away, which
    /// the kernel puts off for one that the peer still uses.
    func change(on fd: CInt, for peers: Prefix, replacing old: [Identifiers]) throws(SystemError) {
        for key in keys { try add(key, isPreferred: false, to: fd, peers) }
        if let first = keys.first {
            _ = try check("prefer another TCP-AO key") { self.withKey(first, fd, peers) { clinux_ao_prefer(fd, &$0) } }
        }
        try? Self.remove(old.filter { !identifiers.contains($0) }, from: fd, for: peers)
    }

    private func add(_ key: Key, isPreferred: Bool, to fd: CInt, _ peers: Prefix) throws(SystemError) {
        do throws(SystemError) {
            _ = try check("set the TCP-AO key for \(peers)") {
                withKey(key, fd, peers) { clinux_ao_add(fd, &$0, isPreferred ? 1 : 0) }
            }
        } catch {
            // From the listener, or from before the file changed: a key of the same identifiers is the same key.
            if error.code == EEXIST { return }
            guard error.code == ENOPROTOOPT else { throw error }
            throw SystemError(
                "set the TCP-AO key for \(peers), which needs Linux 6.7 or later with CONFIG_TCP_AO", code: error.code)
        }
    }

    /// Takes keys away; fine when they are not there.
    static func remove(_ old: [Identifiers], from fd: CInt, for peers: Prefix) throws(SystemError) {
        for identifiers in old {
            var key = clinux_ao_key()
            fillPeer(&key, fd, peers)
            (key.send_id, key.receive_id) = (identifiers.send, identifiers.receive)
            do throws(SystemError) {
                _ = try check("remove a TCP-AO key of \(peers)") { clinux_ao_delete(fd, &key) }
            } catch {
                if error.code != ENOENT { throw error }
            }
        }
    }

    private func withKey(_ key: Key, _ fd: CInt, _ peers: Prefix, _ body: (inout clinux_ao_key) -> CInt) -> CInt {
        var value = clinux_ao_key()
        Self.fillPeer(&value, fd, peers)
        (value.send_id, value.receive_id) = (key.identifiers.send, key.identifiers.receive)
        value.length = UInt8(clamping: key.secret.count)
        value.secret = page.baseAddress.map {
            UnsafePointer(($0 + key.secret.lowerBound).assumingMemoryBound(to: UInt8.self))
        }
        return algorithm.kernelName.withCString { name in
            value.algorithm = name
            return body(&value)
        }
    }

    private static func fillPeer(_ key: inout clinux_ao_key, _ fd: CInt, _ peers: Prefix) {
        withUnsafeMutableBytes(of: &key.peer) { target in
            TCPSocket.sockaddrBytes(of: peers.address, on: fd) { target.copyBytes(from: $0) }
        }
        key.prefix_length = peers.length
    }

    /// What the kernel is given for the first key, for tests.
    func firstOctets(on fd: CInt, for peers: Prefix, isPreferred: Bool) -> [UInt8] {
        guard let first = keys.first else { return [] }
        var octets = [UInt8](repeating: 0, count: 512)
        let count = withKey(first, fd, peers) { CInt(clinux_ao_add_octets(&$0, isPreferred ? 1 : 0, &octets, 512)) }
        return Array(octets.prefix(Int(count)))
    }
}
