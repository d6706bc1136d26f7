// The CNI plugin `martlet`: plugs a pod into its node by a routed veth. Environment and standard input say what, the
// result or the error goes to standard output. It needs neither the agent nor Kubernetes.

import CNIPlugin
import PodNetwork

@main
enum Main {
    static func main() { PluginProcess.main(MartletPlugin()) }
}
