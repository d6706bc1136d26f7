import FIB
import NetTypes
import Netlink

// The parts of a turn. Each stops at the deadline and says whether it came to its end.
extension KernelLoop {
    // MARK: Reading all routes

    /// Begins to read all routes; `continueReading` goes on. No route is changed until the end.
    func beginReading() {
        needsReading = false
        beginReading(attempt: 1)
    }

    private func beginReading(attempt: Int) {
        ledger.beginReading()
        links.beginReadingRoutes()
        better.beginReading()
        reading = (.ipv4, attempt)
        attemptRead { commands throws(NetlinkError) in
            ledger.readNextHops(try readNextHops(commands))
            try commands.beginRoutes(.ipv4)
        }
    }

    func continueReading(until deadline: Instant) -> Bool {
        while let (family, attempt) = reading {
            guard Self.now() < deadline else { return false }
            attemptRead { commands throws(NetlinkError) in
                var routes: [KernelRoute] = []
                let progress = try commands.readRoutes { routes.append($0) }
                for route in routes {
                    ledger.read(route)
                    better.read(route)
                    links.read(complete(route), owner: configuration.protocolID)
                }
                switch (progress, family) {
                case (.more, _): return
                case (.interrupted, _) where attempt < 4: beginReading(attempt: attempt + 1)
                // What an interrupted reading missed is told by notifications, or by the next reading.
                case (.done, .ipv4), (.interrupted, .ipv4):
                    reading = (.ipv6, attempt)
                    try commands.beginRoutes(.ipv6)
                case (.done, .ipv6), (.interrupted, .ipv6): endReading()
                }
            }
        }
        return true
    }

    private func endReading() {
        reading = nil
        ledger.endReading()
        better.endReading()
        if links.endReadingRoutes() { linksChanged = true }
        followsEchoes = true
        readingEnded()
    }

    private func attemptRead(_ body: (RouteSocket) throws(NetlinkError) -> Void) {
        do throws(NetlinkError) {
            if commands == nil { reopenCommands() }
            guard let commands else { return abandonReading() }
            try body(commands)
        } catch {
            tell(.readFailed(error))
            reopenCommands()
            abandonReading()
        }
    }

    /// Tries again in a second.
    private func abandonReading() {
        reading = nil
        ledger.abandonReading()
        better.abandonReading()
        links.abandonReadingRoutes()
        needsReading = true
        readingEnded()
    }

    // MARK: Notifications

    /// Takes over all notifications that wait.
    func drain(until deadline: Instant) -> Bool {
        guard let monitor else { return true }
        while true {
            do throws(NetlinkError) {
                let now = Self.now()
                guard now < deadline else { return false }
                guard try monitor.read(skipEchoes: !followsEchoes, { take($0, at: now) }) else { break }
            } catch {
                overrun(error)
                // The source calls again while there is something to read, or to complain about.
                guard error.isOverrun else {
                    ledger.drained()
                    return true
                }
            }
        }
        followsEchoes = false
        ledger.drained()
        if ledger.hearsEchoes, hearsEchoesUntil < Self.now() { ledger.hearsEchoes = !monitor.dropEchoes() }
        return true
    }

    /// Somebody else changes routes of ours: for a while every step counts, our own as well. With 100,000 routes on
    /// their way, what we did would otherwise be most of what the kernel has to tell us.
    private func hearEchoes(at now: Instant) {
        followsEchoes = true
        hearsEchoesUntil = now + .seconds(10)
        guard !ledger.hearsEchoes else { return }
        monitor?.hearEchoes()
        ledger.hearsEchoes = true
    }

    private func overrun(_ error: NetlinkError) {
        ledger.countOverrun()
        tell(error.isOverrun ? .overrun : .readFailed(error))
        needsReading = true
        followsEchoes = true
        guard commands != nil else { return }
        do throws(NetlinkError) {
            let before = links
            neighbors = try commands?.neighbors() ?? neighbors
            links = try commands?.topology() ?? links
            links.keepRoutes(of: before)
            linksChanged = true
        } catch {
            tell(.readFailed(error))
            reopenCommands()
        }
    }

    private func take(_ notice: KernelNotice, at now: Instant) {
        switch notice {
        case .link(let observation):
            linksChanged = true
            guard let lost = links.observe(observation) else { return }
            loseNextHops(observation, lost)
            if ledger.depends(on: lost) || links.hasRoute(on: lost) { needsReading = true }
        case .route(let observation, let cause):
            if links.observe(complete(observation), owner: configuration.protocolID) { linksChanged = true }
            guard configuration.enabled else { return }
            noteBetter(observation)
            guard ledger.concerns(observation.route) else { return }
            if cause != .ourselves { hearEchoes(at: now) }
            if ledger.observe(observation, cause: cause, at: now) { needsReading = true }
        case .nextHop(let observation, let cause):
            guard configuration.enabled else { return }
            if cause != .ourselves { hearEchoes(at: now) }
            ledger.observe(observation, cause: cause)
        case .neighbor(let observation):
            guard neighbors.observe(observation), ledger.uses(observation.key) else { return }
            let interface = topology.interface(index: observation.key.interfaceIndex)?.name ?? "?"
            tell(.neighborFailed(observation.key.address, interface: interface))
        }
    }

    // MARK: Routes

    /// Hands the wishes in the inbox to the ledger, then convergence.
    func absorb(until deadline: Instant) -> Bool {
        while absorbed < inbox.count {
            guard Self.now() < deadline else { return false }
            let end = min(absorbed + RouteSocket.batchSize, inbox.count)
            for change in inbox[absorbed..<end] {
                if !better.isEmpty { noteBetter(change) }
                ledger.set(change)
            }
            absorbed = end
        }
        inbox = []
        absorbed = 0
        endLoss()
        if isConverging {
            isConverging = false
            let stale = ledger.converge()
            if stale > 0 { tell(.sweeping(stale)) }
        }
        return true
    }

    /// Carries out what is due.
    func program(until deadline: Instant) -> Bool {
        while true {
            let now = Self.now()
            guard now < deadline else { return false }
            if changeNextHops(at: now) { continue }
            let operations = ledger.nextOperations(limit: RouteSocket.batchSize, at: now)
            for note in ledger.takeNotes() { tally.note(note) }
            guard !operations.isEmpty else {
                // A route that waits for its group is not done, nor is a group that nobody uses any more.
                if changeNextHops(at: now) { continue }
                return true
            }
            perform(operations, at: now)
            for note in ledger.takeNotes() { tally.note(note) }
        }
    }

    private func perform(_ operations: [RouteOperation], at now: Instant) {
        do throws(NetlinkError) {
            if commands == nil { reopenCommands() }
            guard let commands else { return refuse(operations, "the netlink socket cannot be opened", at: now) }
            let failures = try commands.apply(operations)
            for (index, operation) in operations.enumerated() {
                let error = failures[index]
                if ledger.finish(operation, problem: error?.problem, at: now) { needsReading = true }
                if let error, !(operation.isDelete && error.problem.isMissing) {
                    tally.failed(error)
                } else {
                    tally.succeeded(operation)
                }
            }
        } catch {
            tally.failed(error)
            reopenCommands()
            refuse(operations, error.description, at: now)
        }
    }

    /// Nobody knows how these ended: they are tried again after everything was read.
    private func refuse(_ operations: [RouteOperation], _ text: String, at now: Instant) {
        for operation in operations {
            _ = ledger.finish(operation, problem: RouteProblem(text: text), at: now)
        }
        needsReading = true
    }
}
