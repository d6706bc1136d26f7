// The IPAM plugin `martlet-ipam`: gives pods addresses of the node's podCIDRs, or of the ranges in its configuration,
// for our own plugin and for others (`ptp`, `bridge`).

import CNIPlugin
import PodAddresses

@main
enum Main {
    static func main() { PluginProcess.main(IPAMPlugin()) }
}
