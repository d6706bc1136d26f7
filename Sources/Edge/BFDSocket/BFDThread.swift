import BFD
import CLinux
import DispatchIO
import Glibc
import NetTypes

/// What lives on the loop's thread and nowhere else: sessions and sockets.
final class BFDThread {
    static let eventTag: UInt32 = 0
    static let timerTag: UInt32 = 1
    private static let firstSocketTag: UInt32 = 2
    /// Datagrams of one socket in one turn: what is due waits no longer.
    private static let datagramsPerTurn = 512
    /// When sockets and keys that could not be had are tried again.
    private static let retryTime = Duration.seconds(1)
    /// How often a goodbye is said that nobody will repeat.
    private static let farewells = 3

    private struct Receiver {
        let fd: CInt
        let place: BFDPort.Place
        var users: Int
    }

    struct Member {
        let name: String
        var order: BFDOrder
        var sender: CInt?
        var hasReceiver = false
        var problem: String?
        /// Where packets go, as the kernel wants it.
        private let destination: sockaddr_storage
        private let destinationLength: socklen_t

        init(name: String, order: BFDOrder) {
            (self.name, self.order) = (name, order)
            let target = order.target
            let port = target.isMultihop ? BFDPort.multihop : BFDPort.singleHop
            let scope = target.address.isLinkLocal ? target.interface : 0
            var storage = sockaddr_storage()
            destinationLength = SocketAddress(target.address, port: port, scope: scope).withSockaddr { from, length in
                withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: .init(start: from, count: Int(length))) }
                return length
            }
            destination = storage
        }

        /// What cannot be sent is as good as lost on the way: BFD is there to notice.
        func send(_ packet: [UInt8]) {
            guard let sender else { return }
            withUnsafePointer(to: destination) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = sendto(sender, packet, packet.count, CInt(MSG_DONTWAIT), address, destinationLength)
                }
            }
        }
    }

    private let poll: CInt
    private let timer: CInt
    private let isPunctual: Bool
    private let onNotice: @Sendable (BFDNotice) -> Void
    private var table = BFDTable(seed: .random(in: .min ... .max))
    private var receivers: [UInt32: Receiver] = [:]
    private var lastTag = firstSocketTag - 1
    private var members: [UInt32: Member] = [:]
    private var names: [String: UInt32] = [:]
    /// Sessions that say goodbye, and until when.
    private var leaving: [UInt32: Instant] = [:]
    private var retry: Instant?
    private var armed: Instant?
    /// The timer has fired, and is readable until it is set anew.
    private var hasFired = false

    init(poll: CInt, timer: CInt, isPunctual: Bool, onNotice: @escaping @Sendable (BFDNotice) -> Void) {
        self.poll = poll
        self.timer = timer
        self.isPunctual = isPunctual
        self.onNotice = onNotice
    }

    // MARK: turns

    func run(_ takeCommands: () -> [BFDLoop.Command]) {
        var tags = [UInt32](repeating: 0, count: 32)
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            let count = clinux_poll_wait(poll, &tags, 32)
            if count < 0 {
                guard errno == EINTR else { return }
                continue
            }
            var hasCommands = false
            for tag in tags.prefix(Int(count)) {
                switch tag {
                case Self.eventTag: hasCommands = true
                case Self.timerTag: hasFired = true
                default: break
                }
            }
            // What has come before a deadline counts, however late we are: so all sockets, whichever woke us.
            for tag in receivers.keys { drain(tag, &buffer) }
            if hasCommands, !obey(takeCommands()) { return }
            tick()
            arm()
        }
    }

    private func drain(_ tag: UInt32, _ buffer: inout [UInt8]) {
        guard let receiver = receivers[tag] else { return }
        let now = Instant.now
        for _ in 0..<Self.datagramsPerTurn {
            var details = clinux_arrival()
            let count = clinux_receive_arrival(receiver.fd, &buffer, buffer.count, &details)
            if count < 0 {
                if errno == EINTR { continue }
                return
            }
            guard let arrival = BFDArrival(details, isMultihop: receiver.place.isMultihop) else { continue }
            let span = buffer.span.bytes.extracting(first: count)
            if let step = table.receive(span, arrival, at: now) { perform(step) }
        }
    }

    private func tick() {
        let now = Instant.now
        while let step = table.tick(at: now) { perform(step) }
        for (discriminator, end) in leaving where end <= now { forget(discriminator) }
        if let due = retry, due <= now {
            retry = nil
            for discriminator in names.values { equip(discriminator, at: now) }
        }
    }

    private func arm() {
        var due = table.nextDeadline ?? .distant
        if let retry { due = min(due, retry) }
        for end in leaving.values { due = min(due, end) }
        if due == armed, !hasFired { return }
        (armed, hasFired) = (due, false)
        // To set it takes an expiration back that nobody has read.
        _ = clinux_timer_arm(timer, due.nanoseconds)
    }

    private func perform(_ step: BFDTable.Step) {
        guard let member = members[step.discriminator] else { return }
        if let change = step.change { member.order.onChange(change) }
        if let packet = step.packet { member.send(packet) }
    }

    // MARK: orders

    /// False: it is over.
    private func obey(_ commands: [BFDLoop.Command]) -> Bool {
        for command in commands {
            switch command {
            case .set(let name, let order): set(name, order)
            case .remove(let name): leave(name)
            case .readKeys: for discriminator in names.values { equip(discriminator, at: .now) }
            case .snapshot(let answer): answer(snapshot())
            case .stop(let isSilent, let answer):
                if !isSilent { sayFarewell() }
                for discriminator in members.keys { forget(discriminator) }
                answer()
                return false
            }
        }
        return true
    }

    private func set(_ name: String, _ order: BFDOrder) {
        let now = Instant.now
        if let discriminator = names[name], let member = members[discriminator] {
            if order.isSamePlace(as: member.order) {
                members[discriminator]?.order = order
                return equip(discriminator, at: now)
            }
            leave(name)
        }
        // Who comes back does not wait for the end of the goodbye: packets would find the wrong session.
        for old in leaving.keys where members[old]?.order.target == order.target { forget(old) }
        let discriminator = table.add(order.target, limited(order.settings), key: nil, at: now)
        members[discriminator] = Member(name: name, order: order)
        names[name] = discriminator
        equip(discriminator, at: now)
    }

    private func limited(_ settings: BFDSettings) -> BFDSettings {
        guard !isPunctual else { return settings }
        var settings = settings
        settings.desiredMinTx = max(settings.desiredMinTx, BFDLoop.slowLimit)
        settings.requiredMinRx = max(settings.requiredMinRx, BFDLoop.slowLimit)
        return settings
    }

    /// Gets a session what it needs, and its settings and key as they are now. Without its key it says nothing: a
    /// session without authentication is never the answer.
    private func equip(_ discriminator: UInt32, at now: Instant) {
        guard var member = members[discriminator] else { return }
        var problem: String?
        var key: PacketKey?
        do throws(SecretOctets.Problem) {
            if let source = member.order.keySource { key = try PacketKey(source) }
        } catch {
            // The key that was good stays; without one nothing is said.
            key = table.session(discriminator)?.key
            problem = "\(member.order.keySource?.file ?? "") \(error)"
        }
        let isReady = member.order.keySource == nil || key != nil
        table.change(discriminator, limited(member.order.settings), key: key, at: now)
        if isReady { openSockets(&member, &problem) }
        if let step = table.setEnabled(discriminator, isReady, at: now) {
            if let change = step.change { member.order.onChange(change) }
            if let packet = step.packet { member.send(packet) }
        }
        if problem != nil { retry = now + Self.retryTime }
        if let problem, problem != member.problem { onNotice(.problem(session: member.name, problem)) }
        member.problem = problem
        members[discriminator] = member
    }

    private func openSockets(_ member: inout Member, _ problem: inout String?) {
        let target = member.order.target
        do throws(SystemError) {
            if !member.hasReceiver {
                try listen(BFDPort.Place(target))
                member.hasReceiver = true
            }
            if member.sender == nil {
                member.sender = try BFDPort.open(target, interfaceName: member.order.interfaceName) {
                    .random(in: .min ... .max)
                }
            }
        } catch {
            let taken = error.code == EADDRINUSE ? ": another BFD daemon runs on this node" : ""
            problem = "\(error)\(taken)"
        }
    }

    private func listen(_ place: BFDPort.Place) throws(SystemError) {
        if let tag = receivers.first(where: { $0.value.place == place })?.key {
            receivers[tag]?.users += 1
            return
        }
        let fd = try BFDPort.listen(place)
        lastTag += 1
        do throws(SystemError) {
            _ = try check("epoll_ctl") { clinux_poll_add(poll, fd, lastTag) }
        } catch {
            close(fd)
            throw error
        }
        receivers[lastTag] = Receiver(fd: fd, place: place, users: 1)
    }

    // MARK: goodbyes

    /// The peer hears AdminDown for as long as it would wait for us (RFC 5880 section 6.8.16).
    private func leave(_ name: String) {
        guard let discriminator = names.removeValue(forKey: name) else { return }
        let now = Instant.now
        if let step = table.setEnabled(discriminator, false, at: now) { perform(step) }
        let session = table.session(discriminator)
        let wait = (session?.transmitInterval ?? .zero) * Int(session?.settings.multiplier ?? 1)
        leaving[discriminator] = now + max(wait, .milliseconds(300))
    }

    private func forget(_ discriminator: UInt32) {
        leaving[discriminator] = nil
        table.remove(discriminator)
        guard let member = members.removeValue(forKey: discriminator) else { return }
        if let fd = member.sender { close(fd) }
        guard member.hasReceiver else { return }
        let place = BFDPort.Place(member.order.target)
        guard let tag = receivers.first(where: { $0.value.place == place })?.key else { return }
        receivers[tag]?.users -= 1
        guard let receiver = receivers[tag], receiver.users == 0 else { return }
        close(receiver.fd)
        receivers[tag] = nil
    }

    private func sayFarewell() {
        for name in names.keys { leave(name) }
        for _ in 1..<Self.farewells {
            for (discriminator, member) in members {
                if let packet = table.packet(discriminator, at: .now) { member.send(packet) }
            }
        }
    }

    private func snapshot() -> BFDSnapshot {
        var snapshot = BFDSnapshot()
        for (name, discriminator) in names {
            guard let member = members[discriminator], let session = table.session(discriminator) else { continue }
            snapshot.sessions.append(
                BFDStatus(
                    name: name, target: member.order.target, interfaceName: member.order.interfaceName,
                    session: session, keySource: member.order.keySource, problem: member.problem))
        }
        snapshot.malformed = table.malformed
        snapshot.strangers = table.strangers
        snapshot.isPunctual = isPunctual
        return snapshot
    }
}

extension Instant {
    /// Never, as far as a timer is concerned.
    fileprivate static let distant = Instant(nanoseconds: .max)
}
