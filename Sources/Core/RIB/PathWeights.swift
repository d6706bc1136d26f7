import BGPWire

/// The shares of the paths of one ECMP set.
///
/// A weight that a policy gives counts as it stands, and paths without one have 1. Otherwise the link bandwidth
/// communities decide, if every path has one: a path of unknown width could be given too much.
struct PathWeights {
    private var given: [UInt16] = []
    private var bandwidths: [Float] = []

    mutating func add(_ attributes: PathAttributes) {
        given.append(attributes.weight)
        bandwidths.append(Float(bitPattern: attributes.summary.linkBandwidth))
    }

    /// 1...256 for each path in the order of `add`, in lowest terms.
    var relative: [UInt16] {
        guard given.count > 1 else { return given.map { _ in 1 } }
        if given.contains(where: { $0 > 0 }) { return reduced(given.map { max(1, min($0, 256)) }) }
        guard let widest = bandwidths.max(), bandwidths.allSatisfy({ $0 > 0 }) else { return given.map { _ in 1 } }
        return reduced(bandwidths.map { UInt16(max(1, ($0 / widest * 256).rounded())) })
    }

    private func reduced(_ weights: [UInt16]) -> [UInt16] {
        var divisor: UInt16 = 0
        for weight in weights {
            var (a, b) = (divisor, weight)
            while b != 0 { (a, b) = (b, a % b) }
            divisor = a
        }
        return divisor > 1 ? weights.map { $0 / divisor } : weights
    }
}
