import BGPWire
import NetTypes
// Every file here is written in its words.
@_exported import TestKit

/// One attribute on the wire; the extended length is used from 256 octets on.
func attribute(_ flags: UInt8, _ code: UInt8, _ value: [UInt8]) -> [UInt8] {
    value.count > 255
        ? [flags | 0x10, code, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
        : [flags, code, UInt8(value.count)] + value
}

/// The body of an UPDATE.
func updateBody(_ attributes: [[UInt8]], nlri: [UInt8] = [], withdrawn: [UInt8] = []) -> [UInt8] {
    let list = attributes.flatMap { $0 }
    return [UInt8(withdrawn.count >> 8), UInt8(withdrawn.count & 255)] + withdrawn
        + [UInt8(list.count >> 8), UInt8(list.count & 255)] + list + nlri
}

/// A message with its header.
func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    let length = body.count + 19
    return [UInt8](repeating: 0xff, count: 16) + [UInt8(length >> 8), UInt8(length & 255), type] + body
}

func decodeUpdate(_ body: [UInt8], in context: DecodeContext = DecodeContext()) throws(NotificationMessage) -> Update {
    try Update.decode(body.span.bytes, in: context)
}

/// What became of an UPDATE.
enum Outcome: Equatable, CustomStringConvertible {
    case accept, discard, withdraw
    case reset(UInt8, UInt8)

    /// Judges by what was done, not by what was said: a fault must have its effect.
    init(_ body: [UInt8], in context: DecodeContext = DecodeContext()) {
        do throws(NotificationMessage) {
            let update = try decodeUpdate(body, in: context)
            if update.announced.isEmpty, !update.withdrawn.isEmpty,
                update.faults.contains(where: { $0.remedy == .treatAsWithdraw })
            {
                self = .withdraw
            } else {
                self = update.faults.isEmpty ? .accept : .discard
            }
        } catch {
            self = .reset(error.code, error.subcode)
        }
    }

    var description: String {
        switch self {
        case .accept: "accept"
        case .discard: "discard"
        case .withdraw: "withdraw"
        case .reset(let code, let subcode): "reset \(code).\(subcode)"
        }
    }
}

/// The attributes of a good announcement of `10.244.1.0/24`.
struct Base {
    var origin: [UInt8] = attribute(0x40, 1, [0])
    var asPath: [UInt8] = attribute(0x40, 2, [2, 1, 0, 0, 0xfd, 0xe9])
    var nextHop: [UInt8] = attribute(0x40, 3, [192, 0, 2, 1])
    var localPref: [UInt8] = attribute(0x40, 5, [0, 0, 0, 100])
    static let nlri: [UInt8] = [24, 10, 244, 1]

    /// The attributes with `replacement` in place of the one of its code, or added.
    func attributes(for context: DecodeContext, replacing replacement: [UInt8]? = nil) -> [[UInt8]] {
        var list = [origin, asPath, nextHop] + (context.isExternal ? [] : [localPref])
        if !context.fourOctetAS { list[1] = attribute(0x40, 2, [2, 1, 0xfd, 0xe9]) }
        guard let replacement else { return list }
        list.removeAll { $0[1] == replacement[1] }
        return list + [replacement]
    }
}

extension Message {
    /// The UPDATE, when it is one.
    var update: Update? {
        if case .update(let update) = self { return update }
        return nil
    }
}
