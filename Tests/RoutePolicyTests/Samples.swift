import BGPWire
import NetTypes
import RoutePolicy
// Every file here is written in its words.
@_exported import TestKit

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
