import AddressAudit
import AddressStore
import AgentClient
import ArgumentParser
import CNIPlugin
import ControlAPI
import IPAM
import NetTypes

struct IPAMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipam",
        abstract: "Addresses that the plugin has given out on this node; works without the agent.",
        subcommands: [Show.self, Check.self, Release.self, Import.self])

    /// Where the stores are.
    struct Stores: ParsableArguments {
        @Option(help: "The agent's state directory; the stores are in ipam in it.")
        var stateDir = "/run/martlet"

        @Option(help: ArgumentHelp("Where the plugin's configuration says dataDir; may be repeated.", valueName: "dir"))
        var dataDir: [String] = []

        @Option(name: [.short, .customLong("output")], help: "table, wide (more columns), or json.")
        var output = OutputFormat.table

        var directories: [String] { dataDir.isEmpty ? ["\(stateDir)/ipam"] : dataDir }

        func audit() throws -> AddressAudit { try problems { try AddressAudit(directories: directories) } }

        /// Work on the stores, with what is wrong in our words.
        func problems<T>(_ work: () throws -> T) throws -> T {
            do { return try work() } catch let error as ImportProblems {
                throw FileProblem(
                    description: "nothing was imported:\n  " + error.reasons.joined(separator: "\n  "))
            } catch let error as FileProblem { throw error } catch {
                throw FileProblem(description: "\(error); is this root, and the right --state-dir or --data-dir?")
            }
        }

        func show(_ document: some Encodable, _ text: String) throws {
            Console.write(output == .json ? try ControlJSON.encode(document) : Array(text.utf8))
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who has which address, and whether it is there.")

        @OptionGroup var stores: Stores

        func run() throws {
            let audit = try stores.audit()
            let records = try stores.problems { try audit.records() }
            let document = IPAMDocument(
                podCIDRs: (try? NodeState.read(stores.stateDir))?.podCIDRs.map(\.description) ?? [],
                networks: try audit.stores.map { network, store in
                    let usage = try stores.problems { try store.usage() }
                    return IPAMNetworkDocument(
                        network: network, directory: store.directory, given: usage.given, resting: usage.resting,
                        attachments: records.filter { $0.network == network }.map(IPAMAttachmentDocument.init))
                })
            try stores.show(document, Render.ipam(document, wide: stores.output == .wide))
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Looks for leaks, duplicates and what killed calls have left; exit status 3 when it finds any.")

        @OptionGroup var stores: Stores

        func run() throws {
            let audit = try stores.audit()
            let (records, problems) = try stores.problems { (try audit.records(), try audit.problems()) }
            let document = IPAMCheckDocument(
                attachments: records.count,
                problems: problems.map {
                    IPAMProblemDocument(
                        kind: $0.kind.rawValue, network: $0.network, subject: $0.subject, detail: $0.detail)
                })
            try stores.show(document, Render.ipamCheck(document))
            if !document.ok { throw ExitCode(3) }
        }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes the addresses of a pod that is gone back; refuses those of one that is there.")

        @Argument(help: "An address, a container id, or CONTAINER@INTERFACE.")
        var owner: String

        @Option(help: "The network, where several have given it out.")
        var network: String?

        @Flag(help: "Also of a pod that is there, or that cannot be looked for.")
        var force = false

        @OptionGroup var stores: Stores

        func run() throws {
            let audit = try stores.audit()
            let document = try stores.problems {
                try audit.release(owner, network: network, force: force)
            }
            try stores.show(document, Render.ipamChange(document))
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes over what host-local has given out, so that a node can change plugins with pods on it.")

        @Argument(help: "host-local's directory of a network, such as /var/lib/cni/networks/NAME.")
        var directory: String

        @Option(help: "The network that gets the addresses.")
        var network = "martlet"

        @Flag(help: "Only says what would be done.")
        var dryRun = false

        @OptionGroup var stores: Stores

        func run() throws {
            let document = try stores.problems {
                try AddressImport.run(
                    directory, to: network, in: stores.directories.first ?? "", isDryRun: dryRun)
            }
            try stores.show(document, Render.ipamChange(document))
        }
    }
}
