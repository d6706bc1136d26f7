import FIB
import NetTypes

extension Agent {
    /// Says which routes of others have come inside the cluster's prefixes, and which have gone; nobody's route is
    /// touched.
    func tellOverlaps(_ old: [OverlappingRoute], _ new: [OverlappingRoute]) {
        let come = new.filter { !old.contains($0) }
        if let first = come.first {
            LogLine.overlapping(first.description, count: come.count, isOver: false).log(to: logger)
        }
        let gone = old.filter { overlap in !new.contains { $0.route.prefix == overlap.route.prefix } }
        if let first = gone.first {
            LogLine.overlapping(first.description, count: gone.count, isOver: true).log(to: logger)
        }
    }
}

extension OverlappingRoute: CustomStringConvertible {
    /// For people.
    package var description: String {
        let hops = route.nextHops.compactMap(\.gateway).map(\.description)
        let way = hops.isEmpty ? "to nowhere" : "via \(hops.joined(separator: ", "))"
        return "\(route.prefix) \(way), of protocol \(route.protocolID), inside \(inside)"
    }
}
