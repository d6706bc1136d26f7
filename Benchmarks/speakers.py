"""The speakers that can be measured: each writes its configuration and says how it is started."""

import json
import os
import shutil
import string

from rig import DUT, DUT_AS, HERE, compiled

BIN = {
    "bird": "bird",
    "bgpd_frr": "/usr/lib/frr/bgpd",
    "zebra": "/usr/lib/frr/zebra",
    "bfdd": "/usr/lib/frr/bfdd",
    "gobgpd": "gobgpd",
    "openbgpd": "/usr/sbin/bgpd",
}


def w(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def sp_bird(d, sc, nb):
    v6 = sc.get("v6", True)
    fams = [("ipv4", 1)] + ([("ipv6", 1)] if v6 else [])
    c = f'log "{d}/bird.log" {{ warning, error, fatal, bug, auth }};\nrouter id {DUT};\nprotocol device {{ }}\nprotocol direct {{ ipv4; ipv6; }}\n'
    if sc.get("kernel"):
        c += f'protocol kernel {{ {"merge paths yes limit 16;" if sc.get("ecmp") else ""} ipv4 {{ import none; export where source = RTS_BGP; }}; }}\n'
    if sc.get("bfd"):
        c += 'protocol bfd { interface "*" { min rx interval 50 ms; min tx interval 50 ms; multiplier 3; }; }\n'
    for role, imp, exp in (
        ("sender", "all", "none"),
        ("receiver", "none", "where source = RTS_BGP"),
        ("client", "all", "where source = RTS_BGP"),
        ("mesh", "all", "where source = RTS_BGP"),
    ):
        ch = " ".join(f"{f} {{ import {imp}; export {exp}; }};" for f, _ in fams)
        c += f'template bgp t_{role} {{ local {DUT} as {DUT_AS}; passive yes; hold time 90; {"rr client;" if role == "client" else ""} {"direct;" if role != "client" else ""} {"bfd yes;" if sc.get("bfd") and role == "sender" else ""} {ch} }}\n'
    for i, n in enumerate(nb):
        c += f'protocol bgp n{i} from t_{n["role"]} {{ neighbor {n["addr"]} as {n["asn"]}; }}\n'
    w(f"{d}/bird.conf", c)
    return [[BIN["bird"], "-f", "-c", f"{d}/bird.conf", "-s", f"{d}/bird.ctl", "-P", f"{d}/bird.pid"]]


def sp_frr(d, sc, nb):
    v6 = sc.get("v6", True)
    c = f"frr defaults traditional\nhostname dut\nlog file {d}/bgpd.log warnings\n"
    c += f"route-map NONE deny 10\n!\nrouter bgp {DUT_AS}\n bgp router-id {DUT}\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n no bgp network import-check\n"
    if sc["kind"] == "rr":
        c += f" bgp cluster-id {DUT}\n"
    roles = sorted({n["role"] for n in nb})
    for r in roles:
        c += f" neighbor {r} peer-group\n neighbor {r} passive\n neighbor {r} timers 30 90\n"
        if r == "sender" and sc.get("bfd"):
            c += f" neighbor {r} bfd profile p\n"
    for n in nb:
        c += f' neighbor {n["addr"]} remote-as {n["asn"]}\n neighbor {n["addr"]} peer-group {n["role"]}\n'
    for f in ["ipv4"] + (["ipv6"] if v6 else []):
        c += f" address-family {f} unicast\n"
        if sc.get("ecmp"):
            c += f"  maximum-paths {sc['ecmp']}\n"
        for r in roles:
            c += f"  neighbor {r} activate\n"
            if r == "sender":
                c += f"  neighbor {r} route-map NONE out\n"
            if r == "receiver":
                c += f"  neighbor {r} route-map NONE in\n"
            if r == "client":
                c += f"  neighbor {r} route-reflector-client\n"
        c += " exit-address-family\n"
    if sc.get("ecmp"):
        c = c.replace(
            " no bgp network import-check\n", " no bgp network import-check\n bgp bestpath as-path multipath-relax\n"
        )
    w(f"{d}/bgpd.conf", c)
    shutil.chown(d, "frr", "frr")  # FRR daemons drop to their own user
    vty = f"--vty_socket={d}"
    cmds = []
    base = ["-i", None, "-z", f"{d}/zserv.api", "-A", "127.0.0.1", "-P", "0", vty]

    def a(name):
        b = list(base)
        b[1] = f"{d}/{name}.pid"
        return b

    if sc.get("kernel"):
        w(f"{d}/zebra.conf", f"hostname dut\nlog file {d}/zebra.log warnings\n")
        cmds.append([BIN["zebra"], "-f", f"{d}/zebra.conf", "-s", "90000000"] + a("zebra"))
        if sc.get("bfd"):
            w(
                f"{d}/bfdd.conf",
                f"log file {d}/bfdd.log warnings\nbfd\n profile p\n  receive-interval 50\n  transmit-interval 50\n  detect-multiplier 3\n exit\nexit\n",
            )
            cmds.append([BIN["bfdd"], "-f", f"{d}/bfdd.conf", "--bfdctl", f"{d}/bfdd.sock"] + [x for x in a("bfdd")])
        cmds.append([BIN["bgpd_frr"], "-f", f"{d}/bgpd.conf", "-p", "179", "-l", DUT] + a("bgpd"))
    else:
        cmds.append([BIN["bgpd_frr"], "-f", f"{d}/bgpd.conf", "-Z", "-p", "179", "-l", DUT] + a("bgpd"))
    return cmds


def sp_gobgp(d, sc, nb):
    v6 = sc.get("v6", True)
    c = f'[global.config]\n as = {DUT_AS}\n router-id = "{DUT}"\n port = 179\n local-address-list = ["{DUT}"]\n'
    if sc["kind"] == "ebgp":
        c += """[global.apply-policy.config]
 export-policy-list = ["nosend"]
 import-policy-list = ["norecv"]
 default-export-policy = "accept-route"
 default-import-policy = "accept-route"
[[defined-sets.neighbor-sets]]
 neighbor-set-name = "senders"
 neighbor-info-list = ["10.99.1.0/24"]
[[defined-sets.neighbor-sets]]
 neighbor-set-name = "receivers"
 neighbor-info-list = ["10.99.9.0/24"]
"""
        for nm, st in (("nosend", "senders"), ("norecv", "receivers")):
            c += f'[[policy-definitions]]\n name = "{nm}"\n [[policy-definitions.statements]]\n  [policy-definitions.statements.conditions.match-neighbor-set]\n   neighbor-set = "{st}"\n   match-set-options = "any"\n  [policy-definitions.statements.actions]\n   route-disposition = "reject-route"\n'
    for n in nb:
        c += f'[[neighbors]]\n [neighbors.config]\n  neighbor-address = "{n["addr"]}"\n  peer-as = {n["asn"]}\n [neighbors.transport.config]\n  passive-mode = true\n  local-address = "{DUT}"\n [neighbors.timers.config]\n  hold-time = 90\n  keepalive-interval = 30\n'
        if n["role"] == "client":
            c += f' [neighbors.route-reflector.config]\n  route-reflector-client = true\n  route-reflector-cluster-id = "{DUT}"\n'
        for f in ["ipv4"] + (["ipv6"] if v6 else []):
            c += f' [[neighbors.afi-safis]]\n  [neighbors.afi-safis.config]\n   afi-safi-name = "{f}-unicast"\n'
    w(f"{d}/gobgpd.toml", c)
    return [[BIN["gobgpd"], "-f", f"{d}/gobgpd.toml", "-t", "toml", "--api-hosts", "127.0.0.1:50051", "-l", "warn"]]


def sp_openbgpd(d, sc, nb):
    v6 = sc.get("v6", True)
    c = f'AS {DUT_AS}\nrouter-id {DUT}\nholdtime 90\nlisten on {DUT}\nsocket "{d}/bgpd.sock"\nfib-update no\n'
    roles = sorted({n["role"] for n in nb})
    for r in roles:
        c += (
            f'group "{r}" {{\n  passive\n  announce IPv4 unicast\n'
            + ("  announce IPv6 unicast\n" if v6 else "")
            + ("  route-reflector\n" if r == "client" else "")
        )
        for n in nb:
            if n["role"] == r:
                c += f'  neighbor {n["addr"]} {{ remote-as {n["asn"]} }}\n'
        c += "}\n"
    c += "deny from any\ndeny to any\n"
    for r in roles:
        if r != "receiver":
            c += f'allow from group "{r}"\n'
        if r != "sender":
            c += f'allow to group "{r}"\n'
    w(f"{d}/bgpd.conf", c)
    os.chmod(f"{d}/bgpd.conf", 0o600)
    return [[BIN["openbgpd"], "-d", "-f", f"{d}/bgpd.conf"]]


def sp_floor(d, sc, nb):
    q = "64601-64800" if sc["kind"] == "ebgp" else "1-1"
    return [[compiled("bgpload"), "relay", "--target", f"{DUT}:179", "--dut-as", str(DUT_AS), "--quiet-as", q]]


def sp_adapter(name, path):
    """Any other speaker, described by a JSON file with $placeholders: see README.md, "Adapters"."""
    with open(path) as f:
        A = json.load(f)
    if not A.get("bfd", True):
        NO_BFD.add(name)

    def gen(d, sc, nb):
        a = A | A.get("kernel", {}) if sc.get("kernel") else A
        yn = lambda b: "true" if b else "false"
        policy = lambda b: "all" if b else "none"
        base = dict(
            dir=d, root=os.path.dirname(HERE), here=HERE, dut=DUT, dut_as=DUT_AS, port=179, hold=90, cluster_id=DUT
        )
        base |= dict(
            v6=yn(sc.get("v6", True)), kernel=yn(sc.get("kernel")), ecmp=sc.get("ecmp", 1), bfd=yn(sc.get("bfd"))
        )

        def neighbor(i, n):
            takes, gives, role = n["role"] != "receiver", n["role"] != "sender", n["role"]
            own = dict(index=i, addr=n["addr"], asn=n["asn"], role=role, rr_client=yn(role == "client"))
            own |= dict(imports=yn(takes), exports=yn(gives), import_policy=policy(takes), export_policy=policy(gives))
            own |= dict(peer_bfd=yn(sc.get("bfd") and role == "sender"))
            return string.Template(a["neighbor"]).substitute(base, **own)

        base["neighbors"] = a.get("join", "\n").join(neighbor(i, n) for i, n in enumerate(nb))
        for name, text in a.get("files", {}).items():
            w(f"{d}/{name}", string.Template(text).substitute(base))
        return [[string.Template(x).substitute(base) for x in c] for c in a["cmds"]]

    return gen


SPEAKERS = {"bird": sp_bird, "frr": sp_frr, "gobgp": sp_gobgp, "openbgpd": sp_openbgpd, "floor": sp_floor}
CAN_KERNEL = {"bird", "frr"}
PEERS = {"bird", "frr", "gobgp", "openbgpd"}  # what the column xbest compares with
NO_BFD = set()  # speakers that S7b cannot measure
