// The CNI plugin `martlet`: plugs a pod into its node by a routed veth. Environment and standard input say what, the
// result or the error goes to standard output. It needs neither the agent nor Kubernetes.

import CNIPlugin

@main
enum Main {
    static func main() { PluginProcess.main(MartletPlugin()) }
}

struct MartletPlugin: Plugin {
    let about = "martlet: CNI plugin that plugs pods into their node by routed links"

    func add(_ request: Request) throws(PluginError) -> JSONValue { try Attach(request).run() }

    func check(_ request: Request) throws(PluginError) { try checkAttachment(request) }

    func del(_ request: Request) throws(PluginError) { try detach(request) }

    func status(_ request: Request) throws(PluginError) {
        guard request.config.ipam?["type"] != nil else { return }
        try Delegate.ipam(request).runIfKnown(.status)
    }

    func gc(_ request: Request) throws(PluginError) { try collect(request) }
}
