import CLinux
import Glibc
import IPAM
import NetTypes

// When addresses were released, in the lock's file behind the boot id: a table for each family, with one place for each
// of 4,096 neighbouring addresses. It is there and open already, nothing in it has a name that could be left over, and
// writing one entry is one system call. Addresses that are further apart may share a place: the later release has it.
extension StoreDirectory {
    private static let start = 64
    private static let places = 4096
    /// Address, left-aligned, in two halves; nanoseconds since the machine started.
    private typealias Entry = (high: UInt64, low: UInt64, time: Int64)

    private static func offset(_ address: IPAddress) -> off_t {
        let number = address.leftAligned >> UInt128(128 - address.family.bitWidth)
        let above = UInt64(truncatingIfNeeded: number >> 12) ^ UInt64(truncatingIfNeeded: number >> 76)
        // Twelve bits of a product, so that neighbouring prefixes do not share places.
        let shift = (above &* 0x9e37_79b9_7f4a_7c15) >> 52
        let place = Int((UInt64(truncatingIfNeeded: number) & 4095) ^ shift)
        return off_t(base(address.family) + place * MemoryLayout<Entry>.stride)
    }

    private static func base(_ family: AddressFamily) -> Int {
        start + (family == .ipv4 ? 0 : places * MemoryLayout<Entry>.stride)
    }

    func setRest(_ address: IPAddress, since: Instant) throws(StoreError) {
        let bits = address.leftAligned
        var entry: Entry = (UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits), since.nanoseconds)
        let size = MemoryLayout<Entry>.size
        guard pwrite(lock, &entry, size, Self.offset(address)) == size else {
            throw StoreError(operation: "note the release of \(address)", code: errno)
        }
    }

    func restsSince(_ address: IPAddress) -> Instant? {
        var entry: Entry = (0, 0, 0)
        let size = MemoryLayout<Entry>.size
        guard pread(lock, &entry, size, Self.offset(address)) == size, entry.time > 0,
            Self.address(entry, address.family) == address
        else { return nil }
        return Instant(nanoseconds: entry.time)
    }

    func rests() -> [(address: IPAddress, since: Instant)] {
        let descriptor = lock >= 0 ? dup(lock) : clinux_open("\(path)/\(StoreName.lock)", O_RDONLY, 0)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return AddressFamily.allCases.flatMap { family in
            let entries = [Entry](unsafeUninitializedCapacity: Self.places) { buffer, count in
                let bytes = Self.places * MemoryLayout<Entry>.stride
                let got = pread(descriptor, buffer.baseAddress, bytes, off_t(Self.base(family)))
                count = max(0, got) / MemoryLayout<Entry>.stride
            }
            return entries.filter { $0.time > 0 }.map {
                (Self.address($0, family), Instant(nanoseconds: $0.time))
            }
        }
    }

    private static func address(_ entry: Entry, _ family: AddressFamily) -> IPAddress {
        IPAddress(leftAligned: UInt128(entry.high) << 64 | UInt128(entry.low), family: family)
    }
}
