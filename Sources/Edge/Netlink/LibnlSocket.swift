import CNetlink
import Glibc

/// A netlink operation of the plugin that failed.
package struct LibnlError: Error, Hashable, Sendable, CustomStringConvertible {
    package let operation: String
    /// errno, positive.
    package let code: Int32
    /// The kernel's extended acknowledgement, if it sent one.
    package let kernelMessage: String?

    package init(_ operation: String, code: Int32, kernelMessage: String? = nil) {
        self.operation = operation
        self.code = code
        self.kernelMessage = kernelMessage
    }

    package var description: String {
        let text = "\(operation): \(String(cString: strerror(code)))"
        return kernelMessage.map { "\(text) (kernel: \($0))" } ?? text
    }
}

/// A synchronous rtnetlink socket for the plugin's few requests. It stays in the network namespace in which it was
/// opened, wherever the thread goes later.
package final class LibnlSocket {
    private let socket: OpaquePointer
    private var sequence: UInt32 = 1
    /// Not zeroed: what is not touched costs no page fault.
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

    package convenience init() throws(LibnlError) { try self.init(family: NETLINK_ROUTE) }

    /// A socket of another netlink family: NETLINK_NETFILTER.
    init(family: Int32) throws(LibnlError) {
        guard let socket = nl_socket_alloc() else { throw LibnlError("allocate a netlink socket", code: ENOMEM) }
        let code = nl_connect(socket, family)
        guard code == 0 else {
            let error = errno
            nl_socket_free(socket)
            throw LibnlError("connect to netlink", code: error == 0 ? EIO : error)
        }
        self.socket = socket
        // The kernel's own words in errors, and no echo of our request in front of them.
        var one: CInt = 1
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, option, &one, socklen_t(MemoryLayout<CInt>.size))
        }
    }

    deinit {
        nl_socket_free(socket)
        buffer.deallocate()
    }

    /// What became of one message of a batch.
    struct Outcome {
        var error: LibnlError?
        var replies: [LibnlReply] = []
    }

    /// Carries out all messages; throws the first refusal when all are done. Answers to get requests are returned in
    /// order.
    @discardableResult
    func perform(_ messages: [LibnlMessage]) throws(LibnlError) -> [LibnlReply] {
        var replies: [LibnlReply] = []
        for outcome in try exchange(messages) {
            if let error = outcome.error { throw error }
            replies += outcome.replies
        }
        return replies
    }

    /// Sends all messages in one system call and waits for the kernel's word on the last one. The kernel goes on after
    /// a refused message; there is one outcome for each.
    func exchange(_ messages: [LibnlMessage]) throws(LibnlError) -> [Outcome] {
        guard let last = messages.last else { return [] }
        let first = sequence
        var batch: [UInt8] = []
        batch.reserveCapacity(1024)
        for message in messages {
            guard message.append(to: &batch, sequence: sequence, acknowledged: message === last) else {
                throw LibnlError(message.operation, code: EMSGSIZE)
            }
            sequence += 1
        }
        try send(batch, of: last)
        var outcomes = messages.map { _ in Outcome() }
        while true {
            for reply in try receive(of: last) where reply.sequence >= first && reply.sequence < sequence {
                let index = Int(reply.sequence - first)
                guard reply.type == UInt16(NLMSG_ERROR) else {
                    outcomes[index].replies.append(reply)
                    continue
                }
                outcomes[index].error = Self.error(reply, of: messages[index])
                if index == messages.count - 1 { return outcomes }
            }
        }
    }

    /// Reads a whole table. The kernel marks an answer during which the table changed; it is then read again.
    func dump(_ message: LibnlMessage) throws(LibnlError) -> [LibnlReply] {
        var attempts = 0
        while true {
            let (replies, isConsistent) = try dumpOnce(message)
            attempts += 1
            if isConsistent || attempts == 10 { return replies }
        }
    }

    private func dumpOnce(_ message: LibnlMessage) throws(LibnlError) -> ([LibnlReply], Bool) {
        var bytes: [UInt8] = []
        guard message.append(to: &bytes, sequence: sequence, acknowledged: false) else {
            throw LibnlError(message.operation, code: EMSGSIZE)
        }
        let own = sequence
        sequence += 1
        try send(bytes, of: message)
        var replies: [LibnlReply] = []
        var isConsistent = true
        while true {
            for reply in try receive(of: message) where reply.sequence == own {
                if reply.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isConsistent = false }
                switch Int32(reply.type) {
                case NLMSG_DONE: return (replies, isConsistent)
                case NLMSG_ERROR:
                    throw Self.error(reply, of: message) ?? LibnlError(message.operation, code: EPROTO)
                default: replies.append(reply)
                }
            }
        }
    }

    private func send(_ bytes: [UInt8], of message: LibnlMessage) throws(LibnlError) {
        var bytes = bytes
        let sent = nl_sendto(socket, &bytes, bytes.count)
        guard sent >= 0 else { throw LibnlError(message.operation, code: errno == 0 ? EIO : errno) }
    }

    private func receive(of message: LibnlMessage) throws(LibnlError) -> [LibnlReply] {
        while true {
            let got = recv(nl_socket_get_fd(socket), buffer.baseAddress, buffer.count, 0)
            if got >= 0 { return LibnlReply.split(Array(buffer[..<got])[...]) }
            let code = errno
            guard code == EINTR else { throw LibnlError(message.operation, code: code) }
        }
    }

    /// The error of an acknowledgement, nil for success. Body: errno, our header (capped), then attributes.
    private static func error(_ reply: LibnlReply, of message: LibnlMessage) -> LibnlError? {
        guard let code = reply.number(Int32.self, at: 0), code != 0 else { return nil }
        let hasText = reply.flags & UInt16(NLM_F_ACK_TLVS) != 0
        let text = hasText ? reply.attributes(after: 20).text(NLMSGERR_ATTR_MSG.rawValue) : nil
        return LibnlError(message.operation, code: -code, kernelMessage: text)
    }
}

/// The libnl that the process runs with.
package enum LibnlVersion {
    package static var text: String { "\(nl_ver_maj).\(nl_ver_min).\(nl_ver_mic)" }
}
