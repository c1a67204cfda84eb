"""Times our command against its peers in one run, round by round (A B C, A B C, ...), so that all meet the same noise.

python3 run.py clip --ours "CMD" --out clip.json
python3 run.py prefill --tokens 616 --layers 2 --ours "CMD" --also "pruned to 64=CMD" --out prefill.json

CMD is a process that speaks the protocol of peer.py, started in the repository root. Without --ours the peers are
timed alone.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time

import peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
# relative to ROOT, so that a recorded command works in any checkout
FOLDER = "bench/peers"
ORT_PEER = f"{FOLDER}/OnnxRuntimePeer/bin/Release/net10.0/OnnxRuntimePeer.dll"
# Debian's python3-torch belongs to the distribution's interpreter
PYTHON = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
# Thread pools spin for a while after their work: the next peer starts when they sleep.
PAUSE_SECONDS = 0.2


class Process:
    """One peer at the other end of two pipes."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.times = []
        self.child = subprocess.Popen(
            shlex.split(command), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.child.wait()}: {self.command}")
        return line.strip()

    def wait_until_ready(self):
        line = self.read()
        if line != "ready":
            raise RuntimeError(f"{self.name} said {line!r} instead of 'ready'")

    def write(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def run(self):
        self.write("run")
        self.times.append(float(self.read()))

    def quit(self):
        """-> the facts that the peer reports of itself"""
        self.write("quit")
        facts = json.loads(self.read())
        self.child.stdin.close()
        if self.child.wait() != 0:
            raise RuntimeError(f"{self.name} ended with status {self.child.returncode}")
        return facts


def machine():
    def field(file, name):
        with open(file, encoding="ascii", errors="replace") as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(name)), "unknown")

    flags = field("/proc/cpuinfo", "flags").split()
    return {
        "cpu": field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "vector": [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags],
        "memory": field("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "date": datetime.date.today().isoformat(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def peers_of(options):
    """(name, command) of each peer, ours first"""
    named = [("ours", options.ours)] if options.ours else []
    for text in options.also:
        name, separator, command = text.partition("=")
        if not separator:
            raise SystemExit(f"--also takes NAME=CMD, not {text!r}")
        named.append((name, command))
    torch_script = f"{PYTHON} {FOLDER}/{options.suite}_torch.py --serve"
    if options.suite == "clip":
        if not (ROOT / ORT_PEER).exists():
            raise SystemExit("the ONNX Runtime peer is not built: dotnet build -c Release bench/peers/OnnxRuntimePeer")
        named += [("onnxruntime", f"dotnet {ORT_PEER} --serve"), ("torch", torch_script)]
    else:
        named.append(("torch", f"{torch_script} --tokens {options.tokens} --layers {options.layers}"))
    return named


def measure(named, rounds):
    """-> name -> what was measured and what the peer says of itself"""
    processes = []
    try:
        # one after the other: warm-up beside a peer that still loads would tune to the wrong thing
        for name, command in named:
            processes.append(Process(name, command))
            processes[-1].wait_until_ready()
        for i in range(rounds):
            for process in processes:
                time.sleep(PAUSE_SECONDS)
                process.run()
            print(f"round {i + 1}/{rounds}", *(f"{p.name} {p.times[-1]:.0f}" for p in processes), file=sys.stderr)
        return {p.name: {"command": p.command, **p.quit(), **peer.summary(p.times), "times_ms": p.times} for p in processes}
    finally:
        for process in processes:
            process.child.kill()
            process.child.wait()


def paired_ratio(other, first):
    """Median over the rounds of other / first: a slow spell that covers a whole round cancels."""
    return round(peer.percentile([o / f for o, f in zip(other, first)], 0.5), 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=("clip", "prefill"))
    parser.add_argument("--ours", metavar="CMD", help="our command; ratios are to its time")
    parser.add_argument("--also", metavar="NAME=CMD", action="append", default=[], help="a further command, such as a pruned run")
    parser.add_argument("--tokens", type=int, default=616)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the JSON file to write")
    options = parser.parse_args()

    before = machine()
    results = measure(peers_of(options), options.rounds)
    first = next(iter(results))
    for result in results.values():
        result["time_vs_" + first] = paired_ratio(result["times_ms"], results[first]["times_ms"])
    document = {"machine": before, "suite": options.suite, "rounds": options.rounds, "peers": results}
    temporary = options.out.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    temporary.replace(options.out)
    for name, r in results.items():
        print(f"{name:16} median {r['median_ms']:9.1f} ms  p10 {r['p10']:9.1f}  p90 {r['p90']:9.1f}  "
              f"{r['time_vs_' + first]:.2f}x the time of {first}  peak {r.get('peak_bytes', 0) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
