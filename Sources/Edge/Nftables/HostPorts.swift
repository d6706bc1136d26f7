import CLinux
import CNIPlugin
import Glibc
import NetTypes
import PodWiring

/// Why host ports are not as they should be.
package enum HostPortProblem: Error, Hashable, Sendable {
    case nft(Nft.Problem)
    /// The mark or the lock of the state directory.
    case file(SystemError)
    /// Another pod has the port.
    case taken(String, by: HostPortOwner)
}

/// The host ports of the node's pods.
///
/// An empty file `STATEDIR/hostports/HOSTNAME` is there before a pod has its first port and until it has none: by it
/// DEL knows without starting `nft` whether there is anything to remove. As the ports, it does not survive a reboot.
/// `lock` beside it is held while the table is changed.
package struct HostPorts: Sendable {
    private let directory: String

    package init(stateDirectory: String) { directory = "\(stateDirectory)/hostports" }

    /// Whether an attachment may have ports.
    package func isMarked(_ hostName: String) -> Bool { access("\(directory)/\(hostName)", F_OK) == 0 }

    /// Gives a pod its ports, all or none. A port of a pod that `isAlive` says is gone is taken over.
    package func open(
        _ ports: [HostPort], for owner: HostPortOwner, isAlive: (HostPortOwner) -> Bool
    ) throws(HostPortProblem) {
        // Before there is a mark, which a DEL without the program could not remove.
        do { try Nft.program() } catch { throw .nft(error) }
        let lock = try Lock(directory, create: true)
        defer { lock.release() }
        try mark(owner.hostName)
        let wanted = HostPortTable.elements(ports, of: owner)
        do { return try Nft.apply(HostPortTable.script(removing: [], adding: wanted)) } catch {
            guard error.isExisting else { throw .nft(error) }
        }
        // Somebody has a port of these: a pod that lives, or what a crash has left.
        let taken = try contents().elements.filter { element in
            wanted.contains { $0.map == element.map && $0.key == element.key } || element.owner == owner
        }
        for element in taken {
            guard let other = element.owner, other != owner, isAlive(other) else { continue }
            throw .taken(Self.words(element.key), by: other)
        }
        try apply(HostPortTable.script(removing: taken, adding: wanted))
    }

    /// Takes a pod's ports away, any number of times, however they came about.
    package func close(_ hostName: String) throws(HostPortProblem) {
        try remove(marks: [hostName]) { $0.hostName == hostName }
    }

    /// Takes away the ports of a network's attachments that are not valid (their host ends' names).
    package func collect(network: String, keep: (_ hostName: String) -> Bool) throws(HostPortProblem) {
        let network = HostPortOwner(hostName: "", network: network).network
        guard !names().isEmpty else { return }
        try remove(marks: []) { $0.network == network && !keep($0.hostName) }
    }

    /// The first of a pod's ports that is not as ADD left it, in words; nil when all are there.
    package func firstDifference(_ ports: [HostPort], of owner: HostPortOwner) throws(HostPortProblem) -> String? {
        guard !ports.isEmpty else { return nil }
        let contents = try contents()
        for element in HostPortTable.elements(ports, of: owner) {
            guard let found = contents.elements.first(where: { $0.map == element.map && $0.key == element.key }) else {
                return "the host port \(Self.words(element.key)) is not in table inet \(HostPortTable.name)"
            }
            if found.value != element.value || found.owner != element.owner {
                return "the host port \(Self.words(element.key)) leads to \(found.value.map(Self.words) ?? "nowhere")"
                    + " instead of \(element.value.map(Self.words) ?? "the pod")"
            }
        }
        return HostPortTable.missingRule(contents)
    }

    /// The marks go while the lock is held: an ADD that waits for it makes its own anew.
    private func remove(marks: [String], where isGone: (HostPortOwner) -> Bool) throws(HostPortProblem) {
        // Without a lock (a directory that is gone, a disk that is read-only) it works all the same.
        let lock = try? Lock(directory, create: false)
        defer { lock?.release() }
        let contents = try contents()
        let gone = contents.elements.filter { $0.owner.map(isGone) ?? false }
        // An empty table is what a script that was cut off leaves.
        if contents.isTable, !gone.isEmpty || contents.elements.isEmpty {
            try apply(HostPortTable.removal(of: gone, from: contents))
        }
        for hostName in marks + gone.compactMap({ $0.owner?.hostName }) { unlink("\(directory)/\(hostName)") }
    }

    private func contents() throws(HostPortProblem) -> HostPortTable.Contents {
        do {
            return try Nft.table(HostPortTable.name).map { HostPortTable.Contents($0) } ?? HostPortTable.Contents()
        } catch {
            throw .nft(error)
        }
    }

    private func apply(_ script: String) throws(HostPortProblem) {
        do { try Nft.apply(script) } catch { throw .nft(error) }
    }

    private func mark(_ hostName: String) throws(HostPortProblem) {
        let path = "\(directory)/\(hostName)"
        let descriptor = clinux_open(path, O_WRONLY | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw .file(SystemError("create \(path)", errno)) }
        Glibc.close(descriptor)
    }

    private func names() -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var result: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix("mlt") { result.append(name) }
        }
        return result
    }

    /// `tcp . 8080` as people read it.
    private static func words(_ key: String) -> String {
        key.split(separator: " ").filter { $0 != "." }.joined(separator: " ")
    }
}

/// The right to change the table, until it is released or the process ends.
private struct Lock {
    private let descriptor: CInt

    init(_ directory: String, create: Bool) throws(HostPortProblem) {
        if create, mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw .file(SystemError("mkdir \(directory)", errno))
        }
        let path = "\(directory)/lock"
        var descriptor = clinux_open(path, O_RDWR | O_CREAT, 0o600)
        if descriptor < 0, errno == EROFS { descriptor = clinux_open(path, O_RDONLY, 0) }
        guard descriptor >= 0 else { throw .file(SystemError("open \(path)", errno)) }
        // `nft` inherits it: when we are killed it goes on, and whoever comes next waits for its end.
        _ = fcntl(descriptor, F_SETFD, 0)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let error = SystemError("lock \(path)", errno)
                close(descriptor)
                throw .file(error)
            }
        }
        self.descriptor = descriptor
    }

    func release() { close(descriptor) }
}
