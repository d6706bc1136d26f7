import BGPSession
import DispatchIO
import NetTypes
import RIB

/// What was last seen of a peer's password file.
struct PasswordWatch {
    var stamp: TCPKey.Stamp?
    /// Why it gives no key; nil: its key is in use.
    var problem: String?
}

extension Agent {
    /// How soon a changed password is noticed without SIGHUP. Looking at files by name finds also those behind links
    /// that are exchanged, as Kubernetes does with secrets.
    private static let passwordCheckTime = Duration.seconds(1)

    /// Makes the listener and live connections use what is in the password files now.
    func readPasswords() {
        for peer in peers { readPassword(peer) }
        guard peers.contains(where: { $0.settings.passwordFile != nil }) else {
            passwordTimer?.arm(nil, at: .now)
            return
        }
        let timer =
            passwordTimer
            ?? LoopTimer(queue: executor.queue) { [weak self] in self?.assumeIsolated { $0.readPasswords() } }
        passwordTimer = timer
        timer.arm(.now + Self.passwordCheckTime, at: .now)
    }

    /// As above for one peer, which must know its password before it may be called. An earlier key stays when a file
    /// gives none: a session without password is never the answer.
    func readPassword(_ peer: PeerHandle) {
        guard let path = peer.settings.passwordFile else { return }
        // Before the key is read: a change in between is then seen next time.
        let stamp = TCPKey.Stamp(file: path)
        let known = passwords[peer.id]
        if let known, known.stamp == stamp { return }
        let problem = usePassword(path, for: peer, isNew: known == nil)
        if let problem, problem != known?.problem {
            LogLine.password(peer: peer.settings.name, file: path, problem).log(to: logger)
        }
        if stamp?.isReadableByOthers == true, known?.stamp?.isReadableByOthers != true {
            LogLine.password(peer: peer.settings.name, file: path, "every user can read it").log(to: logger)
        }
        passwords[peer.id] = PasswordWatch(stamp: stamp, problem: problem)
    }

    /// What went wrong, in words.
    private func usePassword(_ path: String, for peer: PeerHandle, isNew: Bool) -> String? {
        do throws(TCPKey.Problem) {
            let key = try TCPKey(file: path)
            do throws(SystemError) {
                try listener?.setKey(key, for: peer.settings.address)
            } catch {
                return error.description
            }
        } catch {
            return error.description
        }
        if !isNew {
            peer.loop.post { $0.changeKey() }
            LogLine.passwordChanged(peer: peer.settings.name, file: path).log(to: logger)
        }
        return nil
    }

    /// The peer is gone: its address may call as it likes, and is refused.
    func forgetPassword(_ peer: PeerHandle) {
        passwords[peer.id] = nil
        guard peer.settings.passwordFile != nil else { return }
        do throws(SystemError) {
            try listener?.setKey(nil, for: peer.settings.address)
        } catch {
            LogLine.setting("the listener's TCP MD5 keys", failed: error.description).log(to: logger)
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
