import ControlAPI
import Dispatch
import Glibc
import Synchronization

/// The last 1,000 events of each session, for `martletctl history`; also in files of the state directory, so that the
/// next run knows them. Any loop may write.
final class HistoryBook: Sendable {
    /// Events kept of a peer.
    static let limit = 1000
    /// What happens again within so many events is counted there: a peer that is away goes in circles for days.
    private static let repeats = 4
    /// Largest file that is read.
    private static let largestFile = 4 << 20

    /// Peers write some of the texts.
    private let longestText = 600

    private struct State {
        var events: [String: [SessionEventDocument]] = [:]
        /// Peers whose file is older than their events.
        var dirty: Set<String> = []
        var directory: String?
        var isWriteQueued = false
        /// When files were last written; nil: not yet.
        var lastWrite: DispatchTime?
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "martlet.history")

    /// Files go into `directory` from now on; those of an earlier run are read when their peer is first mentioned.
    func open(in directory: String) { state.withLock { $0.directory = directory } }

    /// Octets of messages that are kept of a peer; the oldest go first.
    static let messageOctets = 512 << 10

    /// Keeps an event that happens now, with the message that was at fault.
    func note(_ peer: String, _ kind: SessionEventDocument.Kind, _ text: String, message: [UInt8]? = nil) {
        note(peer, kind, text, message: message, at: Self.now)
    }

    /// Keeps an event; `milliseconds` since 1970.
    func note(
        _ peer: String, _ kind: SessionEventDocument.Kind, _ text: String, message: [UInt8]? = nil,
        at milliseconds: Int64
    ) {
        let message = message.map(Self.hex)
        let deadline: DispatchTime? = state.withLock { state in
            if state.events[peer] == nil { state.events[peer] = Self.read(peer, in: state.directory) }
            Self.add(
                kind, String(text.prefix(longestText)), message, at: milliseconds,
                to: &state.events[peer, default: []])
            state.dirty.insert(peer)
            guard state.directory != nil, !state.isWriteQueued else { return nil }
            state.isWriteQueued = true
            return Self.writeTime(after: state.lastWrite, at: .now())
        }
        if let deadline { queue.asyncAfter(deadline: deadline) { [weak self] in self?.flush() } }
    }

    /// When an event is to be in its file: at once, with those that come of the same cause, for the next thing that
    /// happens may be the end of the process; but a burst of events makes one write a second.
    static func writeTime(after last: DispatchTime?, at now: DispatchTime) -> DispatchTime {
        max(now + .milliseconds(20), last.map { $0 + .seconds(1) } ?? now)
    }

    private static func add(
        _ kind: SessionEventDocument.Kind, _ text: String, _ message: String?, at time: Int64,
        to events: inout [SessionEventDocument]
    ) {
        let recent = events.indices.suffix(repeats).last { events[$0].kind == kind && events[$0].text == text }
        if let recent, kind != .up, kind != .down, kind != .agent {
            events[recent].count += 1
            events[recent].lastMilliseconds = time
            return
        }
        events.append(SessionEventDocument(firstMilliseconds: time, kind: kind, text: text))
        if let message {
            events[events.count - 1].message = message
            forgetMessages(in: &events)
        }
        // A tenth at once, so that not every event moves all the others.
        if events.count >= limit + limit / 10 { events.removeFirst(events.count - limit) }
    }

    /// Messages of the newest events stay, up to the limit.
    private static func forgetMessages(in events: inout [SessionEventDocument]) {
        var room = messageOctets * 2
        for index in events.indices.reversed() {
            guard let message = events[index].message else { continue }
            room -= message.utf8.count
            if room < 0 { events[index].message = nil }
        }
    }

    private static func hex(_ octets: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(octets.count * 2)
        for octet in octets { text += [digits[Int(octet >> 4)], digits[Int(octet & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The events of a peer, the oldest first.
    func events(_ peer: String) -> [SessionEventDocument] {
        state.withLock { $0.events[peer, default: []].suffix(Self.limit) }
    }

    /// Lets go of a peer that is none any more: who calls from a range must not fill memory and disk with names.
    func forget(_ peer: String) {
        let directory = state.withLock { state in
            state.events[peer] = nil
            state.dirty.remove(peer)
            return state.directory
        }
        guard let directory else { return }
        // Behind a write that is under way.
        queue.async { unlink(Self.path(peer, in: directory)) }
    }

    /// Writes what is not written, and writes no more.
    func close() {
        flush()
        state.withLock { $0.directory = nil }
    }

    // MARK: files

    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Names of peers have no slash; the prefix keeps `..` from being a directory.
    private static func path(_ peer: String, in directory: String) -> String { "\(directory)/history-\(peer).json" }

    /// A file that is missing, or is not what we write, is no history.
    private static func read(_ peer: String, in directory: String?) -> [SessionEventDocument] {
        guard let directory, let bytes = StateFile.read(path(peer, in: directory), limit: largestFile),
            let document = try? ControlJSON.decode(HistoryDocument.self, from: bytes),
            document.schema == ControlSchema.version, document.peer == peer
        else { return [] }
        return document.events.suffix(limit)
    }

    private func flush() {
        let (directory, documents) = state.withLock { state in
            state.isWriteQueued = false
            state.lastWrite = .now()
            defer { state.dirty = [] }
            return (
                state.directory,
                state.dirty.map { HistoryDocument(peer: $0, events: state.events[$0, default: []].suffix(Self.limit)) }
            )
        }
        guard let directory else { return }
        for document in documents {
            // Nothing depends on these files: one that cannot be written is missed by a person at most.
            guard let bytes = try? ControlJSON.encode(document) else { continue }
            try? StateFile.write(bytes, to: Self.path(document.peer, in: directory))
        }
        // To write JSON takes more of the library than all the rest that an agent does.
        Process.forgetRareCode()
    }
}
