#!/usr/bin/env python3
"""symbolorder.py BINARY MAP OUT: the functions that an agent at work calls, the dearest first, for lld.

The kernel maps a program's file in runs of 16 pages around each page that is touched, so what an agent costs a node is
mostly the functions that it never calls, next to those that it does. Linked in this order, the latter stand together.
`make order` does it all: BINARY is the agent with its symbols, MAP what lld wrote of it. The agent runs under callgrind
through the scenarios of the benchmark; needs valgrind and curl. Names that are gone after a change do no harm, new ones
stand where they stood without the list: it is to be made anew when memory in `make bench` has grown without a reason.
"""

import collections
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Under callgrind S6 and S7a do not get their routes in time: what only they call stays from earlier lists.
SCENARIOS = "S1,S2s,S3s"
# Objects that were not compiled with a section for each function move as a whole: they come behind the others.
SMALL = 8192
# glibc has some functions in a variant for each kind of processor, and valgrind's is not that of the nodes.
VARIANT = re.compile(r"_(sse2|sse42|avx2|evex|avx512)(?=_|$)")


def run(binary, directory):
    adapter = json.load(open(f"{HERE}/adapters/martlet.json"))
    ask = "; ".join(
        f"curl -s -m 20 --unix-socket $dir/martletd.sock http://localhost/{path} >/dev/null"
        for path in ("metrics", "healthz", "v1/sessions", "v1/fib")
    )
    valgrind = f"valgrind --tool=callgrind --demangle=no --callgrind-out-file={directory}/%p"
    # What is asked of every agent every few seconds belongs to its work too.
    adapter["cmds"] = [["sh", "-c", f"(for i in 1 2 3; do sleep 5; {ask}; done) & exec {valgrind} {binary} --config $dir/martletd.yaml"]]
    # Fifty times slower it keeps no interval of 50 ms.
    adapter["kernel"]["neighbor"] = re.sub(r", bfd: \{.*?\}", "", adapter["kernel"]["neighbor"])
    path = f"{directory}/adapter.json"
    json.dump(adapter, open(path, "w"))
    command = [f"{HERE}/bench.py", "-s", SCENARIOS, "-p", "martlet", "--adapter", f"martlet={path}", "-n", "1"]
    subprocess.run(command + ["--warmup", "0", "--timeout", "300"], check=True)
    files = [f for f in glob.glob(f"{directory}/[0-9]*") if os.path.getsize(f)]
    if not files:
        sys.exit("symbolorder: callgrind wrote nothing")
    return files


def costs(files):
    """Instructions of each function itself, over all runs."""
    cost = collections.Counter()
    for file in files:
        names, current, is_call = {}, None, False
        for line in open(file, errors="replace"):
            if m := re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line):
                if m.group(2):
                    # Levels of recursion are counted apart.
                    names[m.group(1)] = re.sub(r"'\d+$", "", m.group(2))
                if line.startswith("fn="):
                    current = names[m.group(1)]
            elif line.startswith("calls="):
                is_call = True
            elif current and line[0] in "0123456789+-*":
                fields = line.split()
                if not is_call and len(fields) > 1:
                    cost[current] += int(fields[1])
                is_call = False
    return cost


def sections(path):
    """For each symbol the size of the largest section with one of that name."""
    sizes, size = {}, None
    for line in open(path):
        fields = line.split(None, 4)
        if len(fields) < 5 or not re.fullmatch(r"[0-9a-f]+", fields[0]):
            continue
        name = fields[4].rstrip()
        if ":(" in name:
            size = int(fields[2], 16) if ":(.text" in name else None
        elif size is not None and not name.startswith("."):
            sizes[name] = max(size, sizes.get(name, 0))
    return sizes


def write_order(cost, map_file, out, keep_earlier=True):
    """Writes the functions of `cost` that the map knows, the dearest first."""
    sizes = sections(map_file)
    stems = collections.defaultdict(list)
    for name in sizes:
        stems[VARIANT.split(name)[0]].append(name)
    order = {}
    for name, _ in cost.most_common():
        for variant in stems[VARIANT.split(name)[0]] if VARIANT.search(name) else [name]:
            order[variant] = None
    small = [name for name in order if 0 < sizes.get(name, 0) <= SMALL]
    large = [name for name in order if sizes.get(name, 0) > SMALL]
    earlier = open(out).read().split() if keep_earlier and os.path.exists(out) else []
    kept = [name for name in earlier if name not in order and 0 < sizes.get(name, 0) <= SMALL]
    with open(out, "w") as file:
        file.write("".join(f"{name}\n" for name in small + large + kept))
    print(f"{out}: {len(small)} functions, then {len(large)} in sections that hold others too, and {len(kept)} of before")


def main():
    binary, map_file, out = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="martlet-order-") as directory:
        cost = costs(run(os.path.abspath(binary), directory))
    write_order(cost, map_file, out)


if __name__ == "__main__":
    main()
