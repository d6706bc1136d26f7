/// Version of the documents on the control socket.
package enum ControlSchema {
    /// The same for all documents; clients refuse none, they ignore keys that they do not know.
    package static let version = 1
}

/// Answer of `/v1/pods`: the pods of this node that our plugin plugged in.
package struct PodsDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// By namespace and name.
    package var pods: [PodDocument]

    package init(pods: [PodDocument]) { self.pods = pods }
}

/// One attachment of a pod.
package struct PodDocument: Codable, Sendable, Equatable {
    /// Kubernetes namespace; empty where the runtime named none.
    package var namespace: String
    /// Kubernetes name; empty where the runtime named none.
    package var pod: String
    /// CNI_CONTAINERID of the sandbox.
    package var containerID: String
    /// Name inside the pod, if it is known.
    package var interface: String?
    /// Pod addresses without a length.
    package var addresses: [String]
    /// Name of the link on the host.
    package var hostInterface: String
    /// `up`, `down`, or what is missing, in words.
    package var state: String

    package init(
        namespace: String, pod: String, containerID: String, interface: String? = nil, addresses: [String],
        hostInterface: String, state: String
    ) {
        self.namespace = namespace
        self.pod = pod
        self.containerID = containerID
        self.interface = interface
        self.addresses = addresses
        self.hostInterface = hostInterface
        self.state = state
    }
}

/// Answer of `/v1/status`: the agent itself.
package struct StatusDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// Version of martletd.
    package var version: String
    /// Name of the node.
    package var node: String
    /// BGP identifier.
    package var routerID: String
    /// Our AS number.
    package var asn: UInt32
    /// Prefixes that this node announces.
    package var podCIDRs: [String]
    /// Process id of the agent.
    package var pid: Int32
    /// Seconds since the agent started.
    package var uptimeSeconds: Int
    /// Configured peers.
    package var sessions: Int
    /// Those that are established.
    package var sessionsEstablished: Int
    /// Where a goodbye stands; absent while the node serves.
    package var drain: DrainDocument?
    /// Our podCIDRs that somebody else announces, in words.
    package var conflicts: [String]?
    /// Pods whose addresses lie in no podCIDR of the node any more.
    package var oldPods: Int?
    /// The file of the configuration, without its text.
    package var configuration: ConfigurationDocument?
    /// How far the agent has come since its start, in words; `ready` at the end.
    package var start: String?
    /// Versions of linked libraries by name.
    package var libraries: [String: String] = [:]

    package init(
        version: String, node: String, routerID: String, asn: UInt32, podCIDRs: [String], pid: Int32,
        uptimeSeconds: Int, sessions: Int, sessionsEstablished: Int, libraries: [String: String] = [:]
    ) {
        self.version = version
        self.node = node
        self.routerID = routerID
        self.asn = asn
        self.podCIDRs = podCIDRs
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
        self.sessions = sessions
        self.sessionsEstablished = sessionsEstablished
        self.libraries = libraries
    }
}

/// Answer of a request that failed.
package struct ErrorDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// What is wrong, for a person.
    package var error: String

    package init(error: String) { self.error = error }
}
