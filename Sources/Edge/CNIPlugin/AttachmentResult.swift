import NetTypes

/// An address in a result.
package struct ResultAddress: Hashable, Sendable {
    package let address: IPAddress
    /// The subnet's length as IPAM says it; 32 or 128 for our own pods.
    package let length: Int
    package let gateway: IPAddress?
    /// Index into the result's interfaces; nil in an IPAM plugin's result.
    package let interface: Int?

    package init(address: IPAddress, length: Int, gateway: IPAddress?, interface: Int? = nil) {
        self.address = address
        self.length = length
        self.gateway = gateway
        self.interface = interface
    }
}

/// A route in a result, with the metrics that version 1.1.0 knows.
package struct ResultRoute: Hashable, Sendable {
    package var destination: Prefix
    package var gateway: IPAddress?
    package var mtu: Int?
    package var advertisedMSS: Int?
    package var priority: Int?
    package var table: Int?

    package init(destination: Prefix, gateway: IPAddress? = nil) {
        self.destination = destination
        self.gateway = gateway
    }

    /// What versions before 1.1.0 can tell.
    package var withoutMetrics: ResultRoute { ResultRoute(destination: destination, gateway: gateway) }
}

/// An interface in a result. The MAC is text: other plugins were seen to put other things there.
package struct ResultInterface: Hashable, Sendable {
    package var name: String
    package var mac: String?
    package var sandbox: String?
    package var mtu: Int?

    package init(name: String, mac: String? = nil, sandbox: String? = nil, mtu: Int? = nil) {
        self.name = name
        self.mac = mac
        self.sandbox = sandbox
        self.mtu = mtu
    }
}

/// What ADD returns, in the form of versions 0.3.0 to 1.1.0.
package struct AttachmentResult: Hashable, Sendable {
    package var interfaces: [ResultInterface] = []
    package var addresses: [ResultAddress] = []
    package var routes: [ResultRoute] = []
    /// Passed through unread.
    package var dns: JSONValue?

    package init() {}
}

// Reading and writing side by side, key by key.
extension AttachmentResult {
    /// Reads a result of any of our versions; throws a text that names what is wrong.
    package init(_ tree: JSONValue) throws(InvalidResult) {
        guard tree.members != nil else { throw InvalidResult(reason: "the result is not a JSON object") }
        interfaces = (tree["interfaces"]?.array ?? []).map {
            ResultInterface(
                name: $0["name"]?.string ?? "", mac: $0["mac"]?.string, sandbox: $0["sandbox"]?.string,
                mtu: $0["mtu"]?.int)
        }
        for entry in tree["ips"]?.array ?? [] {
            guard let (address, length) = entry["address"]?.string.flatMap({ Prefix.parse($0) }) else {
                throw InvalidResult(reason: "no valid address in \(entry)")
            }
            let gateway = entry["gateway"]?.string.flatMap { IPAddress($0) }
            addresses.append(
                ResultAddress(address: address, length: length, gateway: gateway, interface: entry["interface"]?.int))
        }
        for entry in tree["routes"]?.array ?? [] {
            guard let destination = entry["dst"]?.string.flatMap({ Prefix($0) }) else {
                throw InvalidResult(reason: "no valid destination in \(entry)")
            }
            var route = ResultRoute(destination: destination, gateway: entry["gw"]?.string.flatMap { IPAddress($0) })
            route.mtu = entry["mtu"]?.int
            route.advertisedMSS = entry["advmss"]?.int
            route.priority = entry["priority"]?.int
            route.table = entry["table"]?.int
            routes.append(route)
        }
        dns = tree["dns"]
    }

    /// The result object. With a `previous` one (we are not first in a chain) that one with ours appended, so that
    /// whatever other plugins wrote survives unchanged.
    package func json(version: SpecVersion, after previous: JSONValue? = nil) -> JSONValue {
        let before = previous?["interfaces"]?.array ?? []
        let ips =
            (previous?["ips"]?.array ?? []) + addresses.map { Self.json($0, version: version, offset: before.count) }
        let allRoutes = (previous?["routes"]?.array ?? []) + routes.map { Self.json($0, version: version) }
        let links = before + interfaces.map { Self.json($0, version: version) }
        var result = previous ?? .object([])
        result.set("cniVersion", .string(version.rawValue))
        if !links.isEmpty { result.set("interfaces", .array(links)) }
        result.set("ips", .array(ips))
        if !allRoutes.isEmpty { result.set("routes", .array(allRoutes)) }
        // Having nothing to say is no reason to take away what an earlier plugin said.
        if let dns, dns != .object([]) {
            result.set("dns", dns)
        } else if previous?["dns"] == nil {
            result.set("dns", .object([]))
        }
        return result
    }

    private static func json(_ interface: ResultInterface, version: SpecVersion) -> JSONValue {
        .object(
            of: ("name", .string(interface.name)), ("mac", interface.mac.map { .string($0) }),
            ("mtu", version < .v110 ? nil : interface.mtu.map { .number($0) }),
            ("sandbox", interface.sandbox.map { .string($0) }))
    }

    private static func json(_ entry: ResultAddress, version: SpecVersion, offset: Int) -> JSONValue {
        .object(
            of: ("version", version < .v100 ? .string(entry.address.family == .ipv4 ? "4" : "6") : nil),
            ("address", .string("\(entry.address)/\(entry.length)")),
            ("gateway", entry.gateway.map { .string($0.description) }),
            ("interface", entry.interface.map { .number($0 + offset) }))
    }

    private static func json(_ route: ResultRoute, version: SpecVersion) -> JSONValue {
        let metrics = version >= .v110
        return .object(
            of: ("dst", .string(route.destination.description)), ("gw", route.gateway.map { .string($0.description) }),
            ("mtu", metrics ? route.mtu.map { .number($0) } : nil),
            ("advmss", metrics ? route.advertisedMSS.map { .number($0) } : nil),
            ("priority", metrics ? route.priority.map { .number($0) } : nil),
            ("table", metrics ? route.table.map { .number($0) } : nil))
    }
}

/// Why a result cannot be used.
package struct InvalidResult: Error, Hashable, Sendable, CustomStringConvertible {
    package let reason: String

    package var description: String { reason }
}
