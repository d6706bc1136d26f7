import BGPSession
import DispatchIO
import NetTypes
import RIB

/// What was last seen of a peer's password file.
struct PasswordWatch {
    var stamp: TCPKey.Stamp?
    /// Whose calls must be signed with it.
    var reach: Prefix
    /// Where it was read.
    var source: TCPSecret.Source
    /// The keys that the listener was given, where they are keys of TCP-AO.
    var keys: [TCPAOKeys.Identifiers] = []
    /// Why it gives no key; nil: its key is in use.
    var problem: String?
}

extension Agent {
    /// How soon a changed password is noticed without SIGHUP where its directory cannot be watched. Looking at files by
    /// name finds also those behind links that are exchanged, as Kubernetes does with secrets.
    private static let passwordCheckTime = Duration.seconds(1)
    /// The same where it is watched: for file systems that others write to, which tell nothing.
    private static let rareCheckTime = Duration.seconds(30)

    /// A password file and who is called with it: one peer, or all that may call from a range.
    private struct KeyHolder {
        let name: String
        let source: TCPSecret.Source
        let reach: Prefix
        let loops: [PeerLoop]
    }

    /// Those whose place is known: only they can be called or call.
    private var keyHolders: [KeyHolder] {
        let single = peers.filter { $0.template == nil }.compactMap { peer -> KeyHolder? in
            guard let source = peer.settings.secret, let address = peer.place.target?.address else { return nil }
            return KeyHolder(name: peer.settings.name, source: source, reach: Prefix(host: address), loops: [peer.loop])
        }
        let ranges = configuration.bgp.peers.compactMap { entry -> KeyHolder? in
            guard let source = entry.secret, let range = entry.location.range else { return nil }
            let loops = peers.filter { $0.template == entry }.map(\.loop)
            return KeyHolder(name: entry.name, source: source, reach: range, loops: loops)
        }
        return single + ranges
    }

    /// Makes the listener and live connections use what is in the password files now.
    func readPasswords() {
        let holders = keyHolders
        for (name, watch) in passwords {
            let holder = holders.first { $0.name == name }
            if holder?.reach == watch.reach, holder?.source == watch.source { continue }
            passwords[name] = nil
            let isTaken = holders.contains { $0.reach == watch.reach && $0.source.algorithm == watch.source.algorithm }
            if !isTaken { forgetKey(watch) }
        }
        for holder in holders { readPassword(holder) }
        let files = configuration.bgp.peers.compactMap { $0.secret?.file }
        guard !files.isEmpty else {
            passwordTimer?.arm(nil, at: .now)
            return
        }
        let isWatched = watchPasswords(files)
        let timer =
            passwordTimer
            ?? LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.readPasswords() } }
        passwordTimer = timer
        timer.arm(.now + (isWatched ? Self.rareCheckTime : Self.passwordCheckTime), at: .now)
    }

    /// False where nobody tells of changes.
    private func watchPasswords(_ files: [String]) -> Bool {
        if passwordWatcher == nil {
            passwordWatcher = try? FileWatcher(queue: executor.queue) { [weak self] in
                self?.assumeIsolated { $0.readPasswords() }
            }
        }
        return passwordWatcher?.watch(files) ?? false
    }

    /// As above for one peer, which must know its password before it may be called. An earlier key stays when a file
    /// gives none: a session without password is never the answer.
    private func readPassword(_ holder: KeyHolder) {
        // Before the key is read: a change in between is then seen next time.
        let file = holder.source.file
        let stamp = TCPKey.Stamp(file: file)
        let known = passwords[holder.name]
        if let known, known.stamp == stamp { return }
        var watch = PasswordWatch(stamp: stamp, reach: holder.reach, source: holder.source, keys: known?.keys ?? [])
        watch.problem = useKey(of: holder, &watch.keys, isNew: known == nil)
        if let problem = watch.problem, problem != known?.problem {
            LogLine.password(peer: holder.name, file: file, problem).log(to: logger)
        }
        if stamp?.isReadableByOthers == true, known?.stamp?.isReadableByOthers != true {
            LogLine.password(peer: holder.name, file: file, "every user can read it").log(to: logger)
        }
        passwords[holder.name] = watch
    }

    /// What went wrong, in words.
    private func useKey(
        of holder: KeyHolder, _ keys: inout [TCPAOKeys.Identifiers], isNew: Bool
    ) -> String? {
        do throws(TCPKey.Problem) {
            let secret = try TCPSecret(holder.source)
            do throws(SystemError) {
                try listener?.setSecret(secret, for: holder.reach, replacing: keys)
                keys = secret.identifiers
            } catch {
                return error.description
            }
        } catch {
            return error.description
        }
        if !isNew {
            for loop in holder.loops { loop.post { $0.changeKey() } }
            LogLine.passwordChanged(peer: holder.name, file: holder.source.file).log(to: logger)
        }
        return nil
    }

    /// Nobody is there any more: these addresses may call as they like, and are refused.
    private func forgetKey(_ watch: PasswordWatch) {
        do throws(SystemError) {
            try listener?.setSecret(nil, for: watch.reach, replacing: watch.keys)
        } catch {
            LogLine.setting("the listener's TCP keys", failed: error.description).log(to: logger)
        }
    }

    /// Where every peer has TTL security, calls from further away than all of them are not even answered.
    func secureListener() {
        let limits = configuration.bgp.peers.map { $0.tcpOptions(configuration.bgp).minimumHopLimit }
        do throws(SystemError) {
            try listener?.setMinimumHopLimit(limits.min() ?? 0)
        } catch {
            LogLine.setting("the listener's hop limit", failed: error.description).log(to: logger)
        }
    }
}
