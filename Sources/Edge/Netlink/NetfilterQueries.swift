import CNetlink
import Glibc

/// Questions to nftables that are asked too often to start the `nft` program for them.
package enum NetfilterQueries {
    // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NFTA_TABLE_NAME, NFPROTO_INET.
    private static let (subsystem, getTable, tableName, inet): (Int, Int, Int, UInt8) = (10, 1, 1, 1)

    /// Whether the calling thread's namespace has a table `inet NAME`.
    package static func hasTable(_ name: String) throws(LibnlError) -> Bool {
        let socket = try LibnlSocket(family: NETLINK_NETFILTER)
        // `nfgenmsg`: family, version, resource (big endian).
        let message = LibnlMessage(
            "get table inet \(name)", type: subsystem << 8 | getTable, header: UInt32(littleEndian: UInt32(inet)))
        message.put(tableName, name)
        do { try socket.perform([message]) } catch {
            if error.code == ENOENT { return false }
            throw error
        }
        return true
    }
}
