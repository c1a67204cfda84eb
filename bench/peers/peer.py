"""What every Python peer shares: the process settings, the protocol and the report.

The protocol, by which run.py interleaves its peers: after loading and two forwards of warm-up a peer prints
"ready"; each line "run" on its standard input is answered with the milliseconds of one forward; "quit" is
answered with one JSON object, and the peer ends.
"""
import ctypes
import json
import os
import resource
import sys
import time

WARM_UPS = 2


def prepare(cores):
    """Settings that must stand before torch is imported, each the better of what was measured (README.md)."""
    # OpenBLAS 0.3.21 takes some AVX-512 processors for others: its batched products then run at half the speed.
    with open("/proc/cpuinfo", encoding="ascii") as f:
        flags = next((line.split() for line in f if line.startswith("flags")), [])
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags):
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(cores))
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    # Without this glibc maps and unmaps every large activation, and its pages are faulted in again each time.
    libc = ctypes.CDLL(None)
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc.mallopt(m_mmap_threshold, 32 << 20)
    libc.mallopt(m_trim_threshold, 2**31 - 1)


def percentile(values, fraction):
    """Linear between the two nearest ranks."""
    ordered = sorted(values)
    rank = fraction * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])


def summary(times):
    """Milliseconds -> the fields that every peer reports."""
    if not times:
        return {"rounds": 0}
    return {
        "rounds": len(times),
        "median_ms": round(percentile(times, 0.5), 3),
        "p10": round(percentile(times, 0.1), 3),
        "p90": round(percentile(times, 0.9), 3),
    }


def add_arguments(parser):
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--rounds", type=int, help="time so many forwards and print one JSON object")
    mode.add_argument("--serve", action="store_true", help="speak the peer protocol")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))


def measure(forward, options, facts):
    """Warms up, times forwards as the options ask, and prints the report."""
    times = []

    def run():
        start = time.perf_counter()
        forward()
        times.append(1e3 * (time.perf_counter() - start))

    for _ in range(WARM_UPS):
        forward()
    if options.serve:
        print("ready", flush=True)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            if line.strip() != "run":
                raise ValueError(f"the peer protocol knows 'run' and 'quit', not {line.strip()!r}")
            run()
            print(f"{times[-1]:.3f}", flush=True)
    else:
        for _ in range(options.rounds):
            run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({**facts, "threads": options.threads, **summary(times), "peak_bytes": peak}), flush=True)
