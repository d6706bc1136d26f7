import AddressStore
import IPAM
import NetTypes
import PodWiring

/// Something in a store that is not as it should be.
package struct AddressProblem: Hashable, Sendable {
    /// What sort of thing.
    package enum Kind: String, Sendable, CaseIterable {
        /// The pod is gone, its addresses are still taken.
        case leak
        /// One address in two records.
        case duplicate
        /// A record without one of its address files, or the reverse: a call was killed in it.
        case unfinished
        /// Not a record.
        case unreadable
        /// A pod's link without a record.
        case unrecorded
    }

    package let kind: Kind
    package let network: String
    /// An attachment, an address or a link.
    package let subject: String
    /// What is wrong; what to do.
    package let detail: String
}

extension AddressAudit {
    /// Everything that is wrong. A call that is at work may show as unfinished: who wants to be sure looks twice.
    package func problems() throws -> [AddressProblem] {
        var problems: [AddressProblem] = []
        for (network, store) in stores {
            let files = try store.files()
            let texts = Dictionary(files.map { ($0.name, $0.text) }) { first, _ in first }
            problems += files.flatMap { self.problems(of: $0, network, texts) }
            problems += unrecorded(network, names: Set(texts.keys))
        }
        return problems
    }

    private func problems(of file: StoredRecord, _ network: String, _ texts: [String: String]) -> [AddressProblem] {
        func problem(_ kind: AddressProblem.Kind, _ subject: String, _ detail: String) -> AddressProblem {
            AddressProblem(kind: kind, network: network, subject: subject, detail: detail)
        }
        guard let audited = audit(file, network) else {
            return [problem(.unreadable, file.name, "it is no record of ours; remove the file if nobody uses it")]
        }
        let record = audited.record
        guard file.name.contains("@") else {
            guard texts[record.name] != file.text else { return [] }
            return [
                problem(
                    .unfinished, file.name, "\(record.name), whose it is, has no such record; release \(file.name)")
            ]
        }
        var problems: [AddressProblem] = []
        if audited.life.isGone {
            problems.append(problem(.leak, record.name, "\(audited.life.reason); the agent takes it back in time"))
        }
        for address in record.addresses {
            guard let text = texts[address.description] else {
                problems.append(
                    problem(
                        .unfinished, record.name, "\(address) of it has no file: a call was killed; its DEL repairs it")
                )
                continue
            }
            guard text != file.text else { continue }
            let owner = AddressRecord(text: text)?.name ?? "somebody"
            problems.append(problem(.duplicate, address.description, "\(record.name) and \(owner) have it"))
        }
        return problems
    }

    /// Links of our plugin whose attachment has no record; where another plugin gives the addresses there is no store.
    private func unrecorded(_ network: String, names: Set<String>) -> [AddressProblem] {
        podLinks.filter { $0.identity.network == network }.compactMap { link, identity -> AddressProblem? in
            let name = AddressRecord(containerID: identity.containerID, ifname: identity.ifname).name
            guard !names.contains(name) else { return nil }
            return AddressProblem(
                kind: .unrecorded, network: network, subject: link,
                detail: "the link of \(name) has no addresses here: another pod may get the same")
        }
    }
}
