import ControlAPI
import NetTypes

/// Metrics: few series, about 25 for each peer, and none for a route or a pod.
extension ControlAnswers {
    func metrics() async -> String {
        var text = Exposition()
        let sessions = await sessions(await agent.peers)
        let fib = await counters()
        text.family("build_info", .gauge, "1, with the agent's version.")
        text.sample("build_info", [("version", Version.martlet)], 1)
        text.family("uptime_seconds", .gauge, "Seconds since the agent started.")
        text.sample("uptime_seconds", Int((Instant.now - agent.startTime).wholeSeconds))
        text.family("draining", .gauge, "0 serving, 1 draining, 2 drained.")
        text.sample(
            "draining", [DrainDocument.State.serving: 0, .draining: 1, .drained: 2][await agent.drainState.state] ?? 0)
        text.configuration(await agent.configurationState(), isReady: await agent.sequence.isReady)
        text.podCIDRs(conflicts: await agent.conflicts.count, oldPods: await agent.oldPods.count)
        text.sessions(sessions)
        text.families(sessions)
        text.messages(sessions)
        text.bfd(await bfd())
        text.fib(fib)
        if let leaks = await agent.leaks { text.ipam(await leaks.tally) }
        return text.text
    }

    private func counters() async -> FIBCountersDocument {
        guard await agent.configuration.fib.enabled, let kernel = await agent.kernel else {
            return FIBCountersDocument()
        }
        let (totals, counters) = (await kernel.totals(), await kernel.counters())
        var document = FIBCountersDocument(
            desired: totals.desired, installed: totals.installed, failed: Int(clamping: counters.failed),
            repairs: Int(clamping: counters.healed), resyncs: Int(clamping: counters.readings))
        let troubles = await kernel.troubles()
        document.outranked = troubles.outranked
        document.failedNeighbors = troubles.failedNeighbors
        return document
    }
}

extension Exposition {
    fileprivate func labels(_ session: SessionDocument) -> [(String, String)] {
        [("peer", session.peer), ("peer_as", String(session.asn))]
    }

    /// What is wrong with the node's own prefixes.
    fileprivate mutating func podCIDRs(conflicts: Int, oldPods: Int) {
        family("podcidr_conflicts", .gauge, "Prefixes inside our podCIDRs that somebody else announces.")
        sample("podcidr_conflicts", conflicts)
        family("pods_outside_podcidrs", .gauge, "Pods whose addresses lie in no podCIDR of the node any more.")
        sample("pods_outside_podcidrs", oldPods)
    }

    /// The file, and the way to readiness.
    fileprivate mutating func configuration(_ state: ConfigurationDocument, isReady: Bool) {
        family("config_stale", .gauge, "1 when the file was refused and an earlier configuration is in use.")
        sample("config_stale", state.isStale ? 1 : 0)
        family("config_loaded_timestamp_seconds", .gauge, "When the configuration in use was taken over.")
        sample("config_loaded_timestamp_seconds", Int(state.loadedMilliseconds / 1000))
        family("config_reloads_total", .counter, "Readings of the configuration: applied or refused.")
        sample("config_reloads_total", [("result", "applied")], state.reloads)
        sample("config_reloads_total", [("result", "refused")], state.refusals)
        family("ready", .gauge, "1 once routes are complete and the list of plugins is in place.")
        sample("ready", isReady ? 1 : 0)
    }

    /// State, ups and downs.
    fileprivate mutating func sessions(_ sessions: [SessionDocument]) {
        family("bgp_session_up", .gauge, "1 when the session is established.")
        for session in sessions { sample("bgp_session_up", labels(session), session.isEstablished ? 1 : 0) }
        family(
            "bgp_session_state", .gauge, "1 for the state that the session machine is in (RFC 4271), 0 for the others.")
        for session in sessions {
            for state in SessionStateDocument.allCases {
                sample(
                    "bgp_session_state", labels(session) + [("state", state.rawValue)], session.state == state ? 1 : 0)
            }
        }
        family("bgp_session_uptime_seconds", .gauge, "Seconds since the session came up; 0 when it is down.")
        for session in sessions { sample("bgp_session_uptime_seconds", labels(session), session.uptimeSeconds ?? 0) }
        family("bgp_session_established_total", .counter, "How often the session came up.")
        for session in sessions { sample("bgp_session_established_total", labels(session), session.establishedCount) }
        family("bgp_session_flaps_total", .counter, "How often the established session was lost.")
        for session in sessions { sample("bgp_session_flaps_total", labels(session), session.dropCount) }
    }

    /// Prefixes by peer and family.
    fileprivate mutating func families(_ sessions: [SessionDocument]) {
        family("bgp_prefixes", .gauge, "Prefixes of a peer: received, accepted, rejected, best, or advertised to it.")
        for session in sessions {
            for entry in session.families {
                let kinds = [
                    ("received", entry.received), ("accepted", entry.accepted), ("rejected", entry.rejected),
                    ("best", entry.best), ("advertised", entry.advertised), ("stale", entry.stale),
                ]
                let afi = entry.family == "ipv4-unicast" ? "ipv4" : "ipv6"
                for (kind, count) in kinds {
                    sample("bgp_prefixes", labels(session) + [("afi", afi), ("kind", kind)], count)
                }
            }
        }
    }

    /// Messages by type and direction.
    fileprivate mutating func messages(_ sessions: [SessionDocument]) {
        family("bgp_messages_total", .counter, "BGP messages.")
        for session in sessions {
            for (direction, counts) in [("received", session.messagesReceived), ("sent", session.messagesSent)] {
                let types = [
                    ("open", counts.open), ("update", counts.update), ("notification", counts.notification),
                    ("keepalive", counts.keepalive), ("route_refresh", counts.routeRefresh),
                ]
                for (type, count) in types {
                    sample("bgp_messages_total", labels(session) + [("type", type), ("direction", direction)], count)
                }
            }
        }
    }

    /// Addresses of pods, and what was leaked.
    fileprivate mutating func ipam(_ tally: LeakSweeper.Tally) {
        family("ipam_attachments", .gauge, "Attachments of pods that have addresses.")
        sample("ipam_attachments", tally.attachments)
        family("ipam_leak_candidates", .gauge, "Attachments whose pod has neither a link nor a network namespace.")
        sample("ipam_leak_candidates", tally.suspects)
        family("ipam_unverifiable", .gauge, "Attachments whose network namespace the agent cannot see.")
        sample("ipam_unverifiable", tally.unknown)
        family("ipam_swept_addresses_total", .counter, "Addresses taken back from pods that are gone.")
        sample("ipam_swept_addresses_total", tally.swept)
    }

    /// Desired against installed.
    fileprivate mutating func fib(_ counters: FIBCountersDocument) {
        family("routes_desired", .gauge, "Kernel routes that the agent wants.")
        sample("routes_desired", counters.desired)
        family("routes_installed", .gauge, "Kernel routes of the agent that are there.")
        sample("routes_installed", counters.installed)
        family("route_failures_total", .counter, "Route operations that the kernel refused.")
        sample("route_failures_total", counters.failed)
        family("route_repairs_total", .counter, "Routes put back because somebody else had changed them.")
        sample("route_repairs_total", counters.repairs)
        family("route_resyncs_total", .counter, "Complete readings of the kernel's routes.")
        sample("route_resyncs_total", counters.resyncs)
        family("routes_outranked", .gauge, "Routes of ours that a better one of somebody else's goes before.")
        sample("routes_outranked", counters.outranked ?? 0)
        family("nexthop_neighbors_failed", .gauge, "Next hops in use that do not answer on their link.")
        sample("nexthop_neighbors_failed", counters.failedNeighbors ?? 0)
    }
}
