"""S6 (kernel install and removal) and S7 (failover): what arrives in the kernel, seen by `nlroutes watch`."""

import json
import os
import subprocess
import time

from rig import Lines, Speaker, compiled, machine, med, pre
from scenarios import SCEN, load_cmd
from speakers import NO_BFD, PEERS, SPEAKERS

DEAD = "10.99.1.1"  # the next hop of the first sender: the one that fails in S7


class Run:
    """One kernel run: the observer, and for all but the floors the speaker and its load."""

    def __init__(self, sid, sc, net, res):
        self.sid, self.sc, self.net, self.res, self.n = sid, sc, net, res, sc["n"]
        self.speaker = self.load = None
        self.watch = Lines(["ip", "netns", "exec", net.d, compiled("nlroutes"), "watch", str(self.n), DEAD])

    def nlroutes(self, *arguments):
        command = pre() + ["ip", "netns", "exec", self.net.d, compiled("nlroutes"), *map(str, arguments)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def phase(self, name, wall, cpu, hit, foreign):
        seen = {k: hit[k] for k in ("events", "by", "overruns") if k in hit}
        rss = self.speaker.rss() if self.speaker else 0
        self.res["phases"].append(dict(name=name, conv_s=wall, cpu_s=cpu, rss_mb=rss, foreign_cpu=foreign, **seen))

    def start_speaker(self, name, nb):
        self.speaker = Speaker(name, SPEAKERS[name], self.net, self.sc, nb)
        self.load = Lines(load_cmd(self.net, self.sc, name))
        self.load.read("built", 60)
        self.load.read("up", self.sc["timeout"])

    def measured(self, name, act, after=0.0):
        """`act` starts what is measured and returns when that was; the clock stops when the observer saw the end of it."""
        c0, (b0, _), t0 = self.speaker.cpu(), machine(), time.time()
        begin = act()
        hit = self.watch.read("hit", self.sc["timeout"])
        if begin is None:
            begin = self.load.read("phase", self.sc["timeout"])["t0_ns"]
        time.sleep(after)  # CPU that is spent just behind the last route belongs to it
        cpu = self.speaker.cpu() - c0
        foreign = max(0, (machine()[0] - b0 - cpu) / (time.time() - t0))
        self.phase(name, (hit["t_ns"] - begin) / 1e9, cpu, hit, foreign)
        return hit

    def told(self, command, event):
        self.load.send(command)
        return self.load.read(event, 10)

    def until(self, what, ask, good):
        end = time.time() + self.sc["timeout"]
        while not good(answer := ask()):
            if time.time() > end:
                raise RuntimeError(f"{what}: {answer}")
            time.sleep(0.3)

    def stop(self):
        for x in (self.load, self.watch, self.speaker):
            if x:
                x.stop()


def ip_batch(run, op):
    """`ip -batch` as a second floor; returns when it began and its CPU seconds."""
    path = f"/tmp/bgpbench-ipbatch-{os.getpid()}"
    with open(path, "w") as f:
        for i in range(run.n):
            a = 0x0A000000 + 64 * i
            f.write(f"route {op} {a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}/26")
            f.write(f" via {DEAD} proto 186\n" if op == "add" else "\n")
    try:
        t0 = time.monotonic_ns()
        p = subprocess.Popen(pre() + ["ip", "-n", run.net.d, "-batch", path])
        _, status, usage = os.wait4(p.pid, 0)
        if status:
            raise RuntimeError("ip -batch failed")
        return t0, usage.ru_utime + usage.ru_stime
    finally:
        os.unlink(path)


def floors(run, name):
    for op in ("add", "del"):
        run.watch.send(f"mark {op}")
        time.sleep(0.3)
        if name == "floor":
            answer = run.nlroutes(op, run.n, DEAD)
            t0, cpu = answer["t0_ns"], answer["cpu_s"]
        else:
            t0, cpu = ip_batch(run, op)
        hit = run.watch.read("hit", run.sc["timeout"])
        if hit["routes"] != (run.n if op == "add" else 0):
            raise RuntimeError(f"{op}: {hit['routes']} routes in the kernel")
        run.phase(op, (hit["t_ns"] - t0) / 1e9, cpu, hit, 0)


def install_and_remove(run):
    run.watch.send("mark add")
    time.sleep(0.3)
    hit = run.measured("install", lambda: run.load.send("announce"))
    if hit["routes"] != run.n:
        raise RuntimeError(f"add: {hit['routes']} of {run.n} in the kernel")
    run.watch.send("mark del")
    time.sleep(0.3)
    hit = run.measured("gone after RST", lambda: run.told("rst all", "rst")["t_ns"], after=0.5)
    if hit["routes"]:
        raise RuntimeError(f"del: {hit['routes']} left")


def cut(run):
    """The first sender dies: by a TCP reset, or silently, with every packet dropped, so that only BFD can tell."""
    if run.sc["fail"] == "rst":
        return run.told("rst 0", "rst")["t_ns"]
    event = run.told("mute 0", "mute")
    rules = "add table ip bb; add chain ip bb o { type filter hook output priority 0; }; "
    rules += "add chain ip bb i { type filter hook prerouting priority 0; }; "
    rules += f"add rule ip bb o ip saddr {DEAD} drop; add rule ip bb i ip daddr {DEAD} drop"
    subprocess.run(["ip", "netns", "exec", run.net.l, "nft", rules], check=True)
    return event["t_ns"]


def failover(run, bfd):
    run.load.send("announce")
    run.load.read("phase", run.sc["timeout"])
    both = lambda j: j["routes"] == j["multipath"] == j["via"] == run.n
    run.until("ECMP not installed", lambda: run.nlroutes("count", DEAD), both)
    if bfd:
        run.until("BFD not up", lambda: run.told("stat", "stat"), lambda j: j["bfd_up"] == 2)
    time.sleep(2)
    if run.nlroutes("count", DEAD)["multipath"] != run.n:
        raise RuntimeError("routes moved before the failure (BFD flap?)")
    run.watch.send("mark via")
    run.watch.read("before", 10)
    hit = run.measured("last route off the dead ToR", lambda: cut(run), after=0.5)
    if hit["via_dead"] or hit["routes"] != run.n:
        raise RuntimeError(f"after failover: {hit['routes']} routes, {hit['via_dead']} via the dead ToR")


def run_kernel(name, sid, sc, nb, net, res):
    run = None
    try:
        if name in NO_BFD and sc.get("fail") == "drop":
            raise RuntimeError(f"{name} has no BFD: nothing would notice the silent failure")
        run = Run(sid, sc, net, res)
        run.watch.read("ready", 10)
        if name in ("floor", "ipbatch"):
            floors(run, name)
        else:
            run.start_speaker(name, nb)
            install_and_remove(run) if sid == "S6" else failover(run, bfd=name not in NO_BFD)
            if not run.speaker.alive():
                raise RuntimeError("speaker died: " + run.speaker.logs())
            res["rss_mb"] = run.speaker.rss()
        res["ok"] = True
    except Exception as e:
        res["error"] = str(e)[:600]
        if run and run.speaker:
            res["log"] = run.speaker.logs()[-500:]
        if run and run.load:
            res["load_err"] = run.load.errtext()
    finally:
        if run:
            run.stop()
    return res


def table(results, sid, names):
    print(f"\n== {sid} {SCEN[sid]['title']}")
    mine = [r for r in results if r["scenario"] == sid]
    good = {n: [r["phases"] for r in mine if r["speaker"] == n and r["ok"]] for n in names}
    for k in range(max((len(p) for ps in good.values() for p in ps), default=0)):
        rows = [(n, [p[k] for p in ps]) for n, ps in good.items() if ps]
        best = lambda key: min((med([p[key] for p in P]) for n, P in rows if n in PEERS), default=0)
        wall, cpu = best("conv_s"), best("cpu_s")
        print(f"-- {rows[0][1][0]['name']}")
        print(
            f"{'speaker':10} {'n':>2} {'wall_s':>9} {'min':>9} {'max':>9} {'xbest':>6} {'cpu_s':>8} {'xbest':>6}",
            end="",
        )
        print(f" {'rss_MB':>8} {'nl_events':>9} {'foreign':>7} seen by")
        for n, P in rows:
            v, c = [p["conv_s"] for p in P], [p["cpu_s"] for p in P]
            print(
                f"{n:10} {len(P):2d} {med(v):9.4f} {min(v):9.4f} {max(v):9.4f} {med(v) / wall if wall else 0:6.2f}",
                end="",
            )
            print(f" {med(c):8.3f} {med(c) / cpu if cpu else 0:6.2f} {med([p['rss_mb'] for p in P]):8.1f}", end="")
            print(f" {int(med([p['events'] for p in P])):9d} {med([p['foreign_cpu'] for p in P]):7.2f} {P[0]['by']}")
    for r in mine:
        if not r["ok"]:
            print(f"FAILED {sid} {r['speaker']}: {r.get('error')} {r.get('log', '')[-200:]}")
