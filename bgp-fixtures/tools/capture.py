#!/usr/bin/env python3
"""Records what real BGP speakers send, as fixtures below bgp-fixtures/captures/. Needs root and the speakers of Debian 12.

  capture.py [bird|frr|gobgp|openbgpd|exabgp|bird-rich|frr-rich|gobgp-rich ...]
  capture.py --martletd PATH [bird|frr|gobgp|openbgpd ...]
  capture.py --unnumbered PATH

Each speaker runs in a network namespace of its own (named after this process) and meets a peer that only says OPEN and
KEEPALIVE. It announces one prefix per family (the rich ones with all capabilities and attributes that the speaker can
be made to send), and is then shut down by its own command line tool. With --martletd the
peer is our own speaker, and both directions of the session are recorded (tcpdump). With --unnumbered the link between
FRR and our speaker has link-local addresses only: IPv4 goes over IPv6 next hops (RFC 8950).
"""
import ctypes, datetime, os, re, shutil, socket, struct, subprocess, sys, tempfile, time

PID = os.getpid()
SPEAKER_NS, PEER_NS = f"cap{PID}s", f"cap{PID}p"
SPEAKER, PEER, SPEAKER_AS, PEER_AS = "10.99.0.1", "10.99.0.2", 65000, 64601
V4, V6, TEXT = "10.244.1.0/24", "fd00:10:244:1::/64", "rack move ticket 42"
OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "captures")
CLONE_NEWNET = 0x40000000
HOME_NS = f"/proc/{PID}/fd/%d" % os.open("/proc/self/ns/net", os.O_RDONLY)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout + done.stderr


def inside(*command): return ["ip", "netns", "exec", SPEAKER_NS, *command]


def write(path, text):
    with open(path, "w") as f: f.write(text)
    return path


# Each returns the commands to start, the command that shuts the peer down, and the version.
def bird(d, more="", suffix=""):
    write(f"{d}/c", f'''router id {SPEAKER};
protocol device {{ }}
protocol static s4 {{ ipv4; route {V4} unreachable; }}
protocol static s6 {{ ipv6; route {V6} unreachable; }}
protocol bgp n {{ local {SPEAKER} as {SPEAKER_AS}; neighbor {PEER} as {PEER_AS}; passive yes; hold time 90;
  graceful restart yes; {more}
  ipv4 {{ import all; export all; next hop self; }}; ipv6 {{ import all; export all; next hop address fd99::1; }}; }}
''')
    version = re.search(r"[\d.]+", run("bird", "--version")).group()
    return ([inside("bird", "-f", "-c", f"{d}/c", "-s", f"{d}/ctl", "-P", f"{d}/pid")], [],
            ["birdc", "-s", f"{d}/ctl", "disable", "n", f'"{TEXT}"'], f"bird-{version}{suffix}")


def frr(d, more="", suffix=""):
    write(f"{d}/c", f'''frr defaults traditional
hostname tor-a
router bgp {SPEAKER_AS}
 bgp router-id {SPEAKER}
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 neighbor {PEER} remote-as {PEER_AS}
 neighbor {PEER} passive
 neighbor {PEER} timers 30 90{more}
 address-family ipv4 unicast
  network {V4}
 exit-address-family
 address-family ipv6 unicast
  network {V6}
  neighbor {PEER} activate
  neighbor {PEER} route-map HOP out
 exit-address-family
route-map HOP permit 10
 set ipv6 next-hop global fd99::1
''')
    shutil.chown(d, "frr", "frr")
    daemon = inside("/usr/lib/frr/bgpd", "-f", f"{d}/c", "-Z", "-p", "179", "-l", SPEAKER, "-i", f"{d}/pid", "-A", "127.0.0.1",
                    "-P", "0", f"--vty_socket={d}")
    stop = ["vtysh", "--vty_socket", d, "-d", "bgpd", "-c", "configure terminal", "-c", f"router bgp {SPEAKER_AS}",
            "-c", f"neighbor {PEER} shutdown message {TEXT}"]
    version = re.search(r"version ([\d.]+)", run("/usr/lib/frr/bgpd", "--version")).group(1)
    return [daemon], [], stop, f"frr-{version}{suffix}"


def gobgp(d):
    families = "".join(f' [[neighbors.afi-safis]]\n  [neighbors.afi-safis.config]\n   afi-safi-name = "{f}-unicast"\n'
                       '  [neighbors.afi-safis.mp-graceful-restart.config]\n   enabled = true\n' for f in ("ipv4", "ipv6"))
    write(f"{d}/c", f'''[global.config]
 as = {SPEAKER_AS}
 router-id = "{SPEAKER}"
 local-address-list = ["{SPEAKER}"]
[[neighbors]]
 [neighbors.config]
  neighbor-address = "{PEER}"
  peer-as = {PEER_AS}
 [neighbors.transport.config]
  passive-mode = true
  local-address = "{SPEAKER}"
 [neighbors.timers.config]
  hold-time = 90
 [neighbors.graceful-restart.config]
  enabled = true
  restart-time = 120
{families}''')
    add = [inside("gobgp", "global", "rib", "add", "-a", "ipv4", V4),
           inside("gobgp", "global", "rib", "add", "-a", "ipv6", V6, "nexthop", "fd99::1")]
    version = re.search(r"[\d.]+", run("gobgpd", "--version")).group()
    return ([inside("gobgpd", "-f", f"{d}/c", "-t", "toml", "--api-hosts", "127.0.0.1:50051")], add,
            inside("gobgp", "neighbor", PEER, "shutdown", TEXT), f"gobgp-{version}")


def openbgpd(d):
    os.makedirs("/run/openbgpd", exist_ok=True)  # the chroot of Debian's package
    path = write(f"{d}/c", f'''AS {SPEAKER_AS}
router-id {SPEAKER}
holdtime 90
listen on {SPEAKER}
socket "{d}/ctl"
fib-update no
network {V4}
network {V6} set nexthop fd99::1
neighbor {PEER} {{
  remote-as {PEER_AS}
  passive
  local-address {SPEAKER}
  announce IPv4 unicast
  announce IPv6 unicast
}}
allow from any
allow to any
match to any set nexthop fd99::1
''')
    os.chmod(path, 0o600)
    version = re.search(r"openbgpd\s+([\d.]+)", run("dpkg-query", "-W", "openbgpd")).group(1)
    return ([inside("/usr/sbin/bgpd", "-d", "-f", path)], [],
            ["bgpctl", "-s", f"{d}/ctl", "neighbor", PEER, "down", TEXT], f"openbgpd-{version}")


def exabgp(d):
    """Says whatever it is told, so it is rich always."""
    route = "route {} next-hop {} {};"
    common = ("origin egp as-path [65000 65010 4200000000] med 7 community [65000:100 no-export] "
              "extended-community [target:65000:100 origin:65000:7] large-community [65000:1:2] atomic-aggregate "
              "aggregator (65000:10.99.0.1)")
    routes = [route.format(V4, SPEAKER, common), route.format("10.244.3.0/24", SPEAKER, "as-path [65000 ( 65020 65021 )]"),
              route.format("10.244.4.0/24", SPEAKER, "aigp 10 attribute [0x23 0xc0 0x0000fde8]"),
              route.format("10.244.5.0/24", SPEAKER, "attribute [0xfe 0xc0 0x0102030405060708]"),
              route.format(V6, "fd99::1", common)]
    write(f"{d}/c", f'''neighbor {PEER} {{
  router-id {SPEAKER};
  local-address {SPEAKER};
  local-as {SPEAKER_AS};
  peer-as {PEER_AS};
  hold-time 90;
  passive true;
  host-name tor-a;
  domain-name example.net;
  family {{ ipv4 unicast; ipv6 unicast; }}
  capability {{ asn4 enable; route-refresh enable; graceful-restart 120; add-path send/receive; operational enable;
    extended-message enable; nexthop enable; }}
  nexthop {{ ipv4 unicast ipv6; }}
  static {{ {" ".join(routes)} }}
}}
''')
    version = re.search(r"ExaBGP : ([\d.]+)", run("exabgp", "--version")).group(1)
    settings = [f"exabgp.tcp.bind={SPEAKER}", "exabgp.tcp.port=179", "exabgp.daemon.user=root", "exabgp.api.cli=false",
                f"exabgp.daemon.pid={d}/pid", "exabgp.daemon.drop=false"]
    return ([inside("env", *settings, "exabgp", f"{d}/c")], [], ["sh", "-c", f"kill $(cat {d}/pid)"], f"exabgp-{version}")


def rich(plain, change):
    """A speaker whose configuration says more."""
    def prepared(d):
        start, add, stop, version = plain(d)
        add = change(d, add) or add
        return start, add, stop, version + "-rich"
    return prepared


def replace(path, *pairs):
    text = open(path).read()
    for old, new in pairs:
        if old not in text: raise RuntimeError(f"{path}: no {old}")
        text = text.replace(old, new)
    write(path, text)


def bird_more(d, add):
    more = '''filter { bgp_community.add((65000,100)); bgp_ext_community.add((rt,65000,100)); bgp_large_community.add((65000,1,2));
    bgp_med = 7; bgp_origin = ORIGIN_INCOMPLETE; bgp_path.prepend(4200000000); accept; }'''
    replace(f"{d}/c", ("graceful restart yes;", "graceful restart yes; long lived graceful restart yes; enable extended messages yes;\n  local role provider; advertise hostname yes;"),
            ("export all; next hop self;", f"export {more}; next hop self; add paths on; extended next hop on;"),
            ("export all; next hop address", f"export {more}; add paths on; next hop address"))


def frr_more(d, add):
    replace(f"{d}/c", (f" neighbor {PEER} passive\n", f''' neighbor {PEER} passive
 neighbor {PEER} capability extended-nexthop
 neighbor {PEER} capability dynamic
 neighbor {PEER} local-role provider
 bgp long-lived-graceful-restart stale-time 3600
'''), (f"  network {V4}\n", f"  network {V4}\n  neighbor {PEER} addpath-tx-all-paths\n  neighbor {PEER} route-map HOP out\n"),
            (" set ipv6 next-hop global fd99::1\n", ''' set ipv6 next-hop global fd99::1
 set community 65000:100 no-export
 set extcommunity rt 65000:100
 set large-community 65000:1:2
 set metric 7
 set origin incomplete
 set as-path prepend 4200000000
 set aggregator as 65000 10.99.0.1
 set atomic-aggregate
'''))


def gobgp_more(d, add):
    replace(f"{d}/c", (" [neighbors.graceful-restart.config]\n", " [neighbors.add-paths.config]\n  receive = true\n  send-max = 4\n"
                       " [neighbors.graceful-restart.config]\n  long-lived-enabled = true\n  notification-enabled = true\n"),
            ("  [neighbors.afi-safis.mp-graceful-restart.config]\n   enabled = true\n",
             "  [neighbors.afi-safis.mp-graceful-restart.config]\n   enabled = true\n"
             "  [neighbors.afi-safis.long-lived-graceful-restart.config]\n   enabled = true\n   restart-time = 3600\n"))
    extra = ["origin", "egp", "med", "7", "community", "65000:100", "large-community", "65000:1:2", "aigp", "metric", "10",
             "aspath", "65010,4200000000", "rt", "65000:100"]
    return [command + extra for command in add]


# Why our encoding of the same message has other bytes: the directive `decode-only`.
DIFFERS = {
    ("bird", "update-ipv6"): "MP_REACH_NLRI has the extended length",
    ("frr", "open"): "every capability is a parameter of its own",
    ("frr", "update-ipv4"): "AS_PATH has the extended length",
    ("frr", "update-ipv6"): "MP_REACH_NLRI and AS_PATH have the extended length",
    ("gobgp", "update-ipv6"): "MP_REACH_NLRI stands after the other attributes",
    ("gobgp-rich", "update-ipv4"): "AIGP is discarded",
    ("exabgp", "open"): "every capability is a parameter of its own",
    ("exabgp", "update-ipv6"): "MP_REACH_NLRI stands after the other attributes",
    ("exabgp", "end-of-rib-ipv6"): "MP_UNREACH_NLRI has the extended length",
    ("openbgpd", "update-ipv6"): "MP_REACH_NLRI stands after the other attributes and has the extended length",
}


# Roles (RFC 9234), so that ONLY_TO_CUSTOMER comes too, and long-lived graceful restart (RFC 9494).
def bird_roles(d):
    return bird(d, "local role provider; long lived graceful restart yes; long lived stale time 3600;", "-roles")


def frr_roles(d):
    return frr(d, f"\n neighbor {PEER} local-role provider\n bgp long-lived-graceful-restart stale-time 3600", "-roles")


SPEAKERS = {"bird": bird, "frr": frr, "gobgp": gobgp, "openbgpd": openbgpd, "exabgp": exabgp,
            "bird-rich": rich(bird, bird_more), "frr-rich": rich(frr, frr_more), "gobgp-rich": rich(gobgp, gobgp_more),
            "bird-roles": bird_roles, "frr-roles": frr_roles}


def namespaces_up():
    for name in (SPEAKER_NS, PEER_NS):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", SPEAKER_NS, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", PEER_NS)
    for name, end in ((SPEAKER_NS, 1), (PEER_NS, 2)):
        run("ip", "-n", name, "addr", "add", f"10.99.0.{end}/24", "dev", "up0")
        run("ip", "-n", name, "addr", "add", f"fd99::{end}/64", "dev", "up0", "nodad")
        run("ip", "-n", name, "link", "set", "up0", "up")


def namespaces_down():
    for name in (SPEAKER_NS, PEER_NS): run("ip", "netns", "del", name, check=False)


def setns(path):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(fd, CLONE_NEWNET): raise OSError(ctypes.get_errno(), path)
    finally: os.close(fd)


def connect():
    """A TCP connection from the peer's namespace, tried until the speaker listens."""
    setns(f"/run/netns/{PEER_NS}")
    try:
        end = time.monotonic() + 20
        while True:
            s = socket.socket()
            s.bind((PEER, 0))
            try:
                s.connect((SPEAKER, 179))
                return s
            except OSError:
                s.close()
                if time.monotonic() > end: raise
                time.sleep(0.2)
    finally: setns(HOME_NS)


def message(kind, body=b""): return b"\xff" * 16 + struct.pack(">HB", 19 + len(body), kind) + body


def our_open():
    capabilities = bytes.fromhex("0104000100010104000200010200") + bytes.fromhex("4006") + bytes.fromhex("007800010100") \
        + bytes.fromhex("4104") + struct.pack(">I", PEER_AS)
    parameters = bytes([2, len(capabilities)]) + capabilities
    return message(1, struct.pack(">BHH4sB", 4, PEER_AS, 90, socket.inet_aton(PEER), len(parameters)) + parameters)


def split(stream):
    found = []
    while len(stream) >= 19 and len(stream) >= struct.unpack(">H", stream[16:18])[0]:
        length = struct.unpack(">H", stream[16:18])[0]
        found.append(stream[:length])
        stream = stream[length:]
    return found


def kind(m):
    """The name of a message, as a file name."""
    names = {1: "open", 3: "notification", 4: "keepalive", 5: "route-refresh"}
    if m[18] != 2: return names.get(m[18], "other")
    body = m[19:]
    if body == bytes(4): return "end-of-rib-ipv4"
    if len(m) in (29, 30) and body[5] == 15: return "end-of-rib-ipv6"
    return "update-ipv6" if any(bytes.fromhex(wire) in body for wire in V6_WIRE) else "update-ipv4"


V6_WIRE = "fd00001002440001", "fd00001002440002"


def save(folder, version, name, messages, what=None, context=None):
    lines = [f"# {what or f'Sent by {version} to a peer that says OPEN and KEEPALIVE only'}",
             f"# origin: tools/capture.py, {datetime.date.today().isoformat()}"]
    if context: lines.append(f"# context: {context}")
    speaker = version.split("-")[0]
    keys = [(s, kind(m)) for m in messages for s in {speaker, speaker + "-rich" * version.endswith("-rich")}]
    reasons = list(dict.fromkeys(DIFFERS[key] for key in keys if key in DIFFERS))
    if reasons: lines.append("# decode-only: " + "; ".join(reasons))
    for m in messages:
        lines.append("")
        if len(messages) > 1: lines.append(f"# {kind(m)}")
        lines += [" ".join(f"{o:02x}" for o in m[i:i + 16]) for i in range(0, len(m), 16)]
    write(f"{folder}/{name}.hex", "\n".join(lines) + "\n")


def capture(name):
    d = tempfile.mkdtemp(prefix=f"capture-{name}-")
    os.chmod(d, 0o755)
    children = []
    try:
        namespaces_up()
        start, add, stop, version = SPEAKERS[name](d)
        log = open(f"{d}/log", "w")
        for command in start: children.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=d))
        s = connect()
        s.settimeout(1)
        for command in add: run(*command)
        s.sendall(our_open())
        stream, stopped, end, quiet = b"", False, time.monotonic() + 40, 0
        while time.monotonic() < end:
            try: part = s.recv(65536)
            except socket.timeout: part, quiet = None, quiet + 1
            if part == b"": break
            if part:
                quiet = 0
                if not stream: s.sendall(message(4) + message(2, bytes(4)))
                stream += part
            if quiet >= 8 and not stopped:  # the feed is over
                stopped = True
                run(*stop)
        messages = split(stream)
        folder = f"{OUT}/{version}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        save(folder, version, "session", messages)
        for m in messages:
            if not os.path.exists(f"{folder}/{kind(m)}.hex"): save(folder, version, kind(m), [m])
        print(version, [kind(m) for m in messages])
    except Exception as error:
        print(name, "failed:", error, open(f"{d}/log").read()[-800:] if os.path.exists(f"{d}/log") else "", file=sys.stderr)
        return 1
    finally:
        for child in children:
            child.terminate()
            try: child.wait(8)
            except subprocess.TimeoutExpired: child.kill()
        namespaces_down()
        shutil.rmtree(d, ignore_errors=True)
    return 0


MARTLETD = """node: {{name: node-b, routerID: {PEER}, stateDir: {d}, podCIDRs: [10.244.2.0/24, "fd00:10:244:2::/64"]}}
clusterCIDRs: [10.244.0.0/16, "fd00:10:244::/48"]
bgp:
  asn: {PEER_AS}
  listenPort: 0
  peers: [{{name: tor, address: {SPEAKER}, asn: {SPEAKER_AS}}}]
"""


def streams(pcap):
    """The octets of the first TCP connection in an Ethernet capture in which both sides speak, by sender."""
    data, offset, connections = open(pcap, "rb").read(), 24, {}
    while offset + 16 <= len(data):
        length = struct.unpack("<I", data[offset + 8:offset + 12])[0]
        frame, offset = data[offset + 16:offset + 16 + length], offset + 16 + length
        if frame[12:14] == b"\x08\x00" and frame[23] == 6:
            ip = frame[14:14 + struct.unpack(">H", frame[16:18])[0]]
            sender, tcp = socket.inet_ntoa(ip[12:16]), ip[(ip[0] & 15) * 4:]
        elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
            sender = socket.inet_ntop(socket.AF_INET6, frame[22:38])
            tcp = frame[54:54 + struct.unpack(">H", frame[18:20])[0]]
        else: continue
        payload, number = tcp[(tcp[12] >> 4) * 4:], struct.unpack(">I", tcp[4:8])[0]
        if payload: connections.setdefault(frozenset((tcp[:2], tcp[2:4])), {}).setdefault(sender, {})[number] = payload
    talk = next((c for c in connections.values() if len(c) == 2), {})
    return {sender: b"".join(payload for _, payload in sorted(found.items())) for sender, found in talk.items()}


def ask(d):
    """What our speaker says of its sessions."""
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(f"{d}/martletd.sock")
        s.sendall(b"GET /v1/sessions HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()
    except OSError: return ""
    finally: s.close()


def until(what, test):
    end = time.monotonic() + 60
    while not test():
        if time.monotonic() > end: raise RuntimeError(f"waited in vain: {what}")
        time.sleep(0.2)


def record(name, martletd):
    """A session of our speaker with a real one, both directions."""
    d = tempfile.mkdtemp(prefix=f"capture-{name}-")
    os.chmod(d, 0o755)
    os.makedirs(f"{d}/state")
    children = []
    try:
        namespaces_up()
        # Without zebra FRR 8.4 knows no interfaces, and answers a link-local next hop with NOTIFICATION 3.10.
        run("ip", "-n", PEER_NS, "link", "set", "up0", "addrgenmode", "none")
        run("ip", "-n", PEER_NS, "-6", "addr", "flush", "dev", "up0", "scope", "link")
        start, add, stop, version = SPEAKERS[name](d)
        write(f"{d}/martletd.yaml", MARTLETD.format(d=f"{d}/state", **globals()))
        log = open(f"{d}/log", "w")
        spawn = lambda command: children.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=d))
        spawn(["ip", "netns", "exec", PEER_NS, "tcpdump", "-U", "-s", "0", "-i", "up0", "-w", f"{d}/pcap", "tcp", "port", "179"])
        until("tcpdump", lambda: os.path.exists(f"{d}/pcap"))
        for command in start: spawn(command)
        until("the speaker listens", lambda: ":00B3 00000000:0000 0A" in run(*inside("cat", "/proc/net/tcp")))
        time.sleep(1)  # GoBGP listens before it is ready for its peers
        for command in add: run(*command)
        spawn(["ip", "netns", "exec", PEER_NS, martletd, "--config", f"{d}/martletd.yaml"])
        until("both tables", lambda: ask(f"{d}/state").count('"endOfRIBReceived" : true') == 2)
        time.sleep(3)  # what still comes belongs to the recording: FRR sends IPv6 after its End-of-RIB
        run(*stop)
        until("the goodbye", lambda: '"code" : 6' in ask(f"{d}/state"))
        time.sleep(1)
        folder = f"{OUT}/martletd-with-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for sender, octets in streams(f"{d}/pcap").items():
            ours = sender == PEER
            messages = split(octets)
            save(folder, "martletd" if ours else version, "ours" if ours else "theirs", messages,
                 f"A session of martletd with {version}: what {'martletd' if ours else version} sent")
            print(version, "ours" if ours else "theirs", [kind(m) for m in messages])
        shutil.copy(f"{d}/pcap", f"{folder}/session.pcap")
    except Exception as error:
        print(name, "failed:", error, open(f"{d}/log").read()[-800:] if os.path.exists(f"{d}/log") else "", file=sys.stderr)
        return 1
    finally:
        for child in children:
            child.terminate()
            try: child.wait(8)
            except subprocess.TimeoutExpired: child.kill()
        namespaces_down()
        shutil.rmtree(d, ignore_errors=True)
    return 0


def unnumbered(martletd):
    """A session of our speaker with FRR over a link without addresses, both directions."""
    d = tempfile.mkdtemp(prefix="capture-unnumbered-")
    os.chmod(d, 0o755)
    os.makedirs(f"{d}/state")
    children = []
    try:
        for name in (SPEAKER_NS, PEER_NS): run("ip", "netns", "add", name)
        run("ip", "-n", SPEAKER_NS, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", PEER_NS)
        for name in (SPEAKER_NS, PEER_NS):
            for link in ("lo", "up0"): run("ip", "-n", name, "link", "set", link, "up")
        write(f"{d}/z", "hostname tor-a\n")
        write(f"{d}/c", f"""frr defaults traditional
hostname tor-a
router bgp {SPEAKER_AS}
 bgp router-id {SPEAKER}
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor up0 interface remote-as external
 address-family ipv4 unicast
  network {V4}
 exit-address-family
 address-family ipv6 unicast
  network {V6}
  neighbor up0 activate
 exit-address-family
""")
        run("chown", "-R", "frr:frr", d)
        write(f"{d}/martletd.yaml", MARTLETD.format(d=f"{d}/state", **globals()).replace(
            f"name: tor, address: {SPEAKER}, asn: {SPEAKER_AS}", "name: tor, interface: up0, asn: external"))
        log = open(f"{d}/log", "w")
        spawn = lambda command: children.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=d))
        spawn(["ip", "netns", "exec", PEER_NS, "tcpdump", "-U", "-s", "0", "-i", "up0", "-w", f"{d}/pcap", "tcp", "port", "179"])
        until("tcpdump", lambda: os.path.exists(f"{d}/pcap"))
        own = lambda name: ["-i", f"{d}/{name}.pid", "-z", f"{d}/zserv.api", "-A", "127.0.0.1", "-P", "0", "--vty_socket", d]
        spawn(inside("/usr/lib/frr/zebra", "-f", f"{d}/z", *own("zebra")))
        until("zebra", lambda: os.path.exists(f"{d}/zserv.api"))
        spawn(inside("/usr/lib/frr/bgpd", "-f", f"{d}/c", "-p", "179", *own("bgpd")))
        spawn(["ip", "netns", "exec", PEER_NS, martletd, "--config", f"{d}/martletd.yaml"])
        until("both tables", lambda: ask(f"{d}/state").count('"endOfRIBReceived" : true') == 2)
        time.sleep(3)
        version = "frr-" + re.search(r"version ([\d.]+)", run("/usr/lib/frr/bgpd", "--version")).group(1)
        ours = re.search(r"inet6 (fe80::[0-9a-f:]+)/", run("ip", "-n", PEER_NS, "-6", "addr", "show", "up0")).group(1)
        folder = f"{OUT}/unnumbered-with-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for sender, octets in streams(f"{d}/pcap").items():
            who = "martletd" if sender == ours else version
            messages = split(octets)
            save(folder, "martletd" if sender == ours else version, "ours" if sender == ours else "theirs", messages,
                 f"A session between martletd and {version} over link-local addresses: what {who} sent", context="extended-next-hop")
            print(who, [kind(m) for m in messages])
    except Exception as error:
        print("unnumbered failed:", error, open(f"{d}/log").read()[-800:] if os.path.exists(f"{d}/log") else "", file=sys.stderr)
        return 1
    finally:
        for child in children:
            child.terminate()
            try: child.wait(8)
            except subprocess.TimeoutExpired: child.kill()
        namespaces_down()
        shutil.rmtree(d, ignore_errors=True)
    return 0


def main(arguments):
    if arguments[:1] == ["--unnumbered"]: return unnumbered(arguments[1])
    if arguments[:1] == ["--martletd"]:
        martletd = os.path.abspath(arguments[1])
        return max(record(name, martletd) for name in arguments[2:] or SPEAKERS)
    return max(capture(name) for name in arguments or SPEAKERS)


if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
