/// A token bucket: what passes, and how much of it at once.
package struct RateLimit: Hashable, Sendable {
    /// At least 1.
    package let bytesPerSecond: UInt64
    /// Octets that may pass at full speed after a silence.
    package let burst: UInt32

    /// Octets of a packet besides the MTU: Ethernet's header, and a VLAN tag.
    private static let header: UInt32 = 18
    /// The largest packet that the kernel makes of a TCP stream before it is cut (64 KiB).
    private static let largestSegment: UInt64 = 65_536
    /// How long a packet waits at most, in milliseconds: the queue holds so much beyond the burst.
    private static let latency: UInt64 = 25

    /// Rates and bursts are bits, as CNI has them; a rate that is 0 limits nothing.
    ///
    /// - Parameter burst: nil, or 4294967295 (what containerd writes for every pod, since Kubernetes knows no bursts:
    ///   half a gigabyte would pass before the limit is felt), has one chosen: what the rate lets through in 20 ms, and
    ///   at least one segment of TCP.
    package init?(bitsPerSecond rate: UInt64, burstBits burst: UInt64?) {
        guard rate > 0 else { return nil }
        bytesPerSecond = max(rate / 8, 1)
        if let burst, burst > 0, burst != UInt64(UInt32.max) {
            self.burst = UInt32(clamping: burst / 8)
        } else {
            self.burst = UInt32(clamping: max(bytesPerSecond / 50, Self.largestSegment))
        }
    }

    /// A limit as the kernel has it.
    package init(bytesPerSecond: UInt64, burst: UInt32) {
        self.bytesPerSecond = bytesPerSecond
        self.burst = burst
    }

    /// As a link of this MTU needs it: a bucket that a packet does not fit into would pass nothing.
    package func fitting(mtu: UInt32) -> RateLimit {
        RateLimit(bytesPerSecond: bytesPerSecond, burst: max(burst, mtu + Self.header))
    }

    /// Octets that may wait.
    package var queue: UInt32 {
        UInt32(
            clamping: bytesPerSecond.multipliedReportingOverflow(by: Self.latency).partialValue / 1000 + UInt64(burst))
    }
}

/// What a pod may send and receive (capability `bandwidth`); nil: as much as it likes.
package struct Bandwidth: Hashable, Sendable {
    /// To the pod.
    package var ingress: RateLimit?
    /// From the pod.
    package var egress: RateLimit?

    package init(ingress: RateLimit? = nil, egress: RateLimit? = nil) {
        self.ingress = ingress
        self.egress = egress
    }
}
