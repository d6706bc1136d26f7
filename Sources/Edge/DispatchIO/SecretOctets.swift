import Glibc

/// A short secret from a file, kept like a `TCPKey`: in a page of its own that core dumps leave out and that is wiped
/// when it is let go. Nothing prints it.
package final class SecretOctets: CustomReflectable {
    /// Why a file has none; the words name no content.
    package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    private let page: UnsafeMutableRawBufferPointer
    private let length: Int

    /// Reads 1...`limit` octets; one line end at the end is not part of the secret.
    package init(file path: String, limit: Int) throws(Problem) {
        do throws(SystemError) {
            page = try TCPKey.makeBuffer()
        } catch {
            throw Problem(description: "cannot be kept: \(error)")
        }
        do throws(TCPKey.Problem) {
            var length = try TCPKey.readOctets(path, into: page)
            if length > 0, page[length - 1] == UInt8(ascii: "\n") { length -= 1 }
            if length > 0, page[length - 1] == UInt8(ascii: "\r") { length -= 1 }
            self.length = length
        } catch {
            length = 0
            throw Problem(description: "\(error)")
        }
        guard length > 0 else { throw Problem(description: "is empty; write the key into it") }
        guard length <= limit else {
            throw Problem(description: "has more than \(limit) octets; SHA-1 of BFD takes no longer key")
        }
    }

    deinit { TCPKey.wipe(page) }

    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Writes the secret to the beginning of `target`, cut to its room.
    package func copy(to target: UnsafeMutableRawBufferPointer) {
        target.copyBytes(from: UnsafeRawBufferPointer(rebasing: page[..<min(length, target.count)]))
    }
}

// Never changed after `init`, which nobody else sees.
extension SecretOctets: @unchecked Sendable {}
