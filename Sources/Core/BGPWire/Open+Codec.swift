import NetTypes

extension Open {
    /// Reads an OPEN's body and checks what needs no configuration (RFC 4271 section 6.2, RFC 6286 section 2.2).
    package static func decode(_ body: RawSpan) throws(NotificationMessage) -> Self {
        var cursor = ByteCursor(body)
        guard body.byteCount >= 10 else { throw .badLength(Framer.headerLength + body.byteCount) }
        do {
            let version = try cursor.byte(body)
            guard version == 4 else { throw NotificationMessage(2, 1, [0, 4]) }
            let autonomousSystem = try cursor.integer(UInt16.self, body)
            let holdTime = try cursor.integer(UInt16.self, body)
            let routerID = RouterID(rawValue: try cursor.integer(UInt32.self, body))
            let capabilities = try Self.parameters(&cursor, body)
            let open = Self(
                autonomousSystem: autonomousSystem, holdTime: holdTime, routerID: routerID, capabilities: capabilities)
            guard autonomousSystem != 0, open.asNumber.rawValue != 0 else { throw NotificationMessage(2, 2) }
            guard routerID.rawValue != 0 else { throw NotificationMessage(2, 3) }
            guard holdTime == 0 || holdTime >= 3 else {
                throw NotificationMessage(2, 6, [UInt8(holdTime >> 8), UInt8(truncatingIfNeeded: holdTime)])
            }
            return open
        } catch let error as NotificationMessage {
            throw error
        } catch {
            throw NotificationMessage(2, 0)
        }
    }

    /// The optional parameters, in the form of RFC 4271 or, when it says so, of RFC 9072.
    private static func parameters(_ cursor: inout ByteCursor, _ body: RawSpan) throws -> [Capability] {
        let length = Int(try cursor.byte(body))
        var area = cursor
        var isExtended = false
        var ahead = cursor
        if length != 0, try ahead.byte(body) == 255 {
            isExtended = true
            let extended = Int(try ahead.integer(UInt16.self, body))
            area = try ahead.take(extended)
            guard ahead.isAtEnd else { throw ShortInput(need: extended, have: ahead.remaining) }
        } else {
            area = try cursor.take(length)
            guard cursor.isAtEnd else { throw ShortInput(need: length, have: cursor.remaining) }
        }
        var capabilities: [Capability] = []
        while !area.isAtEnd {
            let type = try area.byte(body)
            let count = isExtended ? Int(try area.integer(UInt16.self, body)) : Int(try area.byte(body))
            var value = try area.take(count)
            guard type == 2 else { throw NotificationMessage(2, 4) }
            while !value.isAtEnd { capabilities.append(try Capability(&value, body)) }
        }
        return capabilities
    }

    /// All capabilities go into one optional parameter, which needs the form of RFC 9072 when they are many.
    func encode(into writer: inout ByteWriter) {
        // OPEN is limited to 4096 octets, 35 of which are not capabilities: those that do not fit are left out.
        var list: [UInt8] = []
        for capability in capabilities {
            var one = ByteWriter()
            capability.encode(into: &one)
            if list.count + one.count <= 4096 - 35 { list += one.bytes }
        }
        writer.message(MessageType.open) { writer in
            writer.byte(version)
            writer.integer(autonomousSystem)
            writer.integer(holdTime)
            writer.integer(routerID.rawValue)
            switch list.count {
            case 0: writer.byte(0)
            case 1...253:
                writer.append([UInt8(list.count + 2), 2, UInt8(list.count)])
                writer.append(list)
            default:
                writer.append([255, 255])
                writer.integer(UInt16(truncatingIfNeeded: list.count + 3))
                writer.byte(2)
                writer.integer(UInt16(truncatingIfNeeded: list.count))
                writer.append(list)
            }
        }
    }
}

extension Capability {
    /// Reads one capability. A length that its code does not have is an error: half-understood options are worse than
    /// none.
    fileprivate init(_ cursor: inout ByteCursor, _ body: RawSpan) throws {
        let code = try cursor.byte(body)
        var value = try cursor.take(Int(try cursor.byte(body)))
        switch code {
        case 1:
            let afi = try value.integer(UInt16.self, body)
            _ = try value.byte(body)
            self = .multiprotocol(afi: afi, safi: try value.byte(body))
        case 2: self = .routeRefresh
        case 5: self = .extendedNextHop(try ExtendedNextHop.list(&value, body))
        case 6: self = .extendedMessage
        case 9 where value.remaining == 1: self = .role(try value.byte(body))
        case 64: self = .gracefulRestart(try GracefulRestart(&value, body))
        case 65: self = .fourOctetAS(ASNumber(rawValue: try value.integer(UInt32.self, body)))
        case 69: self = Self.addPath(try value.array(value.remaining, body))
        case 70: self = .enhancedRouteRefresh
        case 71 where value.remaining % 7 == 0:
            self = .longLivedGracefulRestart(try LongLivedGracefulRestart(&value, body))
        case 73: self = Self.hostName(try value.array(value.remaining, body))
        default: self = .unknown(code: code, value: try value.array(value.remaining, body))
        }
        guard value.isAtEnd else { throw ShortInput(need: 0, have: value.remaining) }
    }

    /// Anything but triples with 1, 2 or 3 stays an unknown capability: it is to be ignored (RFC 7911 section 4).
    private static func addPath(_ value: [UInt8]) -> Self {
        let starts = stride(from: 0, to: value.count - value.count % 4, by: 4)
        let isSound = value.count % 4 == 0 && starts.allSatisfy { (1...3).contains(value[$0 + 3]) }
        guard isSound else { return .unknown(code: 69, value: value) }
        return .addPath(
            starts.map {
                AddPathFamily(
                    afi: UInt16(value[$0]) << 8 | UInt16(value[$0 + 1]), safi: value[$0 + 2],
                    receives: value[$0 + 3] & 1 != 0, sends: value[$0 + 3] & 2 != 0)
            })
    }

    /// Nothing depends on a name: one with wrong lengths stays an unknown capability.
    private static func hostName(_ value: [UInt8]) -> Self {
        let host = value.dropFirst().prefix(Int(value.first ?? 0))
        let rest = value.dropFirst(1 + host.count)
        let domain = rest.dropFirst()
        guard let hostLength = value.first, host.count == hostLength, let length = rest.first, domain.count == length
        else {
            return .unknown(code: 73, value: value)
        }
        return .hostName(HostName(host: Array(host), domain: Array(domain)))
    }

    /// The code of the IANA registry.
    package var code: UInt8 {
        switch self {
        case .multiprotocol: 1
        case .routeRefresh: 2
        case .extendedNextHop: 5
        case .extendedMessage: 6
        case .role: 9
        case .gracefulRestart: 64
        case .fourOctetAS: 65
        case .addPath: 69
        case .enhancedRouteRefresh: 70
        case .longLivedGracefulRestart: 71
        case .hostName: 73
        case .unknown(let code, _): code
        }
    }

    func encode(into writer: inout ByteWriter) {
        var value = ByteWriter()
        switch self {
        case .multiprotocol(let afi, let safi):
            value.integer(afi)
            value.byte(0)
            value.byte(safi)
        case .extendedNextHop(let families): for family in families.prefix(42) { family.encode(into: &value) }
        case .gracefulRestart(let restart): restart.encode(into: &value)
        case .role(let role): value.byte(role)
        case .longLivedGracefulRestart(let restart): restart.encode(into: &value)
        case .fourOctetAS(let number): value.integer(number.rawValue)
        case .routeRefresh, .extendedMessage, .enhancedRouteRefresh: break
        case .hostName(let name):
            let host = name.host.prefix(253)
            for part in [host, name.domain.prefix(253 - host.count)] {
                value.byte(UInt8(part.count))
                value.append(part)
            }
        case .addPath(let families):
            for family in families.prefix(63) {
                value.integer(family.afi)
                value.append([family.safi, (family.receives ? 1 : 0) | (family.sends ? 2 : 0)])
            }
        case .unknown(_, let bytes): value.append(bytes)
        }
        let bytes = value.bytes.prefix(255)
        writer.byte(code)
        writer.byte(UInt8(bytes.count))
        writer.append(bytes)
    }
}

extension GracefulRestart {
    fileprivate init(_ value: inout ByteCursor, _ body: RawSpan) throws(ShortInput) {
        let head = try value.integer(UInt16.self, body)
        var families: [Family] = []
        while !value.isAtEnd {
            let afi = try value.integer(UInt16.self, body)
            let safi = try value.byte(body)
            let flags = try value.byte(body)
            families.append(Family(afi: afi, safi: safi, forwardingPreserved: flags & 0x80 != 0))
        }
        self.init(
            restarted: head & 0x8000 != 0, notification: head & 0x4000 != 0, restartTime: head & 0x0fff,
            families: families)
    }

    fileprivate func encode(into writer: inout ByteWriter) {
        writer.integer(UInt16(restarted ? 0x8000 : 0) | (notification ? 0x4000 : 0) | min(restartTime, 0x0fff))
        for family in families.prefix(63) {
            writer.integer(family.afi)
            writer.byte(family.safi)
            writer.byte(family.forwardingPreserved ? 0x80 : 0)
        }
    }
}
