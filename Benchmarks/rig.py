"""The bench's rig: two network namespaces, processes in them, and what those cost."""

import argparse
import json
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(HERE), "build", "bench")
DUT, DUT_AS = "10.99.0.1", 65000
SENDER_NET, RECV_NET = "10.99.1.0", "10.99.9.0"  # first addresses: 10.99.1.1, 10.99.9.1
OPTIONS = argparse.Namespace(nice=0, keep=False, warm_ms=2000, settle_ms=2000)


def compiled(name, flags=()):
    """The path of the tool made of NAME.c, compiled when the source is newer."""
    exe, src = f"{BUILD}/{name}", f"{HERE}/{name}.c"
    os.makedirs(BUILD, exist_ok=True)
    if not os.path.exists(exe) or os.path.getmtime(exe) < os.path.getmtime(src):
        subprocess.run(["cc", "-O2", "-std=gnu11", *flags, "-o", exe, src], check=True)
    return exe


def pre():
    return ["nice", "-n", str(OPTIONS.nice)] if OPTIONS.nice else []  # exec chain: the pid stays the speaker's


def boost(pid):  # with CONFIG_SCHED_AUTOGROUP plain nice only counts inside one session: raise the session's group too
    if OPTIONS.nice:
        try:
            open(f"/proc/{pid}/autogroup", "w").write(str(OPTIONS.nice))
        except OSError:
            pass


def med(v):
    return statistics.median(v) if v else float("nan")


def ipn(base, i):
    a = int.from_bytes(socket.inet_aton(base), "big") + i
    return socket.inet_ntoa(a.to_bytes(4, "big"))


def sh(c):
    r = subprocess.run(["sh", "-c", c], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(f"{c}: {r.stderr.strip()}")
    return r.stdout


class Net:
    """The DUT's namespace `d` and the load's `l`, joined by one veth pair; every peer's address is local to the load side."""

    def __init__(self, pfx):
        self.d, self.l, self.p = f"{pfx}-dut", f"{pfx}-load", pfx

    def up(self):
        self.down()
        for ns in (self.d, self.l):
            sh(f"ip netns add {ns} && ip -n {ns} link set lo up")
        sh(f"ip -n {self.d} link add {self.p}d type veth peer name {self.p}l netns {self.l}")
        for ns, dev, a in ((self.d, f"{self.p}d", 1), (self.l, f"{self.p}l", 2)):
            sh(f"ip -n {ns} addr add 10.99.0.{a}/16 dev {dev} && ip -n {ns} -6 addr add fd99::{a}/64 dev {dev} nodad")
            sh(f"ip -n {ns} link set {dev} up")
        for net in ("10.99.1.0/24", "10.99.2.0/23", "10.99.9.0/24"):
            sh(f"ip -n {self.l} route add local {net} dev lo")

    def down(self):
        for ns in (self.d, self.l):
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)


def children(root):
    kids = {}
    for e in os.listdir("/proc"):
        if e.isdigit():
            try:
                s = open(f"/proc/{e}/stat").read()
                kids.setdefault(int(s[s.rindex(")") + 2 :].split()[1]), []).append(int(e))
            except OSError:
                pass
    out, st = [], [root]
    while st:
        p = st.pop()
        out.append(p)
        st += kids.get(p, [])
    return out


def cpu_of(pid):
    try:
        # the process CPU clock of another process: ns resolution, all threads, live and dead
        return time.clock_gettime(((~pid) << 3) | 2)
    except OSError:
        return 0.0


def utime_stime(pid):
    try:
        s = open(f"/proc/{pid}/stat").read()
        f = s[s.rindex(")") + 2 :].split()
        return int(f[11]) / 100, int(f[12]) / 100
    except OSError:
        return 0.0, 0.0


def hwm(pid):
    try:
        return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0.0


def machine():
    f = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    return (f[0] + f[1] + f[2] + f[5] + f[6]) / 100, f[7] / 100  # busy, steal


class Speaker:
    """One speaker in the DUT's namespace: `make(directory, scenario, neighbors)` writes its files and returns its commands."""

    def __init__(self, name, make, net, sc, nb):
        os.makedirs("/run/openbgpd", exist_ok=True)  # chroot of the Debian openbgpd package (normally made by systemd)
        self.name, self.dir = name, tempfile.mkdtemp(prefix=f"bgpbench-{name}-", dir="/tmp")
        os.chmod(self.dir, 0o755)  # daemons that drop to their own user must get in
        self.procs = []
        try:
            self.start(name, make, net, sc, nb)
        except BaseException:
            self.stop()
            raise

    def start(self, name, make, net, sc, nb):
        for i, c in enumerate(make(self.dir, sc, nb)):
            lf = open(f"{self.dir}/out{i}.log", "w")
            self.procs.append(
                subprocess.Popen(
                    pre() + ["ip", "netns", "exec", net.d] + c,
                    stdout=lf,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    cwd=self.dir,
                    start_new_session=True,
                )
            )
            boost(self.procs[-1].pid)
            if i < 2 and sc.get("kernel") and name == "frr":
                time.sleep(0.5)  # bgpd looks for zebra and bfdd once
        end = time.time() + 30
        while not self.listening(net):
            if not self.alive():
                raise RuntimeError(f"{name} died at start: {self.logs()}")
            if time.time() > end:
                raise RuntimeError(f"{name} does not listen on 179: {self.logs()}")
            time.sleep(0.05)
        time.sleep(1.0)  # let it finish reading its configuration

    def listening(self, net):
        for f in ("tcp", "tcp6"):
            try:
                t = open(f"/proc/{self.procs[-1].pid}/net/{f}").read()
            except OSError:
                return False
            if re.search(r":00B3 [0-9A-F]+:0000 0A ", t):
                return True
        return False

    def alive(self):
        return all(p.poll() is None for p in self.procs)

    def pids(self):
        return [q for p in self.procs for q in children(p.pid)]

    def cpu(self):
        return sum(cpu_of(p) for p in self.pids())

    def split(self):
        t = [utime_stime(p) for p in self.pids()]
        return sum(x[0] for x in t), sum(x[1] for x in t)

    def rss(self):
        return sum(hwm(p) for p in self.pids())

    def logs(self):
        out = ""
        for f in sorted(os.listdir(self.dir)):
            if f.endswith(".log"):
                t = open(f"{self.dir}/{f}", errors="replace").read()[-600:].strip()
                out += f"[{f}] {t} " if t else ""
        return out[-1500:]

    def stop(self):
        pids = self.pids()
        for p in reversed(self.procs):
            if p.poll() is None:
                p.terminate()
        end = time.time() + 8
        for p in self.procs:
            try:
                p.wait(max(0.1, end - time.time()))
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for q in pids:  # forked helpers of this speaker only
            for _ in range(20):
                try:
                    os.kill(q, 0)
                except OSError:
                    break
                time.sleep(0.1)
            else:
                try:
                    os.kill(q, signal.SIGKILL)
                except OSError:
                    pass
        if not OPTIONS.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


class Lines:
    """A child process speaking JSON lines."""

    def __init__(self, argv, stdin=True):
        self.err = tempfile.TemporaryFile("w+")
        self.name = os.path.basename(argv[4])
        self.p = subprocess.Popen(
            pre() + argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.err,
            text=True,
            bufsize=1,
        )
        os.set_blocking(self.p.stdout.fileno(), False)
        self.buf = ""

    def read(self, ev, timeout):
        end = time.time() + timeout
        while True:
            while "\n" in self.buf:
                line, self.buf = self.buf.split("\n", 1)
                j = json.loads(line)
                if j.get("ev") == "fail":
                    raise RuntimeError(j["why"])
                if j.get("ev") == ev:
                    return j
            if time.time() > end:
                raise RuntimeError(f"no '{ev}' from {self.name} in {timeout}s")
            r, _, _ = select.select([self.p.stdout], [], [], min(1, max(0.01, end - time.time())))
            if r:
                t = self.p.stdout.read()
                if t == "":
                    raise RuntimeError(f"{self.name} ended: {self.errtext()}")
                self.buf += t or ""

    def send(self, s):
        self.p.stdin.write(s + "\n")
        self.p.stdin.flush()

    def errtext(self):
        self.err.seek(0)
        return self.err.read()[-400:].strip()

    def stop(self):
        try:
            self.p.stdin and self.p.stdin.close()
        except OSError:
            pass
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
