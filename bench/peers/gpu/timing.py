"""What the peers on the GPU share: the clock, the rows, the JSON file.

A time is that of the device between two CUDA events around one call, after a write over more than the L2 cache; the
host enqueues ahead during that write, so that the launches of a short call are hidden as they are inside a model.
With --device cpu a time is the host's. A row that cannot run here is named with its reason.
"""
import argparse
import importlib
import json
import os
import pathlib
import sys
import time

try:
    import torch
except ImportError as missing:
    print(f"skipped: {missing}", file=sys.stderr)
    sys.exit(77)

FLUSH_BYTES = 256 << 20  # H100: 50 MB of L2, B200: 126 MB


class Unavailable(Exception):
    """This machine or this version has not what a row needs; the text says what."""


def arguments(description):
    """The parser of every peer. --out may be left out for a check alone."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=pathlib.Path, help="the JSON file to write")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it runs, measures little")
    parser.add_argument("--no-compile", action="store_true", help="leave out the rows of torch.compile")
    return parser


def optional(name):
    """An imported package, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def require(condition, reason):
    if not condition:
        raise Unavailable(reason)


def percentile(values, fraction):
    """Linear between the two nearest ranks."""
    ordered = sorted(values)
    rank = fraction * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (rank - below) * (ordered[above] - ordered[below])


class Report:
    """Times calls and collects rows; dtype and its name in rows: f16 on the device, f32 on the CPU."""

    def __init__(self, peer, options, packages=()):
        if options.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("no CUDA device: name --device cpu to run on the CPU")
        if options.device == "cpu":
            torch.set_num_threads(len(os.sched_getaffinity(0)))
        self.options = options
        self.device = torch.device(options.device)
        self.cuda = self.device.type == "cuda"
        self.dtype, self.dtype_name = (torch.float16, "f16") if self.cuda else (torch.float32, "f32")
        self.rows, self.skipped, self.failed = [], [], False
        self.flush = torch.empty(FLUSH_BYTES, dtype=torch.int8, device=self.device) if self.cuda else None
        if self.cuda:
            self.wake()
        versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "python": sys.version.split()[0]}
        for package in ("transformers", *packages):
            module = optional(package)
            versions[package] = module.__version__ if module else None
        name = torch.cuda.get_device_name() if self.cuda else f"CPU, {torch.get_num_threads()} threads"
        self.facts = {"peer": peer, "versions": versions, "device": name, "quick": options.quick}

    def wake(self):
        """Half a second of work: an idle device runs at low clocks."""
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            self.flush.zero_()
            torch.cuda.synchronize()

    def time(self, call, rounds, warm_ups):
        """Microseconds of each round."""
        for _ in range(warm_ups):
            call()
        if not self.cuda:
            return [self.host_time(call) for _ in range(rounds)]
        times = []
        for _ in range(rounds):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            self.flush.zero_()
            start.record()
            call()
            end.record()
            torch.cuda.synchronize()
            times.append(1e3 * start.elapsed_time(end))
        return times

    @staticmethod
    def host_time(call):
        start = time.perf_counter()
        call()
        return 1e6 * (time.perf_counter() - start)

    def row(self, name, variant, prepare, rounds=50, **facts):
        """Times prepare()'s result, a call without arguments, and adds the row; facts go into it.

        What is Unavailable is skipped. Any other error is reported as a skipped row too, so that the rest is
        measured, and makes the exit status 1.
        """
        if self.options.quick:
            rounds = min(rounds, 3)
        try:
            times = self.time(prepare(), rounds, warm_ups=1 if self.options.quick else 5)
        except Unavailable as reason:
            self.skip(name, variant, str(reason))
            return
        except Exception as error:  # the other rows are still worth measuring
            self.failed = True
            self.skip(name, variant, f"error: {first_line(error)}")
            return
        summary = {f: round(percentile(times, q), 2) for f, q in (("median_us", 0.5), ("p10_us", 0.1), ("p90_us", 0.9))}
        self.rows.append({"name": name, "variant": variant, **summary, "rounds": rounds, **facts})
        print(f"{name:52} {variant:20} {summary['median_us']:12.2f} us", flush=True)

    def skip(self, name, variant, reason):
        self.skipped.append({"name": name, "variant": variant, "reason": reason})
        print(f"{name:52} {variant:20} skipped: {reason}", flush=True)

    def finish(self):
        """Writes the file; the exit status."""
        text = json.dumps({**self.facts, "rows": self.rows, "skipped": self.skipped}, indent=1)
        if self.options.out:
            self.options.out.write_text(text + "\n", encoding="utf-8")
        return 1 if self.failed else 0


def first_line(error):
    """An exception as one line: its type and the first line of its text that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def tolerant(call):
    """The call with any error as Unavailable: for kernels and compilers that may not serve a shape or a version."""

    def tried():
        try:
            return call()
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(first_line(error)) from error

    return tried
