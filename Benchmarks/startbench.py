#!/usr/bin/env python3
"""startbench: wall, CPU, RSS and page faults of short programs, alternating round by round, started by cnirun (a 1.5 MiB parent).
startbench.py [-n 100] NAME=PATH ...     The first one is the base of the ratios. Each gets a CNI conf on stdin, CNI_COMMAND=VERSION.
"""

import os
import subprocess
import sys

from cnibench import Runner, q

args = sys.argv[1:]
n = int(args.pop(0)) if args[0] == "-n" and args.pop(0) else 100
progs = [a.split("=", 1) for a in args]
conf = '{"cniVersion":"1.0.0","name":"net","type":"x","mtu":1500,"ipam":{"type":"y","subnet":"10.0.0.0/16"}}'
env = ["PATH=/usr/bin:/bin", "CNI_COMMAND=VERSION", "CNI_PATH=/usr/lib/cni"]
run = Runner([])
acc = {k: [] for k, _ in progs}
for r in range(n + 3):
    for k, p in progs[r % len(progs) :] + progs[: r % len(progs)]:
        res, _ = run.batch(1, [dict(ns=-1, chain=0, env=env, steps=[(p, conf)])])
        if res[0]["status"]:
            sys.exit(f"{k}: status {res[0]['status']} {res[0]['err'][:200]!r}")
        if r >= 3:
            acc[k].append(res[0])
print(f"# n={n} load={os.getloadavg()}")
print(
    f"{'program':<16} {'size KB':>8} {'libs':>4} {'wall min':>8} {'p10':>7} {'p50':>7} {'p90':>7} {'p99':>7} ms | {'cpu p10':>7} {'p50':>7} ms | {'x first p10 wall':>8} {'cpu':>6} | {'RSS KiB':>7} {'faults':>6}"
)
b = None
for k, p in progs:
    w = sorted((r["t1"] - r["t0"]) / 1e6 for r in acc[k])
    c = sorted(r["cpu"] for r in acc[k])
    l = subprocess.run(["ldd", p], capture_output=True, text=True).stdout
    libs = sum("=>" in x for x in l.splitlines())
    b = b or (q(w, 0.1), q(c, 0.1))
    print(
        f"{k:<16} {os.path.getsize(p)//1000:8} {libs:4} {w[0]:8.2f} {q(w,.1):7.2f} {q(w,.5):7.2f} {q(w,.9):7.2f} {q(w,.99):7.2f}    | {q(c,.1):7.2f} {q(c,.5):7.2f}    | {q(w,.1)/b[0]:8.2f} {q(c,.1)/b[1]:6.2f} | {max(r['rss'] for r in acc[k]):7} {sum(r['minflt'] for r in acc[k])/n:6.0f}"
    )
