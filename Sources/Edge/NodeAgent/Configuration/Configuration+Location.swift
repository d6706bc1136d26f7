import NetTypes

extension Configuration {
    /// Keys `address`, `interface`, `defaultGateway` and `range` of a peer: where it is, or how it is found.
    package enum PeerLocation: Sendable, Hashable, CustomStringConvertible {
        case address(IPAddress)
        /// The one router at the other end of this interface's link, found by its router advertisements.
        case interface(String)
        /// The gateway of the kernel's default route, whoever that is.
        case defaultGateway
        /// Whoever calls from here.
        case range(Prefix)

        /// The configured address.
        package var address: IPAddress? {
            if case .address(let address) = self { address } else { nil }
        }

        /// The interface of an unnumbered peer.
        package var interface: String? {
            if case .interface(let name) = self { name } else { nil }
        }

        /// The addresses that may call.
        package var range: Prefix? {
            if case .range(let prefix) = self { prefix } else { nil }
        }

        /// For tables, until an address is known.
        package var description: String {
            switch self {
            case .address(let address): address.description
            case .interface(let name): name
            case .defaultGateway: "default gateway"
            case .range(let prefix): prefix.description
            }
        }

        /// The name of a peer that was given none.
        var defaultName: String {
            switch self {
            case .address(let address): address.description
            case .interface(let name): name.replacing("@", with: "-")
            case .defaultGateway: "default-gateway"
            case .range(let prefix): prefix.description.replacing("/", with: "-")
            }
        }
    }

    private static let interfaceWords = "the name of a network interface, at most 15 characters"

    /// Where a peer is, and the interface that an address is bound to.
    struct ReadLocation {
        var place: Located<PeerLocation>?
        var boundTo: String?
    }

    /// Reads where a peer is: exactly one of the keys, but that an address may name its interface.
    static func location(_ section: inout ConfigurationSection) -> ReadLocation {
        let gateway = section.value("defaultGateway", ConfigurationValue.boolWords, ConfigurationValue.bool)
        let range = section.value("range", ConfigurationValue.prefixWords, ConfigurationValue.prefix)
        let interface = section.value("interface", interfaceWords, ConfigurationValue.interfaceName)
        // That an address is missing is said where nothing stands for it, be that wrong.
        let hasOther =
            section.contains("interface") || section.contains("range")
            || section.contains("defaultGateway") && gateway?.value != false
        let address =
            hasOther
            ? section.value("address", ConfigurationValue.addressWords, ConfigurationValue.address)
            : section.required("address", ConfigurationValue.addressWords, ConfigurationValue.address)
        var found: [(key: String, place: Located<PeerLocation>)] = []
        if let address { found.append(("address", Located(.address(address.value), address.mark))) }
        if let gateway, gateway.value { found.append(("defaultGateway", Located(.defaultGateway, gateway.mark))) }
        if let range { found.append(("range", Located(.range(range.value), range.mark))) }
        if let interface, address == nil {
            found.append(("interface", Located(.interface(interface.value), interface.mark)))
        }
        if found.count > 1 {
            section.problems.error(
                found[1].place.mark, "\(found[0].key) and \(found[1].key) exclude each other; remove one of them")
        }
        return ReadLocation(place: found.first?.place, boundTo: address == nil ? nil : interface?.value)
    }

    /// Reads what goes with it.
    static func readLocation(
        _ section: inout ConfigurationSection, into peer: inout PeerSettings, _ location: ReadLocation
    ) {
        peer.interface = location.boundTo
        let maximum = section.value(
            "maxPeers", "how many peers of the range there may be at a time, 1 to 10000",
            ConfigurationValue.integer(UInt16(1)...10_000))
        if let maximum, !peer.isRange, location.place != nil {
            section.problems.error(maximum.mark, "maxPeers goes with range only; remove it")
        }
        peer.maxPeers = maximum?.value ?? 100
        let extended = section.value("extendedNextHop", ConfigurationValue.boolWords, ConfigurationValue.bool)
        peer.extendedNextHop = extended?.value
    }

    static func checkAddresses(
        _ peer: PeerSettings, _ mark: YAMLNode.Mark, _ localMark: YAMLNode.Mark?, _ context: PeerContext,
        _ problems: ProblemCollector
    ) {
        if case .range(let range) = peer.location, range.isMulticast {
            problems.error(mark, "\(range) is multicast; write the prefix that the peers' addresses are in")
        }
        if peer.location.interface != nil, let local = peer.localAddress, let localMark, !local.needsScope {
            problems.error(
                localMark, "a session on an interface is between link-local addresses; remove localAddress")
        }
        guard let address = peer.address else { return }
        if address.needsScope, peer.interface == nil {
            problems.error(mark, "\(address) is link-local; write the interface that it is on as interface, too")
        }
        if address == peer.localAddress || address == context.listenAddress {
            problems.error(mark, "\(address) is our own address; write the peer's")
        }
        if let local = peer.localAddress, let localMark, local.family != address.family {
            problems.error(
                localMark, "\(local) cannot reach \(address); write an \(address.family) address, or remove it")
        }
    }

    static func checkDuplicates(_ peers: [LocatedPeer], _ problems: ProblemCollector) {
        var locations: [String: Int] = [:]
        var names: [String: Int] = [:]
        for peer in peers {
            let (location, name) = (peer.settings.locationWords, peer.settings.name)
            if let line = locations[location] {
                problems.error(
                    peer.addressMark, "the \(location) already belongs to the peer in line \(line); remove one of them")
            } else if let line = names[name] {
                problems.error(
                    peer.nameMark, "the name \"\(name)\" already belongs to the peer in line \(line); choose another")
            }
            locations[location] = locations[location] ?? peer.addressMark.line
            names[name] = names[name] ?? peer.nameMark.line
        }
    }
}

extension Configuration.PeerSettings {
    /// What no two peers may have in common.
    fileprivate var locationWords: String {
        switch location {
        case .address(let address):
            address.needsScope ? "address \(address)%\(interface ?? "")" : "address \(address)"
        case .interface(let name): "interface \(name)"
        case .defaultGateway: "default gateway"
        case .range(let prefix): "range \(prefix)"
        }
    }
}

extension Located {
    init(_ value: Value, _ mark: YAMLNode.Mark) { self.init(value: value, mark: mark) }
}

extension ConfigurationValue {
    /// A name that the kernel takes for an interface (IFNAMSIZ less one), of characters that need no quoting.
    static func interfaceName(_ text: String) -> String? {
        let isName = (1...15).contains(text.utf8.count) && text != "." && text != ".."
        return isName && peerName(text.replacing("@", with: "-")) != nil ? text : nil
    }
}
