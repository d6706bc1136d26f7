import CNetlink
import Glibc
import NetTypes

/// One request, built with libnl's message functions. (Its route, address and link objects would hide flags that we
/// need, such as "no duplicate address detection", and cost an object per attribute.)
final class LibnlMessage {
    /// What the message does, for errors: "add route 10.244.1.7/32 dev mlt0123456789a". Only made when there is one.
    var operation: String { describe() }
    private let describe: () -> String
    /// More than the longest of our messages, the creation of a pair.
    private static let maximumSize = 1024
    private let message: OpaquePointer?
    private var isComplete: Bool

    init<Header>(_ operation: @autoclosure @escaping () -> String, type: Int, flags: Int32 = 0, header: Header) {
        describe = operation
        // A page, libnl's default, would be cleared for each message.
        message = nlmsg_alloc_size(Self.maximumSize)
        isComplete = nlmsg_put(message, 0, 0, Int32(type), 0, flags | NLM_F_REQUEST) != nil
        withUnsafeBytes(of: header) { raw in
            guard let message else { return }
            let appended = nlmsg_append(message, UnsafeMutableRawPointer(mutating: raw.baseAddress), raw.count, 4)
            isComplete = isComplete && appended == 0
        }
    }

    deinit { nlmsg_free(message) }

    func put(_ type: some BinaryInteger, _ bytes: [UInt8]) {
        guard let message else { return }
        isComplete = nla_put(message, Int32(type), Int32(bytes.count), bytes) == 0 && isComplete
    }

    func put(_ type: some BinaryInteger, _ value: UInt32) { put(type, withUnsafeBytes(of: value) { Array($0) }) }

    /// With the final zero octet.
    func put(_ type: some BinaryInteger, _ text: String) { put(type, Array(text.utf8) + [0]) }

    func put(_ type: some BinaryInteger, _ address: IPAddress) { put(type, address.bytes) }

    func nest(_ type: some BinaryInteger, _ body: () -> Void) {
        guard let message, let start = nla_nest_start(message, Int32(type)) else {
            isComplete = false
            return
        }
        body()
        nla_nest_end(message, start)
    }

    /// Appends a plain structure inside a nest, as VETH_INFO_PEER has one.
    func append<Header>(_ header: Header) {
        withUnsafeBytes(of: header) { raw in
            guard let message else { return }
            let appended = nlmsg_append(message, UnsafeMutableRawPointer(mutating: raw.baseAddress), raw.count, 4)
            isComplete = appended == 0 && isComplete
        }
    }

    /// Appends the message with its sequence number; false when it did not fit.
    func append(to batch: inout [UInt8], sequence: UInt32, acknowledged: Bool) -> Bool {
        guard isComplete, let message, let header = nlmsg_hdr(message) else { return false }
        header.pointee.nlmsg_seq = sequence
        if acknowledged { header.pointee.nlmsg_flags |= UInt16(NLM_F_ACK) }
        batch.append(contentsOf: UnsafeRawBufferPointer(start: header, count: Int(header.pointee.nlmsg_len)))
        while batch.count % 4 != 0 { batch.append(0) }
        return true
    }
}
