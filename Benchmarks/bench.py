#!/usr/bin/env python3
"""bench.py: run BGP speakers side by side through the same scenarios (see README.md).

./bench.py -s S1,S3 -p bird,frr,gobgp,openbgpd,floor -n 5
./bench.py -s S1 -p martlet,bird --adapter martlet=adapters/martlet.json

Exit status 1 when a run of any speaker, also a warm-up, was wrong in any phase.
"""

import argparse
import json
import os
import signal
import sys
import time

import kern
from rig import OPTIONS, Lines, Net, Speaker, boost, cpu_of, machine, med
from scenarios import SCEN, load_cmd, neighbors
from speakers import CAN_KERNEL, PEERS, SPEAKERS, sp_adapter


def run_one(name, sid, net):
    sc = SCEN[sid]
    nb = neighbors(sc)
    res = dict(scenario=sid, speaker=name, ok=False, phases=[], load1=os.getloadavg()[0])
    spk = ld = None
    try:
        if sc.get("kernel"):
            return kern.run_kernel(name, sid, sc, nb, net, res)
        spk = Speaker(name, SPEAKERS[name], net, sc, nb)
        ld = Lines(load_cmd(net, sc, name))
        res["built"] = ld.read("built", 60)
        up = ld.read("up", sc["timeout"] + 10)
        res["setup_s"], res["reconnects"] = up["all_up_s"], up["reconnects"]
        res["cpu_setup"], res["rss_idle"] = spk.cpu(), spk.rss()
        for c in sc["cmds"]:
            b0, st0 = machine()
            c0, l0, us0 = spk.cpu(), cpu_of(ld.p.pid), spk.split()
            t0 = time.time()
            ld.send(c)
            ph = ld.read("phase", sc["timeout"] + 30)
            b1, st1 = machine()
            us1 = spk.split()
            el = time.time() - t0
            ph["cpu_s"] = spk.cpu() - c0
            ph["user_s"], ph["sys_s"] = us1[0] - us0[0], us1[1] - us0[1]
            ph["load_cpu_s"] = cpu_of(ld.p.pid) - l0
            ph["foreign_cpu"] = max(0.0, (b1 - b0) - ph["cpu_s"] - ph["load_cpu_s"]) / el
            ph["steal"] = (st1 - st0) / el
            ph["rss_mb"] = spk.rss()
            res["phases"].append(ph)
            if not spk.alive():
                raise RuntimeError("speaker died: " + spk.logs())
            if ph["status"] != "ok":
                raise RuntimeError(
                    f"{c}: {ph['status']} after {ph['elapsed_s']}s: {ph['why']} matched {ph['matched']}/{ph['target']}"
                )
            if ph["rx_unknown"]:
                raise RuntimeError(f"{ph['rx_unknown']} unknown prefixes received")
        res["rss_mb"] = spk.rss()
        res["ok"] = True
    except Exception as e:
        res["error"] = str(e)[:600]
        if spk:
            res["log"] = spk.logs()[-500:]
        if ld:
            res["load_err"] = ld.errtext()
    finally:
        if ld:
            ld.stop()
        if spk:
            spk.stop()
    return res


def spread(v):
    return (max(v) - min(v)) / med(v) * 100 if v and med(v) else 0.0


def table(results, sid, names):
    sc = SCEN[sid]
    print(f"\n== {sid} {sc['title']}")
    ok = {n: [r for r in results if r["scenario"] == sid and r["speaker"] == n and r["ok"]] for n in names}
    bad = {n: [r for r in results if r["scenario"] == sid and r["speaker"] == n and not r["ok"]] for n in names}
    phases = max((len(r["phases"]) for n in names for r in ok[n]), default=0)
    for k in range(phases):
        rows = []
        for n in names:
            rs = [r for r in ok[n] if len(r["phases"]) > k]
            if not rs:
                continue
            P = [r["phases"][k] for r in rs]
            rows.append(
                (
                    n,
                    [p["conv_s"] for p in P],
                    [p["quiet_s"] for p in P],
                    [p["cpu_s"] for p in P],
                    [p["rss_mb"] for p in P],
                    [p["rx_updates"] for p in P],
                    [p["rx_bytes"] for p in P],
                    [p["foreign_cpu"] for p in P],
                    [p["load_cpu_s"] for p in P],
                    P[0]["name"],
                    len(rs),
                )
            )
        peers = [x for x in rows if x[0] in PEERS]
        bw = min((med(x[1]) for x in peers), default=0)
        bc = min((med(x[3]) for x in peers), default=0)
        br = min((med(x[4]) for x in peers), default=0)
        if rows:
            print(
                f"-- phase {k + 1}: {rows[0][9]}\n{'speaker':10} {'n':>2} {'wall_s':>9} {'min':>9} {'max':>9} {'xbest':>6} {'quiet_s':>9} {'cpu_s':>9} {'spread%':>7} {'xbest':>6} {'rss_MB':>8} {'xbest':>6} {'rx_upd':>8} {'rx_MB':>7} {'load_cpu':>8} {'foreign':>7}"
            )
        for x in rows:
            q = lambda a, b: f"{a / b:6.2f}" if b else "     -"
            print(
                f"{x[0]:10} {x[10]:2d} {med(x[1]):9.4f} {min(x[1]):9.4f} {max(x[1]):9.4f} {q(med(x[1]), bw)} {med(x[2]):9.4f} {med(x[3]):9.4f} {spread(x[3]):7.0f} {q(med(x[3]), bc)} {med(x[4]):8.1f} {q(med(x[4]), br)} {int(med(x[5])):8d} {med(x[6]) / 1e6:7.2f} {med(x[8]):8.3f} {med(x[7]):7.2f}"
            )
    for n in names:
        for r in bad[n]:
            print(f"FAILED {sid} {n}: {r.get('error')} {('| ' + r['log'][-200:]) if r.get('log') else ''}")


def options():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-s", "--scenarios", default="S1,S2,S3")
    ap.add_argument("-p", "--speakers", default="bird,frr,gobgp,openbgpd,floor")
    ap.add_argument("-n", type=int, default=3, help="measured rounds")
    ap.add_argument("--nice", type=int, default=0, help="nice level of speaker and load (e.g. -15 on a shared machine)")
    ap.add_argument("--timeout", type=int, help="override the scenario's time limit per phase")
    ap.add_argument("--warmup", type=int, default=1, help="discarded rounds")
    ap.add_argument("--warm-ms", type=int, default=2000, help="idle time between all sessions up and the start")
    ap.add_argument("--settle-ms", type=int, default=2000, help="silence that ends a phase")
    ap.add_argument("--prefix", default=f"bb{os.getpid()}", help="netns/interface name prefix, at most 13 characters")
    ap.add_argument("--adapter", action="append", default=[], metavar="NAME=FILE")
    ap.add_argument("--out", default="", help="append one JSON line per run")
    ap.add_argument("--keep", action="store_true", help="keep the speakers' directories")
    ap.add_argument("--report", nargs="*", help="only print tables of these result files")
    ap.parse_args(namespace=OPTIONS)
    for a in OPTIONS.adapter:
        name, path = a.split("=", 1)
        SPEAKERS[name] = sp_adapter(name, path)
        CAN_KERNEL.add(name)
    names, sids = OPTIONS.speakers.split(","), OPTIONS.scenarios.split(",")
    for what, asked, known in (("speaker", names, [*SPEAKERS, "ipbatch"]), ("scenario", sids, SCEN)):
        for x in asked:
            if x not in known:
                ap.error(f"no {what} is called {x} ({', '.join(known)})")
    if OPTIONS.timeout:
        for s in SCEN.values():
            s["timeout"] = OPTIONS.timeout
    return names, sids


def report(results, sid, names):
    (kern.table if SCEN[sid].get("kernel") else table)(results, sid, names)


def takes_part(name, sc, sid):
    if name == "ipbatch" or name == "floor" and sc.get("kernel"):
        return sid == "S6"
    return not (name == "floor" and sc.get("nofloor")) and (not sc.get("kernel") or name in CAN_KERNEL)


def measure(sid, names, net, out):
    """All rounds of one scenario, the speakers in turn; returns the measured runs, and the number of runs that were wrong."""
    results, wrong = [], 0
    for rep in range(-OPTIONS.warmup, OPTIONS.n):
        for n in names:
            net.up()
            r = run_one(n, sid, net)
            net.down()
            r["rep"], r["nice"], r["when"] = rep, OPTIONS.nice, time.strftime("%H:%M:%S")
            msg = " ".join(f"{p['name']}={p['conv_s']:.3f}s/cpu{p['cpu_s']:.3f}" for p in r["phases"])
            verdict = "ok" if r["ok"] else "FAILED " + r.get("error", "")
            note = " (warm-up)" if rep < 0 else ""
            print(
                f"[{r['when']}] {sid} {n} rep{rep} {verdict} {msg} rss={r.get('rss_mb', 0):.0f}MB{note}",
                file=sys.stderr,
            )
            wrong += not r["ok"]
            if rep >= 0:
                results.append(r)
                if out:
                    out.write(json.dumps(r) + "\n")
                    out.flush()
    return results, wrong


def main():
    names, sids = options()
    if OPTIONS.report is not None:
        rs = [json.loads(line) for f in OPTIONS.report for line in open(f)]
        for s in sids:
            report(rs, s, [n for n in names if any(r["speaker"] == n and r["scenario"] == s for r in rs)])
        return 0
    if OPTIONS.nice:
        try:
            os.setsid()
        except OSError:
            pass
        boost("self")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    net, wrong = Net(OPTIONS.prefix), 0
    out = open(OPTIONS.out, "a") if OPTIONS.out else None
    try:
        for s in sids:
            use = [n for n in names if takes_part(n, SCEN[s], s)]
            results, bad = measure(s, use, net, out)
            wrong += bad
            report(results, s, use)
    finally:
        net.down()
    if wrong:
        print(f"\n{wrong} run(s) FAILED")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
