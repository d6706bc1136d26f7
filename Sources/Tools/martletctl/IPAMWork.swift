import AddressAudit
import AddressStore
import CNIPlugin
import ControlAPI
import IPAM
import NetTypes

extension IPAMAttachmentDocument {
    init(_ audited: AuditedRecord) {
        let record = audited.record
        let life: Life =
            switch audited.life {
            case .alive: .alive
            case .gone: .gone
            case .unknown: .unknown
            }
        self.init(
            containerID: record.containerID, interface: record.ifname, addresses: record.addresses.map(\.description),
            life: life, reason: audited.life.reason)
        (pod, netns, hostInterface) = (record.pod, record.netns, audited.link)
        ageSeconds = record.since.map { Int((AddressStore.now - $0).wholeSeconds) }
    }
}

extension AddressAudit {
    /// Takes the addresses of one attachment back, unless its pod may be there.
    func release(_ owner: String, network: String?, force: Bool) throws -> IPAMChangeDocument {
        let address = IPAddress(owner)
        let found = try records().filter { audited in
            let record = audited.record
            let isMeant =
                record.name == owner || record.containerID == owner || record.addresses.contains { $0 == address }
            return isMeant && (network == nil || audited.network == network)
        }
        guard let first = found.first else {
            throw FileProblem(description: "nobody has \(owner): see martletctl ipam show")
        }
        guard found.count == 1 else {
            let names = found.map { "\($0.record.name) of \($0.network)" }.joined(separator: ", ")
            throw FileProblem(
                description: "\(owner) is had by \(names); say which, as CONTAINER@INTERFACE and with --network")
        }
        guard force || first.life.isGone else {
            let pod = first.record.pod.map { "pod \($0)" } ?? "container \(first.record.containerID)"
            let danger =
                first.life.isAlive
                ? "another pod would get an address that this one still uses"
                : "nobody can tell whether it still uses its addresses"
            throw FileProblem(
                description: "not released: \(owner) belongs to \(pod), and \(first.life.reason); \(danger)."
                    + " --force releases it all the same")
        }
        for (name, store) in stores where name == first.network {
            guard try store.release(first.file) else {
                throw FileProblem(description: "\(owner) has changed hands just now: look again")
            }
        }
        let addresses = first.record.addresses.map(\.description)
        return IPAMChangeDocument(
            network: first.network, attachments: [first.record.name], addresses: addresses,
            summary: "\(first.network): released \(addresses.joined(separator: ", ")) of \(first.record.name)")
    }
}

/// Taking over another plugin's store.
enum AddressImport {
    static func run(
        _ directory: String, to network: String, in base: String, isDryRun: Bool
    ) throws -> IPAMChangeDocument {
        guard Names.isIdentifier(network) else {
            throw FileProblem(description: "\(network) is no name of a network")
        }
        let records = try HostLocalDirectory.records(directory)
        let store = AddressStore(directory: "\(base)/\(network)")
        let new = isDryRun ? 0 : try store.adopt(records)
        let addresses = records.flatMap(\.addresses).map(\.description)
        let what = "\(addresses.count) addresses of \(records.count) attachments"
        return IPAMChangeDocument(
            network: network, attachments: records.map(\.name), addresses: addresses,
            summary: isDryRun
                ? "\(network): would take over \(what)"
                : "\(network): took over \(what), of which \(new) attachments were new here")
    }
}
