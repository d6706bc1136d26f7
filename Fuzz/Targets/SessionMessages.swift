import BGPWire
import NetTypes

/// Messages that are nearly right: the choices of an input decide what is in them and what is wrong.
struct MessageMaker {
    let asNumber: ASNumber
    let isExternal: Bool

    // MARK: OPEN

    func open(_ input: inout FuzzInput) -> Open {
        let choice = input.byte()
        var capabilities: [Capability] = [.routeRefresh]
        if choice & 1 == 0 { capabilities.append(.multiprotocol(.ipv4)) }
        if choice & 2 == 0 { capabilities.append(.multiprotocol(.ipv6)) }
        if choice & 4 == 0 { capabilities.append(.fourOctetAS(asNumber)) }
        if choice & 8 == 0 { capabilities.append(.enhancedRouteRefresh) }
        if choice & 16 != 0 { capabilities.append(.extendedMessage) }
        if choice & 32 == 0 { capabilities.append(.gracefulRestart(restart(&input))) }
        if choice & 64 != 0 {
            let paths = input.byte()
            capabilities.append(
                .addPath(
                    AddressFamily.allCases.map {
                        AddPathFamily(afi: $0.afi, receives: paths & 1 != 0, sends: paths & ($0 == .ipv4 ? 2 : 4) != 0)
                    }))
            if paths & 8 != 0 { capabilities.append(.extendedNextHop([.ipv4OverIPv6])) }
            if paths & 16 != 0 { capabilities.append(.longLivedGracefulRestart(longLived(paths))) }
        }
        if choice & 64 != 0 { capabilities.append(.unknown(code: input.byte(), value: Array(input.take(4)))) }
        let holds: [UInt16] = [90, 0, 3, 9, 2, 65535]
        return Open(
            autonomousSystem: UInt16(exactly: asNumber.rawValue) ?? 23456,
            holdTime: choice & 128 == 0 ? 90 : input.choose(holds), routerID: RouterID(rawValue: 0x0a00_0001),
            capabilities: capabilities)
    }

    private func restart(_ input: inout FuzzInput) -> GracefulRestart {
        let choice = input.byte()
        return GracefulRestart(
            restarted: choice & 1 != 0, notification: choice & 2 == 0, restartTime: UInt16(choice),
            families: AddressFamily.allCases.filter { choice & ($0 == .ipv4 ? 4 : 8) == 0 }.map {
                .init(afi: $0.afi, safi: 1, forwardingPreserved: choice & 16 == 0)
            })
    }

    private func longLived(_ choice: UInt8) -> LongLivedGracefulRestart {
        LongLivedGracefulRestart(
            families: AddressFamily.allCases.filter { choice & ($0 == .ipv4 ? 32 : 64) == 0 }.map {
                .init(
                    afi: $0.afi, safi: 1, forwardingPreserved: choice & 128 == 0, staleTime: $0 == .ipv4 ? 200 : 90)
            })
    }

    // MARK: UPDATE

    private static let prefixes: [Prefix] =
        (0..<24).compactMap { Prefix(strict: "10.244.\($0).0/24") }
        + ["0.0.0.0/0", "10.244.0.0/16", "10.244.3.128/25", "192.0.2.0/24", "127.0.0.0/8", "10.244.1.5/32"].compactMap {
            Prefix(strict: $0)
        }
        + (0..<12).compactMap { Prefix(strict: "fd00:10:244:\($0)::/64") }
        + ["::/0", "fd00:10:244::/48", "fe80::/10", "2001:db8::/32"].compactMap { Prefix(strict: $0) }

    /// A prefix with what may stand before it.
    private typealias Route = (id: UInt8, prefix: Prefix)

    /// The body of an UPDATE for a session of this kind.
    func update(_ input: inout FuzzInput, in context: DecodeContext) -> [UInt8] {
        let wide = context.fourOctetAS
        func route(_ input: inout FuzzInput) -> Route {
            let prefix = input.choose(Self.prefixes)
            return (context.pathIDs.contains(prefix.family) ? input.byte() & 3 + 1 : 0, prefix)
        }
        let counts = input.byte()
        let withdrawn = (0..<(counts >> 6)).map { _ in route(&input) }
        let announced = (0..<(counts & 7)).map { _ in route(&input) }
        var list = announced.isEmpty ? [] : attributes(&input, wide: wide)
        let reach = announced.filter { $0.prefix.family == .ipv6 || counts & 8 != 0 }
        if !reach.isEmpty { list.insert(multiprotocol(14, reach, link: counts & 16 != 0), at: 0) }
        let unreach = withdrawn.filter { $0.prefix.family == .ipv6 }
        if !unreach.isEmpty || counts & 32 != 0 { list.append(multiprotocol(15, unreach, link: false)) }
        damage(&list, &input)
        return Self.body(
            withdrawn: withdrawn.filter { $0.prefix.family == .ipv4 }, list.flatMap(\.self),
            counts & 8 == 0 ? announced.filter { $0.prefix.family == .ipv4 } : [])
    }

    private static func body(withdrawn: [Route], _ attributes: [UInt8], _ announced: [Route]) -> [UInt8] {
        let routes = withdrawn.flatMap(wire)
        return [UInt8(truncatingIfNeeded: routes.count >> 8), UInt8(truncatingIfNeeded: routes.count)] + routes
            + [UInt8(truncatingIfNeeded: attributes.count >> 8), UInt8(truncatingIfNeeded: attributes.count)]
            + attributes + announced.flatMap(wire)
    }

    private static func wire(_ route: Route) -> [UInt8] {
        let prefix = route.prefix
        let octets = (Int(prefix.length) + 7) / 8
        return (route.id == 0 ? [] : [0, 0, 0, route.id]) + [prefix.length]
            + (0..<octets).map { UInt8(truncatingIfNeeded: prefix.bits >> UInt128(120 - 8 * $0)) }
    }

    /// Of one family in MP_REACH_NLRI (code 14) or MP_UNREACH_NLRI, that of the first prefix.
    private func multiprotocol(_ code: UInt8, _ routes: [Route], link: Bool) -> [UInt8] {
        let family = routes.first?.prefix.family ?? .ipv6
        var value: [UInt8] = [0, UInt8(family.afi), 1]
        if code == 14 {
            let hop: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [9]
            let linkLocal: [UInt8] = [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [9]
            value += link ? [32] + hop + linkLocal + [0] : [16] + hop + [0]
        }
        value += routes.filter { $0.prefix.family == family }.flatMap(Self.wire)
        return Self.attribute(0x80, code, value)
    }

    private static func attribute(_ flags: UInt8, _ code: UInt8, _ value: [UInt8]) -> [UInt8] {
        value.count > 255
            ? [flags | 0x10, code, UInt8(truncatingIfNeeded: value.count >> 8), UInt8(truncatingIfNeeded: value.count)]
                + value
            : [flags, code, UInt8(value.count)] + value
    }

    private func attributes(_ input: inout FuzzInput, wide: Bool) -> [[UInt8]] {
        let choice = input.short()
        var list = [
            Self.attribute(0x40, 1, [UInt8(choice & 1)]), Self.attribute(0x40, 2, path(&input, wide: wide)),
            Self.attribute(0x40, 3, [192, 0, 2, input.byte() & 63]),
        ]
        if !isExternal || choice & 2 != 0 { list.append(Self.attribute(0x40, 5, [0, 0, 0, input.byte()])) }
        if choice & 4 != 0 { list.append(Self.attribute(0x80, 4, [0, 0, 0, input.byte()])) }
        if choice & 8 != 0 { list.append(Self.attribute(0x40, 6, [])) }
        if choice & 16 != 0 { list.append(Self.attribute(0xc0, 7, (wide ? [0, 0] : []) + [0xfd, 0xe9, 10, 0, 0, 1])) }
        if choice & 32 != 0 {
            // NO_EXPORT, NO_ADVERTISE, GRACEFUL_SHUTDOWN, BLACKHOLE, NO_EXPORT_SUBCONFED, and others.
            let low = input.choose([1, 2, 0, 154, 3, 4, 77] as [UInt8])
            list.append(Self.attribute(0xc0, 8, [0xff, 0xff, low < 5 && low > 0 ? 0xff : 0, low]))
        }
        if choice & 64 != 0 { list.append(Self.attribute(0x80, 9, [192, 0, 2, input.byte()])) }
        if choice & 128 != 0 { list.append(Self.attribute(0x80, 10, [192, 0, 2, input.byte(), 10, 0, 0, 3])) }
        if choice & 256 != 0 { list.append(Self.attribute(0xc0, 16, [0x40, 4, 0xfd, 0xe9, 0x4b, 0x18, 0x96, 0x80])) }
        if choice & 512 != 0 { list.append(Self.attribute(0xc0, 32, (0..<12).map(UInt8.init))) }
        if choice & 1024 != 0 { list.append(Self.attribute(0xc0, 35, [0, 0, 0xfd, 0xe9])) }
        if choice & 2048 != 0 { list.append(Self.attribute(0xe0, input.byte(), Array(input.take(3)))) }
        if choice & 4096 != 0, !wide { list.append(Self.attribute(0xc0, 17, [2, 1, 0, 1, 0, 0])) }
        if choice & 8192 != 0, !wide { list.append(Self.attribute(0xc0, 18, [0, 1, 0, 0, 10, 0, 0, 2])) }
        if choice & 16384 != 0 {
            // As long as it takes to grow over a message on its way out.
            let count = Int(input.byte()) * 12
            list.append(Self.attribute(0xc0, 32, (0..<count).map { UInt8(truncatingIfNeeded: $0 / 12) }))
        }
        return list
    }

    private func path(_ input: inout FuzzInput, wide: Bool) -> [UInt8] {
        func octets(_ number: UInt32) -> [UInt8] {
            let low = [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
            return wide
                ? [UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16)] + low
                : number > 65535 ? [0x5b, 0xa0] : low
        }
        let choice = input.byte()
        var numbers = isExternal ? [asNumber.rawValue] : []
        for _ in 0..<(choice & 3) { numbers.append(input.choose([65001, 65002, 65000, 100, 70000, 0])) }
        var value: [UInt8] = numbers.isEmpty ? [] : [2, UInt8(numbers.count)] + numbers.flatMap(octets)
        if choice & 4 != 0 { value += [1, 1] + octets(7) }
        if choice & 8 != 0, !isExternal { value = [3, 1] + octets(65100) + value }
        return value
    }

    /// One thing is wrong, or none.
    private func damage(_ list: inout [[UInt8]], _ input: inout FuzzInput) {
        let kind = input.byte()
        guard kind & 0x80 != 0, !list.isEmpty else { return }
        let index = Int(input.byte()) % list.count
        switch kind & 7 {
        case 0: list.remove(at: index)
        case 1: list.append(list[index])
        case 2: list[index][0] ^= 0x80
        case 3: list[index][0] ^= 0x40
        case 4: list[index][2] &+= 1
        case 5: list[index] += [0]
        case 6: list.swapAt(index, 0)
        default: list[index][list[index].count - 1] ^= input.byte()
        }
    }
}
