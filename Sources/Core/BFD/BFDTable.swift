import NetTypes

/// Whom a session is with.
package struct BFDTarget: Hashable, Sendable {
    package let address: IPAddress
    /// Index of the interface that its packets must come by; 0: any.
    package let interface: UInt32
    /// Our address; nil: any.
    package let localAddress: IPAddress?
    /// Over more than one hop (RFC 5883), and so on another port.
    package let isMultihop: Bool

    package init(address: IPAddress, interface: UInt32 = 0, localAddress: IPAddress? = nil, isMultihop: Bool = false) {
        self.address = address
        self.interface = interface
        self.localAddress = localAddress
        self.isMultihop = isMultihop
    }
}

/// What IP said of a packet.
package struct BFDArrival: Hashable, Sendable {
    package let source: IPAddress
    package let destination: IPAddress
    /// Index of the interface that it came by.
    package let interface: UInt32
    /// TTL or hop limit as it came.
    package let hopLimit: UInt8
    /// It came to the port of sessions over more than one hop.
    package let isMultihop: Bool

    package init(source: IPAddress, destination: IPAddress, interface: UInt32, hopLimit: UInt8, isMultihop: Bool) {
        self.source = source
        self.destination = destination
        self.interface = interface
        self.hopLimit = hopLimit
        self.isMultihop = isMultihop
    }
}

/// All sessions of a node: finds the session of a packet, and the one that is due. Names them by their discriminators.
package struct BFDTable: Sendable {
    /// What is to be done after a call.
    package struct Step: Sendable {
        package let discriminator: UInt32
        package let change: BFDChange?
        /// The octets to be sent now, if any.
        package let packet: [UInt8]?
    }

    private struct Slot: Sendable {
        let target: BFDTarget
        var session: BFDSession
        /// The entry in the heap that counts.
        var scheduled: Instant?
    }

    private struct Address: Hashable {
        let address: IPAddress
        let isMultihop: Bool
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var places: [UInt32: Int] = [:]
    /// For packets whose sender does not know our discriminator yet.
    private var neighbors: [Address: [Int]] = [:]
    private var heap = DeadlineHeap()
    private var random: SplitMix
    private var writer = ByteWriter(capacity: 64)
    /// Datagrams that were no packets, and packets of nobody that we know.
    package private(set) var malformed: UInt64 = 0
    package private(set) var strangers: UInt64 = 0

    /// `seed` drives discriminators and jitter.
    package init(seed: UInt64) { random = SplitMix(seed: seed) }

    package var count: Int { places.count }

    // MARK: Sessions

    /// Adds a session, whose first packet is due at once; returns its discriminator.
    package mutating func add(
        _ target: BFDTarget, _ settings: BFDSettings, key: PacketKey?, at now: Instant
    ) -> UInt32 {
        var discriminator: UInt32 = 0
        // RFC 5880 section 6.8.1: unique, not zero, and better not guessed.
        while discriminator == 0 || places[discriminator] != nil {
            discriminator = UInt32(truncatingIfNeeded: random.next())
        }
        let session = BFDSession(settings, key: key, discriminator: discriminator, seed: random.next(), at: now)
        let slot = Slot(target: target, session: session)
        let place: Int
        if let old = free.popLast() {
            place = old
            slots[place] = slot
        } else {
            place = slots.count
            slots.append(slot)
        }
        places[discriminator] = place
        neighbors[Address(address: target.address, isMultihop: target.isMultihop), default: []].append(place)
        reschedule(place)
        return discriminator
    }

    /// Forgets a session; the peer is told nothing.
    package mutating func remove(_ discriminator: UInt32) {
        guard let place = places.removeValue(forKey: discriminator) else { return }
        let target = slots[place].target
        let address = Address(address: target.address, isMultihop: target.isMultihop)
        neighbors[address]?.removeAll { $0 == place }
        if neighbors[address]?.isEmpty == true { neighbors[address] = nil }
        // Nothing in the heap counts for it any more.
        slots[place].scheduled = nil
        free.append(place)
    }

    package func session(_ discriminator: UInt32) -> BFDSession? { places[discriminator].map { slots[$0].session } }

    package mutating func change(
        _ discriminator: UInt32, _ settings: BFDSettings, key: PacketKey?, at now: Instant
    ) {
        guard let place = places[discriminator] else { return }
        slots[place].session.change(settings, key: key, at: now)
        reschedule(place)
    }

    package mutating func setEnabled(_ discriminator: UInt32, _ isEnabled: Bool, at now: Instant) -> Step? {
        guard let place = places[discriminator] else { return nil }
        return finish(place, slots[place].session.setEnabled(isEnabled, at: now), at: now)
    }

    /// A packet of a session out of turn.
    package mutating func packet(_ discriminator: UInt32, at now: Instant) -> [UInt8]? {
        guard let place = places[discriminator] else { return nil }
        defer { reschedule(place) }
        return slots[place].session.nextPacket(isFinal: false, into: &writer, at: now)
    }

    // MARK: Packets and time

    /// A datagram has come to one of the ports.
    package mutating func receive(_ bytes: RawSpan, _ arrival: BFDArrival, at now: Instant) -> Step? {
        let packet: ControlPacket
        do throws(ControlPacket.Flaw) {
            packet = try ControlPacket.decode(bytes)
        } catch {
            malformed += 1
            return nil
        }
        guard let place = place(of: packet, arrival) else {
            strangers += 1
            return nil
        }
        do throws(BFDSession.Refusal) {
            let reaction = try slots[place].session.receive(packet, bytes, hopLimit: arrival.hopLimit, at: now)
            return finish(place, reaction, at: now)
        } catch {
            return nil
        }
    }

    /// Does one thing that is due; to be called until it returns nil.
    package mutating func tick(at now: Instant) -> Step? {
        while let first = heap.first, first.when <= now {
            heap.removeFirst()
            let place = first.place
            guard slots[place].scheduled == first.when else { continue }
            slots[place].scheduled = nil
            // What was received has moved it.
            guard let due = slots[place].session.nextDeadline, due <= now else {
                reschedule(place)
                continue
            }
            if let step = finish(place, slots[place].session.tick(at: now), at: now) { return step }
        }
        return nil
    }

    /// When `tick` must be called next.
    package var nextDeadline: Instant? { heap.first?.when }

    /// By discriminator where the packet has ours (RFC 5880 section 6.3), by addresses and interface where it has none
    /// yet (RFC 5881 section 3); a known discriminator from somewhere else is nobody's.
    private func place(of packet: ControlPacket, _ arrival: BFDArrival) -> Int? {
        if packet.peerDiscriminator != 0 {
            return places[packet.peerDiscriminator].flatMap { slots[$0].target.matches(arrival) ? $0 : nil }
        }
        let address = Address(address: arrival.source, isMultihop: arrival.isMultihop)
        return neighbors[address]?.first { slots[$0].target.matches(arrival) }
    }

    private mutating func finish(_ place: Int, _ reaction: BFDSession.Reaction, at now: Instant) -> Step? {
        defer { reschedule(place) }
        guard reaction.sends || reaction.change != nil else { return nil }
        let packet =
            reaction.sends
            ? slots[place].session.nextPacket(isFinal: reaction.isFinal, into: &writer, at: now) : nil
        return Step(
            discriminator: slots[place].session.discriminator, change: reaction.change, packet: packet)
    }

    /// A deadline that came nearer is entered anew; one that went away is met at its old place.
    private mutating func reschedule(_ place: Int) {
        guard let deadline = slots[place].session.nextDeadline else { return slots[place].scheduled = nil }
        if let scheduled = slots[place].scheduled, scheduled <= deadline { return }
        slots[place].scheduled = deadline
        heap.push(deadline, place)
        if heap.count > 64 + 4 * slots.count { rebuildHeap() }
    }

    /// A peer that asks for ever shorter intervals must not fill memory with what is not true any more.
    private mutating func rebuildHeap() {
        heap = DeadlineHeap()
        for (place, slot) in slots.enumerated() {
            if let scheduled = slot.scheduled { heap.push(scheduled, place) }
        }
    }
}

extension BFDTarget {
    fileprivate func matches(_ arrival: BFDArrival) -> Bool {
        address == arrival.source && isMultihop == arrival.isMultihop
            && (interface == 0 || interface == arrival.interface)
            && (localAddress == nil || localAddress == arrival.destination)
    }
}
