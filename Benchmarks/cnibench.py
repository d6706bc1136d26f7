#!/usr/bin/env python3
"""cnibench: latency, CPU time and correctness of CNI plugins, several plugins in one run, alternating.

  cnibench.py --variant ptp=ptp.conflist --variant ours=ours.conflist --cni-path /usr/lib/cni:/opt/ours -n 100 \\
              --parallel 1,10,50 --prefill 0,250,1000 --rounds 3 --json out.jsonl

Each variant gets a node network namespace of its own, so the pods of one do not slow another. The pod namespaces are bind
mounts (as container runtimes make them) on a private tmpfs in a private mount namespace: nothing outlives this process.
One round = for each variant in turn: ADD for n pods, verify, CHECK for n pods, DEL for n pods, verify. The order of the
variants rotates from round to round. A conflist is run as libcni runs it: plugins in turn with prevResult spliced in on ADD,
reverse order on DEL, name and cniVersion injected. Processes are started and timed by cnirun (cnirun.c, built on first use).
A conflist may hold a key "bench": {"assignIP": "10.99.0.0/16"}: the address is then passed as IP= in CNI_ARGS, and the key is
not given to the plugin; "bench": {"delDeferred": true, "cleanup": "COMMAND"}: the plugin may leave links for later; COMMAND, run in the node's namespace,
does then what a node agent would do (its time is reported apart); without COMMAND the plugin's own background work is awaited.
In conflists @DATA@ is replaced by a fresh directory of the variant.
"""

import argparse
import atexit
import ctypes
import fcntl
import ipaddress
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

from rig import compiled

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 4096, 16384, 1 << 18, 2
libc = ctypes.CDLL(None, use_errno=True)


def check(rc, what):
    if rc < 0:
        e = ctypes.get_errno()
        raise OSError(e, f"{what}: {os.strerror(e)}")


def unshare(flags):
    check(libc.unshare(flags), "unshare")


def setns(fd):
    check(libc.setns(fd, CLONE_NEWNET), "setns")


def mount(src, dst, fs, flags):
    check(libc.mount(src and src.encode(), dst.encode(), fs and fs.encode(), flags, None), f"mount {dst}")


class Runner:
    """The cnirun process; see cnirun.c for the protocol."""

    def __init__(self, pass_fds):
        self.p = subprocess.Popen(
            [compiled("cnirun")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=pass_fds
        )

    def batch(self, parallel, jobs):
        s = lambda b: struct.pack("=I", len(b)) + b
        out = [struct.pack("=II", parallel, len(jobs))]
        for j in jobs:
            out.append(
                struct.pack("=iII", j["ns"], j["chain"], len(j["env"])) + b"".join(s(e.encode()) for e in j["env"])
            )
            out.append(
                struct.pack("=I", len(j["steps"])) + b"".join(s(p.encode()) + s(c.encode()) for p, c in j["steps"])
            )
        self.p.stdin.write(b"".join(out))
        self.p.stdin.flush()
        rd = self.p.stdout.read
        res = []
        while True:
            (j,) = struct.unpack("=I", rd(4))
            if j == 0xFFFFFFFF:
                return res, struct.unpack("=Q", rd(8))[0] / 1e6
            k, t0, t1, ut, st, rss, status, mf, vc, ic, n = struct.unpack("=IQQIIIiIIII", rd(52))
            so = rd(n)
            (n,) = struct.unpack("=I", rd(4))
            se = rd(n)
            res.append(
                dict(
                    job=j,
                    step=k,
                    t0=t0,
                    t1=t1,
                    cpu=(ut + st) / 1e3,
                    rss=rss,
                    status=status,
                    minflt=mf,
                    vcs=vc,
                    out=so,
                    err=se,
                )
            )


class Variant:
    def __init__(self, name, path, cni_path, base):
        self.name, self.errors = name, []
        self.data = f"{base}/data-{name}"
        os.makedirs(self.data)
        text = open(path).read().replace("@DATA@", self.data)
        self.list = json.loads(text)
        self.bench = self.list.pop("bench", {})
        self.cni_path = cni_path
        self.exes = [
            next(
                os.path.join(d, p["type"])
                for d in cni_path.split(":")
                if os.access(os.path.join(d, p["type"]), os.X_OK)
            )
            for p in self.list["plugins"]
        ]
        unshare(CLONE_NEWNET)
        self.ns = os.open("/proc/self/ns/net", os.O_RDONLY)
        ip("link", "set", "lo", "up")
        ip("addr", "add", "192.0.2.1/32", "dev", "lo")  # the node's own address, the source of the pings
        open("/proc/sys/net/ipv4/ip_forward", "w").write("1")
        self.pool = iter(ipaddress.ip_network(self.bench["assignIP"]).hosts()) if "assignIP" in self.bench else None

    def conf(self, i, prev=None):
        c = dict(self.list["plugins"][i])
        c["name"] = self.list["name"]
        c["cniVersion"] = self.list["cniVersion"]
        if prev is not None:
            c["prevResult"] = prev
        return json.dumps(c)

    def job(self, cmd, pod):
        n = len(self.exes)
        args = f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod['name']};K8S_POD_INFRA_CONTAINER_ID={pod['id']};K8S_POD_UID={pod['uid']}"
        if self.pool is not None:
            args += f";IP={pod['ip']}"
        env = [f"{k}={v}" for k, v in os.environ.items() if not k.startswith("CNI_")] + [
            f"CNI_COMMAND={cmd}",
            f"CNI_CONTAINERID={pod['id']}",
            f"CNI_NETNS={pod['netns']}",
            "CNI_IFNAME=eth0",
            f"CNI_ARGS={args}",
            f"CNI_PATH={self.cni_path}",
        ]
        order = range(n) if cmd != "DEL" else reversed(range(n))
        steps = [(self.exes[i], self.conf(i, pod.get("result") if cmd != "ADD" else None)) for i in order]
        return dict(ns=self.ns, chain=int(cmd == "ADD"), env=env, steps=steps)


def ip(*a):
    r = subprocess.run(["ip", *a], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f"ip {a}: {r.stderr}")
    return r.stdout


def pods_make(n, base, home):
    fds = []
    for i in range(n):
        path = f"{base}/netns/cni-{i:05d}"
        open(path, "w").close()
        unshare(CLONE_NEWNET)
        mount("/proc/self/ns/net", path, None, MS_BIND)
        fds.append((path, os.open(path, os.O_RDONLY)))
    setns(home)
    return fds


def links():  # of the current netns
    return sorted(l.split(":")[0].strip() for l in open("/proc/thread-self/net/dev").readlines()[2:])


def routes():
    return sorted(l.split()[:2] + l.split()[7:8] for l in open("/proc/thread-self/net/route").readlines()[1:])


def addr_of(ifname):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        return socket.inet_ntoa(fcntl.ioctl(s.fileno(), 0x8915, struct.pack("256s", ifname.encode()))[20:24])
    finally:
        s.close()


def q(v, p):
    return v[min(len(v) - 1, int(len(v) * p))] if v else float("nan")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--variant", action="append", required=True, metavar="NAME=CONFLIST")
    ap.add_argument("--cni-path", default="/usr/lib/cni:/opt/cni/bin")
    ap.add_argument("-n", type=int, default=100)
    ap.add_argument("--parallel", default="1,10,50")
    ap.add_argument(
        "--prefill", default="0", help="pods that exist on the node before the measurement, e.g. 10,250,1000"
    )
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--ping", type=int, default=3, help="pods of each ADD batch that are pinged from the node")
    ap.add_argument("--base", default=f"/tmp/cnibench-{os.getpid()}")
    ap.add_argument("--json")
    a = ap.parse_args()
    par = [int(x) for x in a.parallel.split(",")]
    fill = [int(x) for x in a.prefill.split(",")]
    unshare(CLONE_NEWNS)
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    os.makedirs(a.base, exist_ok=True)
    mount("cnibench", a.base, "tmpfs", 0)
    atexit.register(lambda: (libc.umount2(a.base.encode(), MNT_DETACH), os.rmdir(a.base)))
    os.mkdir(f"{a.base}/netns")
    unshare(CLONE_NEWNET)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    vs = [Variant(*v.split("=", 1), a.cni_path, a.base) for v in a.variant]
    setns(home)
    run = Runner([v.ns for v in vs])
    seq = 0

    def newpod(v, slot):
        nonlocal seq
        seq += 1
        u = f"{random.getrandbits(256):064x}"
        return dict(
            name=f"pod-{seq}",
            id=u,
            uid=f"{u[:8]}-{u[8:12]}-{u[12:16]}-{u[16:20]}-{u[20:32]}",
            netns=slot[0],
            nsfd=slot[1],
            ip=str(next(v.pool)) if v.pool else None,
        )

    def do(v, cmd, pods, p):
        """Runs cmd for pods; returns one record per pod (ms) and the batch wall time."""
        res, wall = run.batch(p, [v.job(cmd, x) for x in pods])
        rec = [dict(lat=0.0, cpu=0.0, rss=0, steps={}) for _ in pods]
        span = {}
        for r in res:
            e = rec[r["job"]]
            span.setdefault(r["job"], [r["t0"], r["t1"]])
            span[r["job"]][0] = min(span[r["job"]][0], r["t0"])
            span[r["job"]][1] = max(span[r["job"]][1], r["t1"])
            e["cpu"] += r["cpu"]
            e["rss"] = max(e["rss"], r["rss"])
            e["minflt"] = e.get("minflt", 0) + r["minflt"]
            e["vcs"] = e.get("vcs", 0) + r["vcs"]
            if r["status"]:
                v.errors.append(
                    f"{cmd} {pods[r['job']]['name']} status {r['status']}: {r['out'][:300]!r} {r['err'][:200]!r}"
                )
                e["failed"] = True
            if cmd == "ADD" and r["step"] == len(v.exes) - 1 and not r["status"]:
                try:
                    pods[r["job"]]["result"] = json.loads(r["out"])
                    pods[r["job"]]["addr"] = pods[r["job"]]["result"]["ips"][0]["address"].split("/")[0]
                except Exception as ex:
                    v.errors.append(f"result of {pods[r['job']]['name']}: {ex}: {r['out'][:200]!r}")
        for j, (t0, t1) in span.items():
            rec[j]["lat"] = (t1 - t0) / 1e6
        return rec, wall

    def verify_add(v, pods):
        seen = set()
        for x in pods:
            if "addr" not in x:
                continue
            if x["addr"] in seen:
                v.errors.append(f"{x['addr']} given twice")
            seen.add(x["addr"])
            setns(x["nsfd"])
            try:
                got = addr_of("eth0")
                if got != x["addr"]:
                    v.errors.append(f"{x['name']}: eth0 has {got}, result says {x['addr']}")
                if not any(r[1] == "00000000" for r in routes()):
                    v.errors.append(f"{x['name']}: no default route")
            except OSError as ex:
                v.errors.append(f"{x['name']}: {ex}")
            finally:
                setns(home)
        rtts = []
        for x in random.sample(pods, min(a.ping, len(pods))):
            setns(v.ns)
            for _ in range(4):  # echo replies are lost in bursts on a busy machine, with no fault of the plugin
                ping = ["ping", "-c1", "-W1", "-q", x.get("addr", "0.0.0.0")]
                r = subprocess.run(ping, capture_output=True, text=True)
                if not r.returncode:
                    break
            setns(home)
            if r.returncode:
                v.errors.append(f"ping {x.get('addr')} failed")
            else:
                rtts.append(float(r.stdout.split("=")[1].split("/")[0]))
        return rtts

    def snapshot(v):
        setns(v.ns)
        s = (links(), routes())
        setns(home)
        return s + (
            sorted(
                os.path.join(d, f)[len(v.data) :]
                for d, _, fs in os.walk(v.data)
                for f in fs
                if not f.startswith(("last_reserved", "lock"))
            ),
        )

    def verify_del(v, pods, before):
        after = snapshot(v)
        left = 0
        for what, b, c in zip(("links", "routes", "ipam files"), before, after):
            d = [x for x in c if x not in b]
            if d and what == "links" and v.bench.get("delDeferred"):
                left = len(d)
                continue
            if d:
                v.errors.append(f"after DEL: {len(d)} {what} left, e.g. {d[:3]}")
        for x in pods:
            setns(x["nsfd"])
            l = links()
            setns(home)
            if l != ["lo"]:
                if v.bench.get("delDeferred"):
                    pass
                else:
                    v.errors.append(f"after DEL: {x['name']} has {l}")
        return left, settle(v, before[0]) if v.bench.get("delDeferred") else 0.0

    def settle(v, keep):
        """What a node agent would do later (one group delete), or waiting for a plugin's own background delete; ms, not in the DEL figures."""
        setns(v.ns)
        t = time.monotonic()
        if "cleanup" in v.bench:
            subprocess.run(v.bench["cleanup"], shell=True, capture_output=True)
        while [x for x in links() if x not in keep]:
            if time.monotonic() - t > 30:
                sys.exit(f"{v.name}: deferred links still there after 30 s: the namespaces are spoilt for the others")
            time.sleep(0.002)
        ms = (time.monotonic() - t) * 1e3
        setns(home)
        return ms

    raw = open(a.json, "a") if a.json else None
    table = {}
    slots = pods_make(max(fill) + a.n, a.base, home)
    # lo up, as the runtimes do before the first plugin
    for _, fd in slots:
        setns(fd)
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        fcntl.ioctl(s.fileno(), 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))
        s.close()
    setns(home)
    print(
        f"# {time.strftime('%F %T')} n={a.n} rounds={a.rounds} parallel={par} prefill={fill} load={os.getloadavg()} kernel={os.uname().release}"
    )
    vslots = {v.name: slots for v in vs} if fill == [0] else None
    if vslots is None:  # the prefilled pods stay, so each variant needs namespaces of its own
        vslots = {v.name: (slots if i == 0 else None) for i, v in enumerate(vs)}
        for i, v in enumerate(vs):
            if vslots[v.name] is None:
                b2 = f"{a.base}/v{i}"
                os.makedirs(b2 + "/netns")
                vslots[v.name] = pods_make(max(fill) + a.n, b2, home)
    have = {v.name: 0 for v in vs}
    for v in vs:  # one pod as warm-up: page cache, bridge device and the like that a first ADD leaves on purpose
        w = [newpod(v, vslots[v.name][-1])]
        do(v, "ADD", w, 1)
        do(v, "DEL", w, 1)
        if v.bench.get("delDeferred"):
            settle(v, ["lo"])
    for f in fill:
        for v in vs:
            need = f - have[v.name]
            if need > 0:
                ps = [newpod(v, s) for s in vslots[v.name][have[v.name] : f]]
                do(v, "ADD", ps, 8)
                have[v.name] = f
        for p in par:
            for rnd in range(a.rounds):
                for v in vs[rnd % len(vs) :] + vs[: rnd % len(vs)]:
                    before = snapshot(v)
                    pods = [newpod(v, s) for s in vslots[v.name][f : f + a.n]]
                    add, w1 = do(v, "ADD", pods, p)
                    rtts = verify_add(v, pods)
                    chk, w2 = do(v, "CHECK", pods, p)
                    de, w3 = do(v, "DEL", pods, p)
                    left, later = verify_del(v, pods, before)
                    if len(v.errors) > a.n:
                        sys.exit(f"{v.name}: " + "\n".join(v.errors[:8]))
                    for cmd, rec, w in (("ADD", add, w1), ("CHECK", chk, w2), ("DEL", de, w3)):
                        t = table.setdefault(
                            (f, p, v.name, cmd),
                            dict(lat=[], cpu=[], rss=0, wall=[], p50=[], vcs=[], minflt=[], ping=[], later=[]),
                        )
                        lat = sorted(r["lat"] for r in rec)
                        t["lat"] += lat
                        t["cpu"] += [r["cpu"] for r in rec]
                        t["rss"] = max([t["rss"]] + [r["rss"] for r in rec])
                        t["wall"].append(w / len(rec))
                        t["p50"].append(q(lat, 0.5))
                        t["vcs"] += [r.get("vcs", 0) for r in rec]
                        t["minflt"] += [r.get("minflt", 0) for r in rec]
                        if cmd == "ADD":
                            t["ping"] += rtts
                        if cmd == "DEL":
                            t["later"].append(later / max(1, len(rec)))
                        if raw:
                            raw.write(
                                json.dumps(
                                    dict(
                                        t=time.time(),
                                        prefill=f,
                                        parallel=p,
                                        round=rnd,
                                        variant=v.name,
                                        cmd=cmd,
                                        lat_ms=lat,
                                        cpu_ms=[r["cpu"] for r in rec],
                                        wall_ms=w,
                                    )
                                )
                                + "\n"
                            )
    print(
        f"{'prefill':>7} {'par':>3} {'variant':<16} {'cmd':<5} {'p10':>8} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8} | {'cpu/op':>7} {'wall/op':>7} ms | x first | {'RSS KiB':>7} {'faults':>6} {'switches':>8} | p50 per round"
    )
    for f in fill:
        for p in par:
            for cmd in ("ADD", "CHECK", "DEL"):
                for v in vs:
                    t = table[(f, p, v.name, cmd)]
                    l = sorted(t["lat"])
                    m = lambda x: sum(x) / len(x)
                    base = table[(f, p, vs[0].name, cmd)]
                    extra = f" ping {m(t['ping']):.3f} ms" if t["ping"] else ""
                    if cmd == "DEL" and v.bench.get("delDeferred"):
                        extra = f" deferred cleanup {m(t['later']):.2f} ms/pod"
                    print(
                        f"{f:7} {p:3} {v.name:<16} {cmd:<5} {q(l,.1):8.2f} {q(l,.5):8.2f} {q(l,.9):8.2f} {q(l,.99):8.2f} {l[-1]:8.2f} | {m(t['cpu']):7.2f} {m(t['wall']):7.2f}    | {q(l,.5)/q(sorted(base['lat']),.5):7.3f} | {t['rss']:7} {m(t['minflt']):6.0f} {m(t['vcs']):8.1f} | "
                        + " ".join(f"{x:.1f}" for x in t["p50"])
                        + extra
                    )
    bad = 0
    for v in vs:
        print(f"# {v.name}: {len(v.errors)} errors" + "".join("\n#   " + e for e in v.errors[:6]))
        bad += len(v.errors)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
