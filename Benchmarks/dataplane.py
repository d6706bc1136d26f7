#!/usr/bin/env python3
"""dataplane: pod-to-pod throughput, latency and CPU cost of several network shapes, alternating in one run.

  dataplane.py [--rounds 12] [--iperf-rounds 4] [--secs 2] [--only direct,routed] [--skip-iperf] [--json out.jsonl]

All namespaces live in a private mount namespace, so names cannot collide and nothing outlives the process.
  direct        pod veth pod: the limit
  same-routed   one node, routed /32 veths (Calico style)            same-bridge   one node, both pods on a bridge
  routed        pod /32 node1 - router - node2 /32 pod, plain routes
  routed-arp    as routed, with proxy ARP instead of static neighbours    routed-10k  as routed, with 10,000 more routes on nodes
  routed-ct     as routed, with an nftables forward chain (ct state established accept)
  bridge        pod - bridge - node1 - router - node2 - bridge - pod, plain routes (host-gw style)
  vxlan         as routed, between the nodes VXLAN (Calico VXLAN style)   vxlan-bridge  as bridge, with VXLAN (Flannel style)
Metrics: pathcost (one thread, no scheduler): rr-udp, rr-tcp, pps (64 B one way), stream; "stream1": the same with gso_max_segs 1
on the pods' interfaces, so every packet is MTU sized, as on a path without offload; pingpong (two processes); iperf3 1 and 8 streams.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import time

from rig import compiled

libc = ctypes.CDLL(None, use_errno=True)


def sh(c, ok=False):
    r = subprocess.run(c, shell=True, capture_output=True, text=True)
    if r.returncode and not ok:
        raise RuntimeError(f"{c}\n{r.stderr}{r.stdout}")
    return r.stdout


def ns(name):
    sh(
        f"ip netns add {name} && ip -n {name} link set lo up && ip netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0"
    )


def veth(n1, i1, n2, i2, mtu=1500):
    sh(
        f"ip -n {n1} link add {i1} mtu {mtu} type veth peer name {i2} mtu {mtu} netns {n2} && ip -n {n1} link set {i1} up && ip -n {n2} link set {i2} up"
    )


def routed_pod(node, pod, addr, arp=False, mtu=1500):
    ns(pod)
    cali = f"c{pod}"[:15]
    veth(node, cali, pod, "eth0", mtu)
    sh(
        f"ip -n {node} link set {cali} address ee:ee:ee:ee:ee:ee && ip -n {pod} addr add {addr}/32 dev eth0 && ip -n {pod} route add 169.254.1.1 dev eth0 scope link && ip -n {pod} route add default via 169.254.1.1 dev eth0 && ip -n {node} route add {addr}/32 dev {cali}"
    )
    if arp:
        sh(
            f"ip netns exec {node} sysctl -qw net.ipv4.conf.{cali}.proxy_arp=1 net.ipv4.neigh.{cali}.proxy_delay=0 && ip -n {node} route replace default dev lo"
        )
    else:
        sh(
            f"ip -n {pod} neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent && ip -n {node} neigh add {addr} lladdr $(ip -n {pod} -j link show eth0 | python3 -c 'import json,sys;print(json.load(sys.stdin)[0][\"address\"])') dev {cali} nud permanent"
        )


def bridge_pod(node, pod, addr, gw, mtu=1500):
    if "br0" not in sh(f"ip -n {node} -o link show"):
        sh(
            f"ip -n {node} link add br0 mtu {mtu} type bridge && ip -n {node} addr add {gw}/24 dev br0 && ip -n {node} link set br0 up"
        )
    ns(pod)
    h = f"v{pod}"[:15]
    veth(node, h, pod, "eth0", mtu)
    sh(
        f"ip -n {node} link set {h} master br0 && ip -n {pod} addr add {addr}/24 dev eth0 && ip -n {pod} route add default via {gw}"
    )


def fabric(p):
    """node1 - tor - node2, a routed link on either side, as to a top-of-rack router."""
    for x in ("1", "t", "2"):
        ns(p + x)
    for k in "12":
        veth(p + k, "ul", p + "t", "d" + k)
        sh(f"ip -n {p}{k} addr add 172.16.{k}.2/30 dev ul && ip -n {p}t addr add 172.16.{k}.1/30 dev d{k}")
    sh(f"ip -n {p}1 route add 172.16.2.0/30 via 172.16.1.1; ip -n {p}2 route add 172.16.1.0/30 via 172.16.2.1")


def plain(p):
    sh(
        f"ip -n {p}1 route add 10.2.0.0/24 via 172.16.1.1; ip -n {p}2 route add 10.1.0.0/24 via 172.16.2.1; ip -n {p}t route add 10.1.0.0/24 via 172.16.1.2; ip -n {p}t route add 10.2.0.0/24 via 172.16.2.2"
    )


def vxlan(p):
    for k, o in (("1", "2"), ("2", "1")):
        m = lambda z: f"66:00:00:00:00:0{z}"
        sh(
            f"ip -n {p}{k} link add vx0 address {m(k)} mtu 1450 type vxlan id 4096 local 172.16.{k}.2 dstport 4789 nolearning && ip -n {p}{k} addr add 10.{k}.0.0/32 dev vx0 && ip -n {p}{k} link set vx0 up && "
            f"bridge -n {p}{k} fdb append {m(o)} dev vx0 dst 172.16.{o}.2 && ip -n {p}{k} neigh add 10.{o}.0.0 lladdr {m(o)} dev vx0 nud permanent && ip -n {p}{k} route add 10.{o}.0.0/24 via 10.{o}.0.0 dev vx0 onlink"
        )


def build(only):
    T = {}

    def want(n):
        return not only or n in only

    if want("direct"):
        ns("da")
        ns("db")
        veth("da", "eth0", "db", "eth0")
        sh("ip -n da addr add 10.1.0.2/24 dev eth0; ip -n db addr add 10.1.0.3/24 dev eth0")
        T["direct"] = ("da", "db", "10.1.0.3")
    if want("same-routed"):
        ns("s1")
        routed_pod("s1", "sa", "10.1.0.2")
        routed_pod("s1", "sb", "10.1.0.3")
        T["same-routed"] = ("sa", "sb", "10.1.0.3")
    if want("same-bridge"):
        ns("t1")
        bridge_pod("t1", "ta", "10.1.0.2", "10.1.0.1")
        bridge_pod("t1", "tb", "10.1.0.3", "10.1.0.1")
        T["same-bridge"] = ("ta", "tb", "10.1.0.3")
    for name, p in (("routed", "r"), ("routed-arp", "a"), ("routed-10k", "k"), ("routed-ct", "n")):
        if not want(name):
            continue
        fabric(p)
        plain(p)
        routed_pod(p + "1", p + "pa", "10.1.0.2", name == "routed-arp")
        routed_pod(p + "2", p + "pb", "10.2.0.2", name == "routed-arp")
        T[name] = (p + "pa", p + "pb", "10.2.0.2")
        for k in "12":
            if name == "routed-10k":
                subprocess.run(
                    ["ip", "-n", p + k, "-batch", "-"],
                    input="".join(
                        f"route add 10.{64 + (i >> 8)}.{i & 255}.0/24 via 172.16.{k}.1\n" for i in range(10000)
                    ),
                    text=True,
                    check=True,
                )
            if name == "routed-ct":
                sh(
                    f"ip netns exec {p}{k} nft 'add table ip f; add chain ip f ccfwd {{ type filter hook forward priority 0; policy accept; }}; add rule ip f ccfwd ct state established,related accept; add rule ip f ccfwd ip daddr 10.0.0.0/8 accept'"
                )
    if want("bridge"):
        fabric("b")
        plain("b")
        bridge_pod("b1", "bpa", "10.1.0.2", "10.1.0.1")
        bridge_pod("b2", "bpb", "10.2.0.2", "10.2.0.1")
        T["bridge"] = ("bpa", "bpb", "10.2.0.2")
    if want("vxlan"):
        fabric("v")
        routed_pod("v1", "vpa", "10.1.0.2", mtu=1450)
        routed_pod("v2", "vpb", "10.2.0.2", mtu=1450)
        vxlan("v")
        T["vxlan"] = ("vpa", "vpb", "10.2.0.2")
    if want("vxlan-bridge"):
        fabric("w")
        bridge_pod("w1", "wpa", "10.1.0.2", "10.1.0.1", 1450)
        bridge_pod("w2", "wpb", "10.2.0.2", "10.2.0.1", 1450)
        vxlan("w")
        T["vxlan-bridge"] = ("wpa", "wpb", "10.2.0.2")
    return T


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=12)
    ap.add_argument("--iperf-rounds", type=int, default=4)
    ap.add_argument("--secs", type=int, default=2)
    ap.add_argument("--only")
    ap.add_argument("--skip-iperf", action="store_true")
    ap.add_argument("--json")
    a = ap.parse_args()
    if libc.unshare(0x20000 | 0x40000000) or libc.mount(None, b"/", None, 16384 | (1 << 18), None):
        sys.exit("unshare: need root")
    os.makedirs("/run/netns", exist_ok=True)
    if libc.mount(b"dp", b"/run/netns", b"tmpfs", 0, None):
        sys.exit("mount")
    pc, pp = compiled("pathcost"), compiled("pingpong")
    T = build(a.only.split(",") if a.only else None)
    servers, M = [], {}
    for n, (x, y, addr) in T.items():
        for _ in range(3):
            r = sh(f"ip netns exec {x} ping -c1 -W2 -q {addr}", ok=True)
            if " 0% packet loss" in r:
                break
        else:
            sys.exit(f"{n}: no connectivity")
        servers.append(subprocess.Popen(["ip", "netns", "exec", y, pp, "-s", "7001"]))
        if not a.skip_iperf:
            servers.append(
                subprocess.Popen(["ip", "netns", "exec", y, "iperf3", "-s", "-p", "7002"], stdout=subprocess.DEVNULL)
            )
    raw = open(a.json, "a") if a.json else None

    def put(n, k, v):
        M.setdefault(k, {}).setdefault(n, []).append(v)
        if raw:
            raw.write(json.dumps(dict(t=time.time(), shape=n, metric=k, value=v)) + "\n")

    def gso(x, y, segs):
        for z in (x, y):
            sh(f"ip -n {z} link set dev eth0 gso_max_segs {segs}")

    names = list(T)
    print(
        f"# {time.strftime('%F %T')} kernel {os.uname().release} rounds {a.rounds} load {os.getloadavg()}", flush=True
    )
    try:
        time.sleep(0.5)
        for rnd in range(a.rounds):
            order = names[rnd % len(names) :] + names[: rnd % len(names)]
            for metric in ("rr-udp", "rr-tcp", "pps", "stream", "stream1", "pingpong") + (
                () if a.skip_iperf or rnd >= a.iperf_rounds else ("iperf1", "iperf8")
            ):
                for n in order:
                    x, y, addr = T[n]
                    pa, pb = f"/run/netns/{x}", f"/run/netns/{y}"
                    if metric in ("rr-udp", "rr-tcp", "pps"):
                        r = json.loads(sh(f"{pc} {pa} {pb} {addr} {metric} 4000 64"))
                        put(n, metric + " p50 us", r["p50_us"])
                        put(n, metric + " p99 us", r["p99_us"])
                        put(n, metric + " cpu us", r["cpu_us"])
                        if r["lost"]:
                            put(n, metric + " lost", r["lost"])
                    elif metric == "stream":
                        put(
                            n,
                            "stream cpu ns/KiB",
                            json.loads(sh(f"{pc} {pa} {pb} {addr} stream 192"))["cpu_ns_per_kib"],
                        )
                    elif metric == "stream1":
                        gso(x, y, 1)
                        put(
                            n,
                            "stream, no GSO, cpu ns/KiB",
                            json.loads(sh(f"{pc} {pa} {pb} {addr} stream 48"))["cpu_ns_per_kib"],
                        )
                        gso(x, y, 65535)
                    elif metric == "pingpong":
                        r = json.loads(sh(f"ip netns exec {x} {pp} {addr} 7001 3000 64"))
                        put(n, "pingpong p50 us", r["p50_us"])
                        put(n, "pingpong p99 us", r["p99_us"])
                    else:
                        e = json.loads(
                            sh(f"ip netns exec {x} iperf3 -c {addr} -p 7002 -t {a.secs} -P {metric[5:]} -J")
                        )["end"]
                        put(n, f"iperf3 x{metric[5:]} Gbit/s", e["sum_received"]["bits_per_second"] / 1e9)
    finally:
        for s in servers:
            s.terminate()
        for s in servers:
            s.wait()
    med = lambda v: sorted(v)[len(v) // 2]
    for k in M:
        base = med(M[k][names[0]]) if names[0] in M[k] else 0
        rb = "routed" if "routed" in M[k] else names[0]
        print(
            f"\n## {k}\n{'shape':<14} {'median':>9} {'min':>9} {'max':>9}  x {names[0]}  x {rb} (median of per-round ratios)"
        )
        for n in names:
            if n not in M[k]:
                continue
            v = M[k][n]
            rt = med([p / q for p, q in zip(v, M[k][rb])]) if rb in M[k] and len(M[k][rb]) == len(v) else float("nan")
            print(f"{n:<14} {med(v):9.3f} {min(v):9.3f} {max(v):9.3f}  {med(v)/base if base else 0:7.2f}  {rt:7.3f}")


if __name__ == "__main__":
    main()
