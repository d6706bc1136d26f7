import BGPWire
import NetTypes
import RoutePolicy

/// A generator whose numbers depend on the seed alone (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

func cidr(_ text: String) -> Prefix {
    guard let prefix = Prefix(strict: text) else { preconditionFailure("\(text) is no prefix") }
    return prefix
}

func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("\(text) is no address") }
    return address
}

func asn(_ number: UInt32) -> ASNumber { ASNumber(rawValue: number) }

/// A path from text: `65001 {1,2} (3)`.
func path(_ text: String) -> ASPath {
    var segments: [ASPath.Segment] = []
    var isJoining = false
    for word in text.split(separator: " ") {
        let numbers = word.split { !$0.isNumber }.compactMap { ASNumber($0) }
        switch word.first {
        case "{": segments.append(.init(kind: 1, numbers: numbers))
        case "(": segments.append(.init(kind: 3, numbers: numbers))
        default:
            if isJoining {
                segments[segments.count - 1].numbers += numbers
            } else {
                segments.append(.init(kind: 2, numbers: numbers))
            }
        }
        isJoining = word.first?.isNumber == true
    }
    return ASPath(segments)
}

func attributes(_ text: String, via hop: String = "192.0.2.1", _ change: (inout AttributeFields) -> Void = { _ in })
    -> PathAttributes
{
    var fields = AttributeFields()
    fields.asPath = path(text)
    change(&fields)
    return PathAttributes(fields, nextHop: ip(hop))
}
