import Foundation

extension GoBGPRouter {
    /// Sections of a neighbour for what it is to have.
    static func options(of neighbor: Neighbor, _ own: RouterConfiguration) -> String {
        var text = ""
        if neighbor.ttlSecurity { text += " [neighbors.ttl-security.config]\n  enabled = true\n  ttl-min = 255\n" }
        if own.keepsForwarding {
            text += " [neighbors.graceful-restart.config]\n  enabled = true\n  restart-time = 120\n"
        }
        if own.reflects, neighbor.asn == own.asn {
            text += " [neighbors.route-reflector.config]\n  route-reflector-client = true\n"
            text += "  route-reflector-cluster-id = \"\(own.routerID)\"\n"
        }
        return text
    }

    /// The same, of each address family.
    static func familyOptions(of neighbor: Neighbor, _ own: RouterConfiguration) -> String {
        var text = ""
        if own.keepsForwarding { text += "  [neighbors.afi-safis.mp-graceful-restart.config]\n   enabled = true\n" }
        if let limit = neighbor.maxPrefixes {
            text += "  [neighbors.afi-safis.prefix-limit.config]\n   max-prefixes = \(limit)\n"
        }
        if neighbor.addPaths {
            text += "  [neighbors.afi-safis.add-paths.config]\n   receive = true\n   send-max = 8\n"
        }
        return text
    }

    /// Its export policy: next hops and communities of each neighbour.
    struct Policy {
        /// Names the policy, in `global`.
        let use: String
        /// Sets and statements.
        let definition: String

        init(_ own: RouterConfiguration) {
            var sets = "[[defined-sets.prefix-sets]]\n prefix-set-name = \"ipv6\"\n"
            sets += " [[defined-sets.prefix-sets.prefix-list]]\n  ip-prefix = \"::/0\"\n"
            sets += "  masklength-range = \"0..128\"\n"
            var statements = ""
            for (number, neighbor) in own.neighbors.enumerated() {
                sets += "[[defined-sets.neighbor-sets]]\n neighbor-set-name = \"\(neighbor.name)\"\n"
                sets += " neighbor-info-list = [\"\(neighbor.address)\"]\n"
                statements += Self.statements(neighbor, number, own)
            }
            guard !statements.isEmpty else {
                (use, definition) = ("", "")
                return
            }
            use = """
                [global.apply-policy.config]
                 export-policy-list = ["out"]
                 default-export-policy = "accept-route"

                """
            definition = sets + "[[policy-definitions]]\n name = \"out\"\n" + statements
        }

        private static func statements(_ neighbor: Neighbor, _ number: Int, _ own: RouterConfiguration) -> String {
            var text = ""
            func add(_ name: String, _ condition: String, _ action: String) {
                text += """
                     [[policy-definitions.statements]]
                      name = "\(name)-\(number)"
                      [policy-definitions.statements.conditions.match-neighbor-set]
                       neighbor-set = "\(neighbor.name)"
                    \(condition)\(action)
                    """
            }
            let actions = "  [policy-definitions.statements.actions.bgp-actions"
            if neighbor.asn == own.asn { add("self", "", "\(actions)]\n   set-next-hop = \"self\"\n") }
            if let hop = neighbor.nextHopIPv6 {
                let ipv6 = "  [policy-definitions.statements.conditions.match-prefix-set]\n   prefix-set = \"ipv6\"\n"
                add("ipv6", ipv6, "\(actions)]\n   set-next-hop = \"\(hop)\"\n")
            }
            if !neighbor.largeCommunities.isEmpty {
                let list = neighbor.largeCommunities.map { "\"\($0)\"" }.joined(separator: ", ")
                add(
                    "large", "",
                    "\(actions).set-large-community]\n   options = \"add\"\n"
                        + "\(actions).set-large-community.set-large-community-method]\n"
                        + "   communities-list = [\(list)]\n")
            }
            return text
        }
    }

    package func askForRefresh(_ neighbor: String) throws {
        throw LabError("GoBGP sends no ROUTE-REFRESH: `softresetin` reads its own Adj-RIB-In once more")
    }

    package func largeCommunities(of prefix: String, from neighbor: String) throws -> Set<String> {
        let family = prefix.contains(":") ? "ipv6" : "ipv4"
        let attributes = try ask("neighbor", neighbor, "adj-in", "-a", family)[prefix][0]["attrs"].array
        let values = attributes.filter { $0["type"].int == 32 }.flatMap { $0["value"].array }
        return Set(
            values.map { value in
                ["ASN", "LocalData1", "LocalData2"].map { value[$0].string ?? "?" }.joined(separator: ":")
            })
    }

    package func hasExtendedMessages(with neighbor: String) throws -> Bool {
        let text = try namespace.require("gobgp", "neighbor", neighbor)
        return text.contains("extended-message:") && text.contains("extended-message:\tadvertised and received")
    }

    package func shows(_ notice: Notice, with neighbor: String) throws -> Bool {
        log.split(separator: "\n").contains { line in
            guard line.contains("notification"), line.contains("Key=\(neighbor) "), line.contains("Code=6 ") else {
                return false
            }
            return switch notice {
            case .tooManyPrefixes: line.contains("Subcode=1 ")
            case .shutdown(let text): line.contains("Subcode=2 ") && line.contains(text)
            }
        }
    }
}
