import CNetlink
import NetTypes

/// The end of an answer: `NLMSG_ERROR`, which is an acknowledgement when its code is 0, or `NLMSG_DONE`.
struct NetlinkAnswer {
    let sequence: UInt32
    /// errno, positive; 0 for success.
    let code: Int32
    let kernelMessage: String?

    private static let (capped, hasAttributes): (UInt16, UInt16) = (0x100, 0x200)

    init?(_ bytes: borrowing RawSpan, _ header: NetlinkHeader) {
        let isError = header.type == UInt16(NLMSG_ERROR)
        guard isError || header.type == UInt16(NLMSG_DONE) else { return nil }
        sequence = header.sequence
        let start = header.body.lowerBound
        // A DONE of an old kernel has no code. `0 &-` because a hostile Int32.min has no negative.
        code = header.body.count >= 4 ? 0 &- (bytes.native(start, Int32.self) ?? 0) : 0
        var text: String?
        if header.flags & Self.hasAttributes != 0 {
            var offset = start + 4
            if isError {
                let echoed = header.flags & Self.capped != 0 ? 16 : Int(bytes.native(offset, UInt32.self) ?? 16)
                offset += (echoed + 3) & ~3
            }
            while let (attribute, next) = bytes.attribute(at: offset, end: header.body.upperBound) {
                if attribute.type == Int(NLMSGERR_ATTR_MSG.rawValue) { text = bytes.text(attribute.value) }
                offset = next
            }
        }
        kernelMessage = text?.isEmpty == true ? nil : text
    }

    /// The failure that a code other than 0 means.
    func error(_ operation: String) -> NetlinkError {
        NetlinkError(operation: operation, code: code, kernelMessage: kernelMessage)
    }
}
