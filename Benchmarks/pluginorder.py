#!/usr/bin/env python3
"""pluginorder.py BINARY MAP OUT: the functions that a plugin's calls run through, the dearest first, for lld.

A plugin is a new process for each call, and each first touch of a page of its program is a page fault, which brings in the
16 pages around it. Linked in this order, what the calls need stands together. BINARY is the plugin with its symbols, MAP what
lld wrote of it; every verb runs under callgrind, in each family, with both ways of deleting. Needs root and valgrind.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

from symbolorder import costs, write_order

HERE = os.path.dirname(os.path.abspath(__file__))


def both_families(directory):
    """The benchmark's list, for addresses of both families."""
    listing = json.load(open(f"{HERE}/conf/martlet.conflist"))
    listing["name"] = "both"
    ipam = listing["plugins"][0]["ipam"]
    ipam["ranges"].append([{"subnet": "fd00:10:67::/64"}])
    ipam.pop("routes", None)
    path = f"{directory}/both.conflist"
    json.dump(listing, open(path, "w"))
    return path


def run(binary, directory):
    """Files of callgrind, one for each call."""
    wrapper = f"{directory}/martlet"
    valgrind = f"valgrind --tool=callgrind --demangle=no --callgrind-out-file={directory}/%p.callgrind"
    with open(wrapper, "w") as file:
        file.write(f"#!/bin/sh\nexec {valgrind} {binary} 2>/dev/null\n")
    os.chmod(wrapper, 0o755)
    lists = [f"{HERE}/conf/martlet.conflist", f"{HERE}/conf/martlet-deferred.conflist", both_families(directory)]
    variants = [part for i, path in enumerate(lists) for part in ("--variant", f"v{i}={path}")]
    command = [f"{HERE}/cnibench.py", *variants, "--cni-path", directory, "-n", "2", "--rounds", "1", "--parallel", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for verb in ("VERSION", "STATUS"):
        conf = '{"cniVersion":"1.1.0","name":"n","type":"martlet","ipam":{"type":"martlet-ipam","subnet":"10.0.0.0/24"}}'
        environment = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, "CNI_PATH": directory}
        subprocess.run([wrapper], input=conf, text=True, env=environment, stdout=subprocess.DEVNULL)
    files = [f for f in glob.glob(f"{directory}/*.callgrind") if os.path.getsize(f)]
    if len(files) < 10:
        sys.exit("pluginorder: callgrind wrote next to nothing")
    return files


def main():
    binary, map_file, out = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="martlet-order-") as directory:
        cost = costs(run(os.path.abspath(binary), directory))
    write_order(cost, map_file, out, keep_earlier=False)


main()
