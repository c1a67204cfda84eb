"""Reads the golden files; numpy alone. A check compares with them and prints the worst error."""
import json
import pathlib

import numpy

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1"}


class Safetensors:
    """The tensors of one file by name: 8 bytes of header length, a JSON header, the data."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        self.header = json.loads(data[8:start])
        self.header.pop("__metadata__", None)
        self.data = memoryview(data)[start:]

    def __contains__(self, name):
        return name in self.header

    def __getitem__(self, name):
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        return numpy.frombuffer(self.data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])


def read_json(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


class Checks:
    """Counts comparisons; `worst` keeps for each kind the largest error as a share of what is allowed."""

    def __init__(self):
        self.count, self.failures, self.worst = 0, [], {}

    def close(self, kind, name, got, want, tolerance):
        """|got - want| <= tolerance x the largest |want|"""
        got, want = numpy.asarray(got, "f8"), numpy.asarray(want, "f8")
        allowed = tolerance * max(float(numpy.abs(want).max()), 1e-300)
        error = float(numpy.abs(got - want).max()) / allowed if got.shape == want.shape else float("inf")
        self.worst[kind] = max(self.worst.get(kind, 0), error)
        self.expect(error <= 1, f"{name}: {100 * error:.3g} % of the allowed error")  # a NaN compares false

    def equal(self, name, got, want):
        self.expect(numpy.array_equal(got, want), f"{name}: {got} is not {want}")

    def expect(self, condition, text):
        self.count += 1
        if not condition:
            self.failures.append(text)

    def finish(self):
        """Prints the result; the exit status. No comparison at all is a failure."""
        for kind, error in self.worst.items():
            print(f"{kind}: worst error {100 * error:.2g} % of the allowed")
        for text in self.failures[:10]:
            print(f"WRONG {text}")
        print(f"checks: {self.count - len(self.failures)} of {self.count} right")
        return 0 if self.count and not self.failures else 1
