import Foundation
import NetTypes
import TestKit

extension Machine {
    private static let listing = """
        ip -o link | sed 's/^/link /'
        ip -o address | sed 's/^/address /'
        for family in -4 -6; do
            ip "$family" route show table all | sed 's/^/route /'
            ip "$family" neighbour | sed 's/^/neighbour /'
            ip "$family" rule | sed 's/^/rule /'
        done
        tc qdisc | sed 's/^/qdisc /'
        nft list ruleset | sed 's/^/nft /'
        find /run/netns /run/martlet /var/lib/cni "$@" 2>/dev/null | sed 's/^/file /'
        find /run/martlet /var/lib/cni "$@" -type f -exec grep -aH '' {} + 2>/dev/null | sed 's/^/content /'

        """

    /// Everything that plugging pods can make on a node, one a line: links, addresses, routes, neighbours, rules,
    /// queues, packet filter, namespaces, and files of runtimes and plugins, also those below `directories`.
    private func listing(_ directories: [String]) throws -> [Substring] {
        let finished = try run(["sh", "-c", Self.listing, "sh"] + directories)
        return finished.output.split(separator: "\n")
    }

    /// What of the node still tells of a pod: of its id anywhere, or of its addresses in the kernel.
    package func traces(of pod: RuntimePod, directories: [String] = []) throws -> [String] {
        let addresses = pod.addresses.map(\.description)
        return try listing(directories).filter { line in
            let isKernel = !line.hasPrefix("content ") && !line.hasPrefix("file ")
            return line.contains(pod.id) || (isKernel && addresses.contains { line.hasWord($0) })
        }.map(String.init)
    }

    /// The links of the node, the namespaces and the results that a runtime keeps.
    package func inventory() throws -> Set<String> {
        let lines = try listing([])
        let links = lines.filter { $0.hasPrefix("link ") }.compactMap { line in
            line.split(separator: " ").dropFirst(2).first.map { "link \($0.prefix { $0 != "@" && $0 != ":" })" }
        }
        let files = lines.filter { $0.hasPrefix("file /run/netns/") || $0.hasPrefix("file /var/lib/cni/results/") }
        return Set(links + files.map(String.init))
    }
}

extension Substring {
    /// Whether an address stands in the text, and not only as the beginning or end of a longer one.
    fileprivate func hasWord(_ word: String) -> Bool {
        var rest = self
        while let found = rest.firstRange(of: word) {
            let before = rest[..<found.lowerBound].last
            let after = rest[found.upperBound...].first
            if ![before, after].contains(where: { $0.map { $0.isHexDigit || $0 == "." || $0 == ":" } ?? false }) {
                return true
            }
            rest = rest[found.upperBound...]
        }
        return false
    }
}
