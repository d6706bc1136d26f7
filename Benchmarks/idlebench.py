#!/usr/bin/env python3
"""idlebench: what an agent costs that has nothing to do: resident memory, CPU time and wake-ups, with two ToRs (BIRD)
that announce the same 5,000 prefixes and are then silent but for KEEPALIVEs.
idlebench.py [-t SECONDS] [-n PREFIXES] [--password] [MARTLETD]      Needs root. Exit status 1: a bar was missed.

The bars: 40 MB resident, 0.2 % of a core. CPU is that of /proc/PID/schedstat of every thread (nanoseconds)."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BAR_RSS_MB, BAR_CPU = 40.0, 0.2


def sh(command):
    subprocess.run(command, shell=True, check=True)


def tasks(pid):
    return [f"/proc/{pid}/task/{t}" for t in os.listdir(f"/proc/{pid}/task")]


def cpu_ns(pid):  # of the threads that live, and of those that ended, by the coarser clock of the process
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    exact = 0
    for task in tasks(pid):
        try:
            with open(f"{task}/schedstat") as file:
                exact += int(file.read().split()[0])
        except FileNotFoundError:
            pass
    return max(ticks, exact)


def switches(pid):
    total = 0
    for task in tasks(pid):
        try:
            with open(f"{task}/status") as file:
                total += sum(int(l.split()[1]) for l in file if l.startswith("voluntary_ctxt"))
        except FileNotFoundError:
            pass
    return total


def rss_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(l.split()[1]) for l in file if l.startswith("Rss:")) / 1024


def bird(index, count, password):
    routes = "\n".join(f"    route 10.{64 + i // 256}.{i % 256}.0/24 unreachable;" for i in range(count))
    return f"""router id 192.0.2.{index * 4 + 1};
protocol device {{ }}
protocol static {{ ipv4;
{routes}
}}
protocol bgp node {{
    local 192.0.2.{index * 4 + 1} as {65001 + index};
    neighbor 192.0.2.{index * 4 + 2} as 64601;
    {f'password "{password}";' if password else ""}
    ipv4 {{ import all; export all; next hop self; }};
}}
"""


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("-t", type=int, default=60)
    options.add_argument("-n", type=int, default=5000)
    options.add_argument("--password", action="store_true")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    options.add_argument("martletd", nargs="?", default=f"{root}/build/bin/martletd")
    args = options.parse_args()
    name = f"martlet-idle-{os.getpid()}"
    spaces = [f"{name}-node", f"{name}-tor0", f"{name}-tor1"]
    directory = tempfile.mkdtemp(prefix=f"{name}-")
    running = []
    try:
        for space in spaces:
            sh(f"ip netns add {space} && ip -n {space} link set lo up")
        for index in range(2):
            tor, base = spaces[1 + index], "192.0.2."
            sh(f"ip link add eth{index} netns {spaces[0]} type veth peer name eth0 netns {tor}")
            for space, link, host in [(spaces[0], f"eth{index}", 2), (tor, "eth0", 1)]:
                sh(f"ip -n {space} addr add {base}{index * 4 + host}/30 dev {link} && ip -n {space} link set {link} up")
            with open(f"{directory}/bird{index}.conf", "w") as file:
                file.write(bird(index, args.n, "secret" if args.password else ""))
            command = f"ip netns exec {tor} bird -f -c {directory}/bird{index}.conf -s {directory}/bird{index}.ctl"
            running.append(subprocess.Popen(command.split(), stderr=subprocess.DEVNULL))
        with open(f"{directory}/key", "w") as file:
            file.write("secret\n")
        os.chmod(f"{directory}/key", 0o600)
        key = f", passwordFile: {directory}/key" if args.password else ""
        peers = ", ".join(f"{{name: tor-{i}, address: 192.0.2.{i * 4 + 1}, asn: {65001 + i}{key}}}" for i in range(2))
        with open(f"{directory}/martletd.yaml", "w") as file:
            file.write(
                f"node: {{name: node, routerID: 192.0.2.2, podCIDRs: [10.244.1.0/24], stateDir: {directory}/run}}\n"
                f"clusterCIDRs: [10.0.0.0/8]\nbgp:\n  asn: 64601\n  peers: [{peers}]\n"
            )
        log = open(f"{directory}/log", "w")
        command = f"ip netns exec {spaces[0]} {args.martletd} --config {directory}/martletd.yaml"
        agent = subprocess.Popen(command.split(), stderr=log)
        running.append(agent)
        deadline, count = time.time() + 60, 0
        while count < args.n:
            if time.time() > deadline or agent.poll() is not None:
                sys.exit(f"idlebench: {count} of {args.n} routes\n" + open(f"{directory}/log").read()[-2000:])
            time.sleep(0.5)
            routes = subprocess.run(
                f"ip -n {spaces[0]} route show proto 179 | grep -c ^10", shell=True, capture_output=True, text=True
            )
            count = int(routes.stdout)
        time.sleep(10)  # the sweep, and what the start needed
        began, cpu, woken = time.monotonic(), cpu_ns(agent.pid), switches(agent.pid)
        time.sleep(args.t)
        elapsed = time.monotonic() - began
        percent = (cpu_ns(agent.pid) - cpu) / elapsed / 1e7
        wakes = (switches(agent.pid) - woken) / elapsed
        memory = rss_mb(agent.pid)
        print(f"{args.n} routes over 2 ToRs, {elapsed:.0f} s, load {os.getloadavg()[0]:.1f}")
        print(f"rss_MB {memory:.1f} (bar {BAR_RSS_MB:.0f})  cpu_percent {percent:.3f} (bar {BAR_CPU})  wakeups/s {wakes:.1f}")
        return 0 if memory <= BAR_RSS_MB and percent <= BAR_CPU else 1
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGKILL)
            process.wait()
        for space in spaces:
            subprocess.run(["ip", "netns", "delete", space], stderr=subprocess.DEVNULL)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
