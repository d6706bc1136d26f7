import CNetlink
import PodWiring

/// The links that DELs have left to the agent: hears of them, and deletes them together.
package final class DeletedLinks {
    private let commands: LibnlSocket
    private let monitor: NetlinkSocket
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// `namespace`: the path of a network namespace, nil for the calling thread's. What is set aside after this returns
    /// is heard of.
    package init(namespace: String? = nil) throws {
        monitor = try .open(groups: [RTNLGRP_LINK.rawValue], namespace: namespace)
        guard let namespace else {
            commands = try LibnlSocket()
            return
        }
        commands = try PodNamespace(path: namespace).inside { () throws(LibnlError) in try LibnlSocket() }
    }

    /// For a Dispatch read source, to be cancelled before `close`.
    package var descriptor: Int32 { monitor.descriptor }

    package func close() { monitor.close() }

    /// Reads what waits; whether a link was set aside, or may have been (notifications were lost).
    package func hasNews() -> Bool {
        var isNews = false
        while true {
            do throws(NetlinkError) {
                guard let count = try monitor.receive(into: &buffer) else { return isNews }
                isNews = tellsOfDeleted(count) || isNews
            } catch {
                // Only an overrun leaves more to read.
                guard error.isOverrun else { return true }
                isNews = true
            }
        }
    }

    private func tellsOfDeleted(_ count: Int) -> Bool {
        let received = buffer
        let bytes = received.span.bytes
        var position = 0
        while let (header, next) = bytes.message(at: position, end: count) {
            position = next
            guard header.type == UInt16(RTM_NEWLINK) else { continue }
            var offset = header.body.lowerBound + MemoryLayout<ifinfomsg>.size
            while let (attribute, next) = bytes.attribute(at: offset, end: header.body.upperBound) {
                offset = next
                if attribute.type == Int(IFLA_GROUP), bytes.number(attribute.value) == PodLink.deletedGroup {
                    return true
                }
            }
        }
        return false
    }

    /// Deletes the links that were set aside and returns how many. One request for all: the kernel then waits for its
    /// readers once. But if somebody else's link is in the group, or one that is in use, each by itself, and not those.
    package func sweep() throws(LibnlError) -> Int {
        let group = try commands.links().filter { $0.group == PodLink.deletedGroup }
        let ours = group.filter(\.isSetAside)
        if ours.count == group.count, ours.count > 1 {
            try commands.deleteLinks(group: PodLink.deletedGroup)
        } else {
            for link in ours { try commands.deleteLink(link) }
        }
        return ours.count
    }
}
