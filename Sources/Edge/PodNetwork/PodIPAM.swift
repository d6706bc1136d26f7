import CNIPlugin
import Glibc
import PodAddresses

/// Who gives a pod its addresses: our own IPAM within this process, or a plugin that is executed as the specification
/// says. Both give equal answers; starting a process is most of what an executed one costs.
package struct PodIPAM {
    private enum Way {
        case within
        case executed(Delegate)
    }

    private let request: Request
    private let way: Way

    /// Code 7 when no IPAM is named, 5 when its executable cannot be found. `"inProcess": false` in `ipam` has our own
    /// executed too.
    package init(_ request: Request) throws(PluginError) {
        self.request = request
        let isOurs = request.config.ipam?["type"]?.string == "martlet-ipam"
        way =
            isOurs && request.config.ipam?["inProcess"] != .bool(false)
            ? .within : .executed(try Delegate.ipam(request))
    }

    /// The IPAM of a verb that also works without one; nil when none is named.
    static func ifNamed(_ request: Request) throws(PluginError) -> PodIPAM? {
        request.config.ipam?["type"] == nil ? nil : try PodIPAM(request)
    }

    /// Has addresses given, at least one; code 105 when an executed plugin's answer has none.
    @discardableResult
    package func allocate() throws(PluginError) -> AttachmentResult {
        switch way {
        case .within: try IPAMPlugin().allocate(request)
        case .executed(let delegate): try delegate.allocate()
        }
    }

    /// Whether the addresses are still this attachment's: a DEL that came while ADD was at work has taken them back.
    /// Of an executed plugin this is taken for granted.
    package func isStillReserved() throws(PluginError) -> Bool {
        switch way {
        case .within: try IPAMPlugin().hasReservation(request)
        case .executed: true
        }
    }

    /// Compares the reservation with the previous result.
    package func check() throws(PluginError) {
        switch way {
        case .within: try IPAMPlugin().check(request)
        case .executed(let delegate): try delegate.run(.check)
        }
    }

    /// Takes the addresses back, any number of times. A store that cannot be written keeps its record, for a later DEL
    /// or GC: the pod must be able to go.
    package func release() throws(PluginError) {
        switch way {
        case .within:
            do { try IPAMPlugin().del(request) } catch {
                guard let directory = try? IPAMConfig(request).directory, access(directory, W_OK) != 0, errno == EROFS
                else { throw error }
                PluginProcess.log("the address stays taken: \(error)")
            }
        case .executed(let delegate): try delegate.run(.del)
        }
    }

    /// Whether an address could be given now; a plugin without the verb counts as ready.
    package func status() throws(PluginError) {
        switch way {
        case .within: try IPAMPlugin().status(request)
        case .executed(let delegate): try delegate.runIfKnown(.status)
        }
    }

    /// Takes back what the list of valid attachments does not have.
    package func collect() throws(PluginError) {
        switch way {
        case .within: try IPAMPlugin().gc(request)
        case .executed(let delegate): try delegate.runIfKnown(.gc)
        }
    }
}
