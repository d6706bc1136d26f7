import CNetlink
import Glibc
import PodWiring

// Token buckets (tc-tbf). `linux/pkt_sched.h` counts its rates in octets.

extension RateLimit {
    /// TCA_TBF_PARMS, TCA_TBF_RATE64, TCA_TBF_BURST.
    static let (parameters, wideRate, burstBytes) = (1, 4, 6)

    /// Makes the bucket the link's only queue, in place of whatever it had.
    func message(index: Int32, name: String) -> LibnlMessage {
        var header = tcmsg()
        header.tcm_ifindex = index
        header.tcm_handle = 0x1_0000
        header.tcm_parent = .max  // TC_H_ROOT
        let message = LibnlMessage(
            "limit the bandwidth of \(name)", type: Int(RTM_NEWQDISC), flags: NLM_F_CREATE | NLM_F_REPLACE,
            header: header)
        message.put(TCA_KIND, "tbf")
        message.nest(TCA_OPTIONS) {
            message.put(Self.parameters, parameterBytes)
            message.put(Self.wideRate, withUnsafeBytes(of: bytesPerSecond) { Array($0) })
            message.put(Self.burstBytes, burst)
        }
        return message
    }

    /// `tc_tbf_qopt`: rate and peak rate (`tc_ratespec`: cell_log, linklayer, overhead, cell_align, mpu, rate), limit,
    /// buffer, mtu. The buffer comes in TCA_TBF_BURST.
    private var parameterBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 36)
        func put(_ value: UInt32, at offset: Int) {
            withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<(offset + 4), with: $0) }
        }
        bytes[1] = 1  // TC_LINKLAYER_ETHERNET
        put(UInt32(clamping: bytesPerSecond), at: 8)
        put(queue, at: 24)
        return bytes
    }
}

extension LibnlSocket {
    /// Asks for the queue at the root of a link.
    static func getLimit(_ index: Int32) -> LibnlMessage {
        var header = tcmsg()
        header.tcm_ifindex = index
        header.tcm_parent = .max
        // The kernel answers as it tells of a change: to who asks only with the flag.
        return LibnlMessage(
            "get the bandwidth limit of link \(index)", type: Int(RTM_GETQDISC), flags: NLM_F_ECHO, header: header)
    }

    /// The bucket of an answer; nil when the link has none.
    static func limit(_ outcome: Outcome) throws(LibnlError) -> LimitFact? {
        if let error = outcome.error {
            // The kernel's word for a link with no queue of its own.
            if error.code == ENOENT || error.code == EINVAL { return nil }
            throw error
        }
        return outcome.replies.lazy.compactMap { LimitFact($0) }.first
    }
}

extension LimitFact {
    /// Reads RTM_NEWQDISC.
    fileprivate init?(_ reply: LibnlReply) {
        let attributes = reply.attributes(after: MemoryLayout<tcmsg>.size)
        guard reply.type == UInt16(RTM_NEWQDISC), attributes.text(TCA_KIND) == "tbf",
            let options = attributes.nested(TCA_OPTIONS), let parameters = options[RateLimit.parameters],
            let rate: UInt32 = parameters.number(at: 8), let queue: UInt32 = parameters.number(at: 24)
        else { return nil }
        let wide: UInt64? = options[RateLimit.wideRate]?.number(at: 0)
        self.init(bytesPerSecond: wide ?? UInt64(rate), queue: queue)
    }
}
