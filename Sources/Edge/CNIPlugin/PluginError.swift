/// Error codes of the CNI specification (section "Error") and ours from 100 on.
package struct PluginErrorCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let incompatibleVersion = Self(rawValue: 1)
    /// The message names the key and its value.
    package static let unsupportedField = Self(rawValue: 2)
    package static let unknownContainer = Self(rawValue: 3)
    package static let invalidEnvironment = Self(rawValue: 4)
    package static let inputOutput = Self(rawValue: 5)
    package static let decoding = Self(rawValue: 6)
    package static let invalidConfig = Self(rawValue: 7)
    package static let invalidNamespace = Self(rawValue: 8)
    /// Also a full address pool: the next release cures it.
    package static let tryAgainLater = Self(rawValue: 11)
    package static let notAvailable = Self(rawValue: 50)
    package static let limitedConnectivity = Self(rawValue: 51)

    /// The kernel refused an operation.
    package static let kernel = Self(rawValue: 100)
    /// The pod already has an interface of that name.
    package static let interfaceExists = Self(rawValue: 101)
    /// The address belongs to somebody else on this node.
    package static let addressInUse = Self(rawValue: 102)
    /// The container and interface already have an address.
    package static let duplicateAllocation = Self(rawValue: 103)
    /// CHECK found a difference.
    package static let checkFailed = Self(rawValue: 104)
    /// A delegated plugin answered with something that is neither a result nor an error.
    package static let delegateFailed = Self(rawValue: 105)
    /// Another pod on this node has the host port.
    package static let hostPortInUse = Self(rawValue: 106)
    /// nftables refused the host ports.
    package static let hostPorts = Self(rawValue: 107)
}

/// What a plugin prints when it fails. Runtimes show both texts to the user verbatim.
package struct PluginError: Error, Hashable, Sendable {
    package let code: PluginErrorCode
    package let message: String
    package let details: String

    package init(_ code: PluginErrorCode, _ message: String, details: String = "") {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The error object of the specification.
    package func json(version: SpecVersion) -> JSONValue {
        .object(
            of: ("cniVersion", .string(version.rawValue)), ("code", .number(code.rawValue)), ("msg", .string(message)),
            ("details", details.isEmpty ? nil : .string(details)))
    }

    /// Reads the error object that another plugin printed; nil when it is none.
    package init?(json: JSONValue) {
        guard let code = json["code"]?.int, code != 0 else { return nil }
        self.init(PluginErrorCode(rawValue: code), json["msg"]?.string ?? "", details: json["details"]?.string ?? "")
    }
}

extension PluginError: CustomStringConvertible {
    package var description: String {
        "\(message)\(details.isEmpty ? "" : "; \(details)") (code \(code.rawValue))"
    }
}
