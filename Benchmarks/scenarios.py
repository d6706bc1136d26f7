"""What is measured: the scenarios, their neighbors, and the load generator's arguments."""

from rig import DUT, DUT_AS, OPTIONS, RECV_NET, SENDER_NET, compiled, ipn

# kind ebgp: senders only announce to the DUT, receivers only listen. kind mesh/rr: every session does both.
SCEN = {
    "S1": dict(
        title="node: 2 ToRs x 5000 pod CIDRs (same set), 1 receiver",
        kind="ebgp",
        senders=2,
        receivers=1,
        args="--shape pod --count 5000 --per-attr 4",
        cmds=["announce", "withdraw", "announce"],
        timeout=60,
        ecmp=2,
    ),
    "S2": dict(
        title="route reflector: 500 iBGP clients x 10, 2.495M NLRI out",
        kind="rr",
        senders=500,
        receivers=0,
        args="--shape pod --count 10 --per-attr 10 --distinct --mirror",
        cmds=["announce", "withdraw", "announce"],
        timeout=180,
    ),
    "S3": dict(
        title="full table: 1 sender, 1M internet-like prefixes, 1 receiver",
        kind="ebgp",
        senders=1,
        receivers=1,
        args="--shape inet --count 1000000 --no-v6",
        v6=False,
        cmds=["announce", "withdraw"],
        timeout=180,
    ),
    "S2s": dict(
        title="route reflector, small: 100 iBGP clients x 10, 99k NLRI out",
        kind="rr",
        senders=100,
        receivers=0,
        args="--shape pod --count 10 --per-attr 10 --distinct --mirror",
        cmds=["announce", "withdraw", "announce"],
        timeout=180,
    ),
    "S3s": dict(
        title="small table: 1 sender, 100k internet-like prefixes, 1 receiver",
        kind="ebgp",
        senders=1,
        receivers=1,
        args="--shape inet --count 100000 --no-v6",
        v6=False,
        cmds=["announce", "withdraw"],
        timeout=180,
    ),
    "S4": dict(
        title="full-mesh churn: 100 eBGP peers x 1000, 9.9M NLRI out per phase",
        kind="mesh",
        senders=100,
        receivers=0,
        args="--shape pod --count 1000 --per-attr 10 --distinct --mirror",
        cmds=["announce", "withdraw", "announce"],
        timeout=240,
    ),
    "S5": dict(
        title="ten full tables: 10 senders x the same 200k, 1 receiver",
        kind="ebgp",
        senders=10,
        receivers=1,
        args="--shape inet --count 200000 --no-v6",
        v6=False,
        cmds=["announce", "withdraw"],
        timeout=180,
        nofloor=True,
    ),
    "S6": dict(
        title="kernel: 100k /26 learned and installed in the kernel",
        kind="ebgp",
        senders=1,
        receivers=0,
        kernel=True,
        args="--shape pod4 --count 100000 --per-attr 4 --no-v6",
        v6=False,
        n=100000,
        timeout=120,
    ),
    "S7a": dict(
        title="failover, TCP RST: 2 ECMP ToRs x 5000 /26 in the kernel",
        kind="ebgp",
        senders=2,
        receivers=0,
        kernel=True,
        ecmp=2,
        bfd=True,
        args="--shape pod4 --count 5000 --per-attr 4 --no-v6",
        v6=False,
        n=5000,
        timeout=30,
        fail="rst",
    ),
    "S7b": dict(
        title="failover, silent blackhole + BFD 3x50ms: 2 ECMP ToRs x 5000 /26",
        kind="ebgp",
        senders=2,
        receivers=0,
        kernel=True,
        ecmp=2,
        bfd=True,
        args="--shape pod4 --count 5000 --per-attr 4 --no-v6",
        v6=False,
        n=5000,
        timeout=30,
        fail="drop",
    ),
}


def neighbors(sc):
    out = []
    for i in range(sc["senders"]):
        role = {"ebgp": "sender", "rr": "client", "mesh": "mesh"}[sc["kind"]]
        out.append(dict(addr=ipn(SENDER_NET, 1 + i), asn=DUT_AS if sc["kind"] == "rr" else 64601 + i, role=role))
    for i in range(sc["receivers"]):
        out.append(dict(addr=ipn(RECV_NET, 1 + i), asn=64901 + i, role="receiver"))
    return out


def load_cmd(net, sc, name):
    """The load generator as a child that takes its commands (`announce`, `withdraw`, `rst` ...) on standard input."""
    a = [
        "ip",
        "netns",
        "exec",
        net.l,
        compiled("bgpload"),
        "run",
        "--target",
        f"{DUT}:179",
        "--dut-as",
        str(DUT_AS),
        "--ctl",
    ]
    a += ["--src", ipn(SENDER_NET, 1), "--rsrc", ipn(RECV_NET, 1)]
    a += ["--senders", str(sc["senders"]), "--receivers", str(sc["receivers"])]
    a += ["--sender-as", str(DUT_AS) if sc["kind"] == "rr" else "64601+", "--receiver-as", "64901+"]
    a += ["--timeout", str(sc["timeout"]), "--warm-ms", str(OPTIONS.warm_ms), "--settle-ms", str(OPTIONS.settle_ms)]
    a += sc["args"].split()
    if name == "floor":
        a += ["--path-offset", "0"]
    if sc.get("bfd"):
        a += ["--bfd", "50,3"]
    return a
