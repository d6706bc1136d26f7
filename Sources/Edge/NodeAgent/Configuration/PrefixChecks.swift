import NetTypes

/// Whether the prefixes of the file fit together.
struct PrefixChecks {
    let file: ConfigurationSection
    let podCIDRs: [Located<Prefix>]
    let clusterCIDRs: [Located<Prefix>]
    let imports: Configuration.ImportSettings
    let fib: Configuration.FIBSettings
    let bgp: Configuration.LocatedBGP

    init(
        file: ConfigurationSection, podCIDRs: [Located<Prefix>], clusterCIDRs: [Located<Prefix>],
        imports: Configuration.ImportSettings, fib: Configuration.FIBSettings, bgp: Configuration.LocatedBGP
    ) {
        (self.file, self.podCIDRs, self.clusterCIDRs) = (file, podCIDRs, clusterCIDRs)
        (self.imports, self.fib, self.bgp) = (imports, fib, bgp)
    }

    private var problems: ProblemCollector { file.problems }

    func run() {
        checkClusterCIDRs()
        for (index, cidr) in podCIDRs.enumerated() { checkPodCIDR(cidr, earlier: podCIDRs.prefix(index)) }
        checkPeersOutsidePods()
        checkNothingMissing()
    }

    private func checkClusterCIDRs() {
        for (index, cidr) in clusterCIDRs.enumerated() {
            if cidr.value.isSpecialUse {
                problems.error(cidr.mark, "\(cidr.value) is a special-use prefix; write prefixes that pods live in")
            } else if cidr.value.isDefault {
                problems.warning(
                    cidr.mark,
                    "\(cidr.value) contains every address, so peers could announce any prefix;"
                        + " write the cluster's prefixes"
                )
            } else if clusterCIDRs.prefix(index).contains(where: { $0.value == cidr.value }) {
                problems.error(cidr.mark, "\(cidr.value) is listed twice; remove it")
            }
        }
    }

    private func checkPodCIDR(_ cidr: Located<Prefix>, earlier: ArraySlice<Located<Prefix>>) {
        guard !cidr.value.isSpecialUse, !cidr.value.isDefault else {
            problems.error(cidr.mark, "\(cidr.value) cannot be a pod CIDR; write a prefix that pods can live in")
            return
        }
        if let other = earlier.first(where: { $0.value.overlaps(cidr.value) }) {
            problems.error(
                cidr.mark,
                "\(cidr.value) overlaps \(other.value) in line \(other.mark.line); pod CIDRs must be disjoint")
        }
        guard !clusterCIDRs.isEmpty else { return }
        if !clusterCIDRs.contains(where: { $0.value.contains(cidr.value) }) {
            problems.error(
                cidr.mark,
                "\(cidr.value) lies in none of clusterCIDRs, so other nodes would refuse it;"
                    + " add it, or its supernet, there"
            )
        } else if !imports.lengths(cidr.value.family).contains(Int(cidr.value.length)) {
            problems.warning(
                cidr.mark,
                "/\(cidr.value.length) is outside the lengths in import, so nodes with this file refuse it;"
                    + " change import.\(cidr.value.family)"
            )
        }
    }

    private func checkPeersOutsidePods() {
        for (peer, mark) in zip(bgp.settings.peers, bgp.peerMarks) {
            guard let address = peer.address else { continue }
            if let cidr = podCIDRs.first(where: { $0.value.contains(address) }) {
                problems.error(
                    mark, "\(address) lies in the pod CIDR \(cidr.value) of this node; write the router's address")
            }
        }
    }

    private func checkNothingMissing() {
        // A list that is empty only because its values are wrong is not worth a word.
        guard fib.enabled, !bgp.settings.peers.isEmpty, !problems.hasErrors else { return }
        if clusterCIDRs.isEmpty {
            problems.warning(
                file.mark,
                "clusterCIDRs is empty, so nothing is imported; write the prefixes that pods of the cluster live in")
        }
        if podCIDRs.isEmpty {
            problems.warning(
                file.mark, "node.podCIDRs is empty, so nothing is announced; write this node's pod prefixes")
        }
    }
}
