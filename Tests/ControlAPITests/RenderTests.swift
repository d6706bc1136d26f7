import ControlAPI
import Testing

/// Golden outputs: what an operator sees.
struct RenderTests {
    @Test func `sessions`() {
        #expect(
            Render.sessions(Canned.sessions) == """
                PEER   ADDRESS         AS  STATE         SINCE  FAMILY     RECEIVED  ACCEPTED  BEST  ADVERTISED  INFO
                tor-1  192.0.2.1    65001  Established  12m07s  ipv4             12         9     8           1  3 rejected
                tor-1  192.0.2.1    65001  Established  12m07s  ipv6              9         9     9           1  2 stale, no End-of-RIB yet
                tor-2  2001:db8::2  65002  Connect       1h06m  ipv4,ipv6         -         -     -           -  connection refused (3s ago)
                lab    192.0.2.3    64601  Active           5s  ipv4              -         -     -           -  waiting for the peer to connect

                """)
    }

    @Test func `sessions, wide`() {
        #expect(
            Render.sessions(Canned.sessions, wide: true) == """
                PEER   ADDRESS         AS  STATE         SINCE  FAMILY     RECEIVED  ACCEPTED  BEST  ADVERTISED  LOCAL ADDRESS  ROUTER ID  HOLD  MSG IN  MSG OUT  UPS  DOWNS  INFO
                tor-1  192.0.2.1    65001  Established  12m07s  ipv4             12         9     8           1  192.0.2.10     10.0.0.1    90s      54       37    2      1  3 rejected
                tor-1  192.0.2.1    65001  Established  12m07s  ipv6              9         9     9           1  192.0.2.10     10.0.0.1    90s      54       37    2      1  2 stale, no End-of-RIB yet
                tor-2  2001:db8::2  65002  Connect       1h06m  ipv4,ipv6         -         -     -           -  -              -           90s       0        0    0      0  connection refused (3s ago)
                lab    192.0.2.3    64601  Active           5s  ipv4              -         -     -           -  -              -            0s       0        0    0      0  waiting for the peer to connect

                """)
    }

    @Test func `one session`() {
        #expect(
            Render.session(Canned.torUp) == """
                Peer tor-1, AS 65001, external

                  State       Established for 12m07s; came up 2 times, went down 1 time
                  Last error  peer said: Cease/Administrative Shutdown: "rack move ticket 42" (NOTIFICATION 6/2), 12m10s ago
                  Addresses   192.0.2.10 (ours), 192.0.2.1 (peer's)
                  AS numbers  64601 (ours), 65001 (peer's)
                  Router id   10.0.0.1
                  Hold time   90s
                  Keepalives  every 30s
                  Timers      hold in 1m15s, keepalive in 12s

                  CAPABILITY             SENT  RECEIVED
                  ipv4-unicast           yes   yes
                  ipv6-unicast           yes   yes
                  route refresh          yes   yes
                  graceful restart 120s  yes   no
                  add-path               no    yes

                  FAMILY  NEGOTIATED  RECEIVED  ACCEPTED  REJECTED  BEST  ADVERTISED  STALE  END-OF-RIB
                  ipv4    yes               12         9         3     8           1      0  received, sent
                  ipv6    yes                9         9         0     9           1      2  sent

                  MESSAGES  OPEN  UPDATE  NOTIFICATION  KEEPALIVE  ROUTE-REFRESH  TOTAL
                  received     2      21             1         30              0     54
                  sent         2       4             0         31              0     37

                """)
    }

    @Test func `one session that is down`() {
        #expect(
            Render.session(Canned.torRefused) == """
                Peer tor-2, AS 65002, external

                  State       Connect for 1h06m; never was up
                  Last error  connection refused, 3s ago
                  Addresses   any (ours), 2001:db8::2 (peer's)
                  AS numbers  64601 (ours), 65002 (peer's)
                  Router id   not known yet
                  Hold time   90s
                  Keepalives  every 30s

                  FAMILY  NEGOTIATED  RECEIVED  ACCEPTED  REJECTED  BEST  ADVERTISED  STALE  END-OF-RIB
                  ipv4    no                 0         0         0     0           0      0  none
                  ipv6    no                 0         0         0     0           0      0  none

                  MESSAGES  OPEN  UPDATE  NOTIFICATION  KEEPALIVE  ROUTE-REFRESH  TOTAL
                  received     0       0             0          0              0      0
                  sent         0       0             0          0              0      0

                """)
    }

    @Test func `routes`() {
        #expect(
            Render.routes(Canned.routes) == """
                PREFIX         NEXT HOP   PEER   AS PATH              AGE  STATE             REASON
                10.244.2.0/24  192.0.2.1  tor-1  65001 64602        1m01s  best              best: shortest AS path (2 against 3)
                10.244.2.0/24  192.0.2.2  tor-2  65002 65001 64602  1d01h  candidate, stale  its AS path is longer (3 against 2)
                0.0.0.0/0      192.0.2.1  tor-1  -                     5s  rejected          a default route, and import.allowDefault is false
                2 more not shown.

                """)
    }

    @Test func `routes, wide`() {
        #expect(
            Render.routes(Canned.routes, wide: true) == """
                PREFIX         NEXT HOP   PEER   AS PATH            ORIGIN      LOCAL PREF  MED  COMMUNITIES            AGE  STATE             REASON
                10.244.2.0/24  192.0.2.1  tor-1  65001 64602        igp                100    -  65001:100 65001:1:2  1m01s  best              best: shortest AS path (2 against 3)
                10.244.2.0/24  192.0.2.2  tor-2  65002 65001 64602  igp                100    5  -                    1d01h  candidate, stale  its AS path is longer (3 against 2)
                0.0.0.0/0      192.0.2.1  tor-1  -                  incomplete           -    -  -                       5s  rejected          a default route, and import.allowDefault is false
                2 more not shown.

                """)
    }

    @Test func `fib`() {
        #expect(
            Render.fib(Canned.fib) == """
                PREFIX         DESIRED                                         INSTALLED               STATUS     DETAIL
                10.244.1.0/24  unreachable                                     as desired              installed
                10.244.2.0/24  via 192.0.2.1 dev eth0, via 192.0.2.2 dev eth1  via 192.0.2.1 dev eth0  pending
                10.244.3.0/24  via 192.0.2.9                                   -                       failed     network is unreachable

                3 routes desired, 1 installed, 1 failed; 1 repair, 2 full readings of the kernel

                """)
    }

    @Test func `pods`() {
        #expect(
            Render.pods(Canned.pods) == """
                NAMESPACE    POD    ADDRESSES                     HOST LINK       CONTAINER     STATE
                default      web-0  10.244.1.2, fd00:10:244:1::2  mlt0123456789a  0123456789ab  up
                kube-system  dns    10.244.1.3                    mltfeedfeedfee  feed          no route to 10.244.1.3

                """)
    }

    @Test func `pods, wide`() {
        #expect(
            Render.pods(Canned.pods, wide: true) == """
                NAMESPACE    POD    ADDRESSES                     HOST LINK       POD LINK  CONTAINER             STATE
                default      web-0  10.244.1.2, fd00:10:244:1::2  mlt0123456789a  eth0      0123456789abcdef0123  up
                kube-system  dns    10.244.1.3                    mltfeedfeedfee  -         feed                  no route to 10.244.1.3

                """)
    }

    @Test func `status`() {
        #expect(
            Render.status(Canned.status) == """
                Node       node-a
                Router id  192.0.2.10
                AS         64601
                Pod CIDRs  10.244.1.0/24, fd00:10:244:1::/64
                Sessions   1 of 3 established
                Agent      martletd 0.1.0, pid 1234, up 1d02h
                Libraries  libcurl 7.88.1, libnl 3.7.0

                """)
    }

    @Test func `empty documents say what that means`() {
        #expect(
            Render.sessions(SessionsDocument(sessions: []))
                == "No peers are configured: add them under bgp.peers in martletd.yaml.\n")
        #expect(Render.routes(RoutesDocument(routes: [])) == "No routes.\n")
        #expect(Render.pods(PodsDocument(pods: [])) == "No pods of this network on this node.\n")
        let off = FIBDocument(routes: [], counters: FIBCountersDocument(), enabled: false)
        #expect(Render.fib(off) == "The kernel is left alone: the configuration says fib.enabled: false.\n")
    }

    @Test func `a peer cannot write to the operator's terminal`() {
        var session = Canned.torRefused
        session.lastError = SessionErrorDocument(
            direction: .received, code: 6, subcode: 2, text: "bye\u{1b}[2J\u{9b}\nroot#", secondsAgo: 1)
        for text in [Render.sessions(SessionsDocument(sessions: [session])), Render.session(session)] {
            #expect(text.contains("bye\u{fffd}[2J\u{fffd}\u{fffd}root#"))
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
        }
    }

    @Test func `a family that the peer did not offer is shown as such`() {
        var session = Canned.torUp
        session.families = [SessionFamilyDocument(family: "ipv6-unicast", negotiated: false)]
        let row = Render.sessions(SessionsDocument(sessions: [session])).split(separator: "\n").last
        #expect(row?.hasSuffix("not offered by the peer") == true)
    }
}
