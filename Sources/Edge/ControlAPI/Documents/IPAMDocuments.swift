/// Answer of `martletctl ipam show`: what the stores of this node have given out.
package struct IPAMDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    /// The node's prefixes, where the agent has told them.
    package var podCIDRs: [String]
    /// By name.
    package var networks: [IPAMNetworkDocument]

    package init(podCIDRs: [String], networks: [IPAMNetworkDocument]) {
        self.podCIDRs = podCIDRs
        self.networks = networks
    }
}

/// One network's store.
package struct IPAMNetworkDocument: Codable, Sendable, Equatable {
    package var network: String
    package var directory: String
    /// Addresses that are given out.
    package var given: Int
    /// Addresses that were released less than the cool-down ago.
    package var resting: Int
    package var attachments: [IPAMAttachmentDocument]

    package init(
        network: String, directory: String, given: Int, resting: Int, attachments: [IPAMAttachmentDocument]
    ) {
        self.network = network
        self.directory = directory
        self.given = given
        self.resting = resting
        self.attachments = attachments
    }
}

/// Who has addresses.
package struct IPAMAttachmentDocument: Codable, Sendable, Equatable {
    /// Whether the pod is there.
    package enum Life: String, Codable, Sendable, CaseIterable {
        case alive, gone, unknown
    }

    /// CNI_CONTAINERID of the sandbox.
    package var containerID: String
    /// Name inside the pod.
    package var interface: String
    package var addresses: [String]
    /// `NAMESPACE/POD`.
    package var pod: String?
    /// Path of the network namespace.
    package var netns: String?
    /// Name of the host end of its link, if that is there.
    package var hostInterface: String?
    /// Seconds since the addresses were given; absent for imported ones.
    package var ageSeconds: Int?
    package var life: Life
    /// How that is known.
    package var reason: String

    package init(containerID: String, interface: String, addresses: [String], life: Life, reason: String) {
        self.containerID = containerID
        self.interface = interface
        self.addresses = addresses
        self.life = life
        self.reason = reason
    }
}

/// Answer of `martletctl ipam check`.
package struct IPAMCheckDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    package var ok: Bool
    /// Attachments that were looked at.
    package var attachments: Int
    package var problems: [IPAMProblemDocument]

    package init(attachments: Int, problems: [IPAMProblemDocument]) {
        ok = problems.isEmpty
        self.attachments = attachments
        self.problems = problems
    }
}

/// Something in a store that is not as it should be.
package struct IPAMProblemDocument: Codable, Sendable, Equatable {
    /// `leak`, `duplicate`, `unfinished`, `unreadable`, `unrecorded`.
    package var kind: String
    package var network: String
    /// An attachment, an address or a link.
    package var subject: String
    /// What is wrong; what to do.
    package var detail: String

    package init(kind: String, network: String, subject: String, detail: String) {
        self.kind = kind
        self.network = network
        self.subject = subject
        self.detail = detail
    }
}

/// Answer of `martletctl ipam release` and `martletctl ipam import`.
package struct IPAMChangeDocument: Codable, Sendable, Equatable {
    package var schema = ControlSchema.version
    package var network: String
    /// `CONTAINER@INTERFACE`.
    package var attachments: [String]
    package var addresses: [String]
    /// What was done, in words.
    package var summary: String

    package init(network: String, attachments: [String], addresses: [String], summary: String) {
        self.network = network
        self.attachments = attachments
        self.addresses = addresses
        self.summary = summary
    }
}
