import ControlAPI
import Dispatch
import NetTypes
import Netlink
import Synchronization

/// Health: every part is asked, and has a moment to answer.
extension ControlAnswers {
    /// The longest that a loop in good health can take.
    private static let patience = DispatchTimeInterval.seconds(3)

    /// Whether each loop answers.
    func loopChecks() async -> [CheckDocument] {
        // Whether a peer is there is no matter here: an agent that is restarted for that loses what it still has.
        var checks = [await check("loop agent") { _ = await agent.sequence }]
        guard checks.allSatisfy(\.ok) else { return checks }
        if let speaker = await agent.speaker {
            checks.append(await check("loop speaker") { _ = await speaker.isQuiet })
        } else {
            checks.append(CheckDocument("loop speaker", ok: false, "not started yet"))
        }
        if let kernel = await agent.kernel {
            checks.append(await check("loop kernel") { _ = await kernel.counters() })
        } else {
            checks.append(CheckDocument("loop kernel", ok: false, "not started yet"))
        }
        if let bfd = await agent.bfd { checks.append(await check("loop bfd") { _ = await bfd.snapshot() }) }
        for peer in await agent.peers {
            checks.append(await check("loop peer \(peer.settings.name)") { _ = await peer.loop.status() })
        }
        return checks
    }

    /// Health, and whether the node carries traffic.
    func readyChecks() async -> [CheckDocument] {
        let loops = await loopChecks()
        guard loops.allSatisfy(\.ok) else { return loops }
        var checks = loops
        do {
            let count = try LibnlSocket().links().count
            checks.append(CheckDocument("kernel", ok: true, "\(count) links read"))
        } catch {
            checks.append(CheckDocument("kernel", ok: false, "links cannot be read: \(error)"))
        }
        let sessions = await sessions(await agent.peers)
        let up = sessions.filter(\.isEstablished).count
        checks.append(
            CheckDocument("sessions", ok: up > 0 || sessions.isEmpty, "\(up) of \(sessions.count) established"))
        let sequence = await agent.sequence
        let conflicts = await agent.conflicts
        let conflict = conflicts.first.map(\.description) ?? "nobody else announces them"
        checks.append(CheckDocument("podCIDRs", ok: conflicts.isEmpty, conflict))
        checks.append(CheckDocument("start", ok: sequence.isReady, sequence.text))
        let farewell = await agent.drainState.state
        checks.append(CheckDocument("drain", ok: farewell == .serving, farewell.rawValue))
        return checks
    }

    private func check(_ name: String, _ ask: @escaping @Sendable () async -> Void) async -> CheckDocument {
        let answers = await withCheckedContinuation { continuation in
            let once = Once(continuation)
            // A loop that hangs keeps its question; the answer here does not wait for it.
            Task.detached {
                await ask()
                once.resume(true)
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { once.resume(false) }
        }
        return CheckDocument(name, ok: answers, answers ? "answers" : "does not answer within 3 s")
    }
}

/// Resumes a continuation for whoever comes first.
private final class Once: Sendable {
    private let continuation: Mutex<CheckedContinuation<Bool, Never>?>

    init(_ continuation: CheckedContinuation<Bool, Never>) { self.continuation = Mutex(continuation) }

    func resume(_ value: Bool) {
        let taken = continuation.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        taken?.resume(returning: value)
    }
}
