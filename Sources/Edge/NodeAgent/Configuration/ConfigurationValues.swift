import NetTypes

/// The texts of values: what each kind accepts, beside the words that tell what to write.
enum ConfigurationValue {
    static let boolWords = "true or false"

    static func bool(_ text: String) -> Bool? {
        switch text {
        case "true": true
        case "false": false
        default: nil
        }
    }

    static let durationWords = "a number and a unit, such as 90s, 500ms, 2m or 1h"

    /// `90s`, `500ms`, `2m`, `1h`; `0` needs no unit.
    static func duration(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard (1...9).contains(digits.count), let number = Int64(digits) else { return nil }
        return switch text.dropFirst(digits.count) {
        case "ms": .milliseconds(number)
        case "s": .seconds(number)
        case "m": .seconds(number * 60)
        case "h": .seconds(number * 3600)
        case "" where number == 0: .zero
        default: nil
        }
    }

    /// A duration of whole seconds in a range.
    static func seconds(_ range: ClosedRange<Int64>) -> (String) -> Duration? {
        { text in
            guard let duration = duration(text), duration == .seconds(duration.wholeSeconds),
                range.contains(duration.wholeSeconds)
            else { return nil }
            return duration
        }
    }

    /// Zero, or whole seconds that RFC 4271 section 4.2 allows.
    static func holdTime(_ text: String) -> Duration? { text == "0" || text == "0s" ? .zero : seconds(3...65535)(text) }

    static func sendHoldTime(_ text: String) -> Duration? {
        text == "0" || text == "0s" ? .zero : seconds(4...131_070)(text)
    }

    static let sendHoldTimeWords = "0 for no limit, or whole seconds from 4s to 131070s"
    static let holdTimeWords = "0 for none, or whole seconds from 3s to 65535s"

    static func integer<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) -> (String) -> Number? {
        { text in
            guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let number = Number(text),
                range.contains(number)
            else { return nil }
            return number
        }
    }

    static let prefixWords = "a prefix without host bits, such as 10.244.1.0/24"

    static func prefix(_ text: String) -> Prefix? { Prefix(strict: text) }

    static let addressWords = "a unicast IPv4 or IPv6 address"

    /// An address that can be one end of a TCP connection.
    static func address(_ text: String) -> IPAddress? {
        IPAddress(text).flatMap { $0.isUnspecified || Prefix(host: $0).isMulticast ? nil : $0 }
    }

    /// Not the reserved numbers of RFC 7607, RFC 7300 and RFC 6793.
    static let endpointWords = "an address and a port, such as 127.0.0.1:9179 or \"[::1]:9179\""

    /// Address and port; the address of IPv6 in brackets. Names are not resolved.
    static func endpoint(_ text: String) -> Configuration.MetricsSettings.Endpoint? {
        guard let colon = text.lastIndex(of: ":"),
            let port = integer(UInt16(1)...UInt16.max)(String(text[text.index(after: colon)...]))
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host), (address.family == .ipv6) == isBracketed else { return nil }
        return .init(address: address, port: port)
    }

    static func asn(_ text: String) -> ASNumber? {
        ASNumber(text).flatMap { [0, 23456, 65535, .max].contains($0.rawValue) ? nil : $0 }
    }

    static let asnWords = "an AS number from 1 to 4294967294 (23456 and 65535 are reserved)"

    static func routerID(_ text: String) -> RouterID? { RouterID(text).flatMap { $0.rawValue == 0 ? nil : $0 } }

    static func absolutePath(_ text: String) -> String? {
        text.hasPrefix("/") && text.utf8.count < 4096 && !text.utf8.contains(0) ? text : nil
    }

    /// An absolute path that fits into a UNIX socket's address.
    static func socketPath(_ text: String) -> String? {
        text.utf8.count <= 107 ? absolutePath(text) : nil
    }

    static let socketPathWords = "an absolute path of at most 107 bytes"

    static func nodeName(_ text: String) -> String? {
        (1...253).contains(text.utf8.count) && text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) ? text : nil
    }

    /// A name that needs no quoting on a command line or in a URL.
    static func peerName(_ text: String) -> String? {
        let allowed = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:".contains($0)) }
        return (1...63).contains(text.utf8.count) && allowed ? text : nil
    }

    static func family(_ text: String) -> AddressFamily? {
        switch text {
        case "ipv4-unicast": .ipv4
        case "ipv6-unicast": .ipv6
        default: nil
        }
    }

    /// The case whose name was written.
    static func choice<Choice: RawRepresentable<String>>(_ text: String) -> Choice? { Choice(rawValue: text) }

    /// `a, b or c`.
    static func words<Choice: CaseIterable & RawRepresentable<String>>(_: Choice.Type) -> String {
        let names = Choice.allCases.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + names.suffix(1).joined()
    }

    /// `main`, `default` or a number; not `local`, which is the kernel's own.
    static func table(_ text: String) -> UInt32? {
        switch text {
        case "main": 254
        case "default": 253
        default: integer(1...UInt32.max)(text).flatMap { $0 == 255 ? nil : $0 }
        }
    }
}

extension Prefix {
    var isMulticast: Bool {
        family == .ipv4 ? bits >> 124 == 0xe : bits >> 120 == 0xff
    }

    /// Loopback, link-local, multicast or other addresses that no pod and no route can have.
    var isSpecialUse: Bool {
        guard !isDefault else { return false }
        return switch family {
        case .ipv4: bits >> 120 == 0 || bits >> 120 == 127 || bits >> 112 == 0xa9fe || bits >> 124 >= 0xe
        case .ipv6: bits >> 118 == 0xfe80 >> 6 || bits >> 120 == 0xff || bits <= 1
        }
    }
}
