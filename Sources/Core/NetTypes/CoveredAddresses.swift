/// Addresses of which one asks whether any lies in a prefix: in the time of a binary search, however many they are.
package struct CoveredAddresses: Hashable, Sendable {
    /// Ascending.
    package private(set) var addresses: [IPAddress] = []

    package init(_ addresses: some Sequence<IPAddress> = []) { self.addresses = Set(addresses).sorted() }

    package var isEmpty: Bool { addresses.isEmpty }

    /// Whether `prefix` contains one of them.
    package func isAny(in prefix: Prefix) -> Bool {
        var (low, high) = (0, addresses.count)
        while low < high {
            let middle = (low + high) / 2
            if addresses[middle] < prefix.address { low = middle + 1 } else { high = middle }
        }
        return low < addresses.count && prefix.contains(addresses[low])
    }
}
