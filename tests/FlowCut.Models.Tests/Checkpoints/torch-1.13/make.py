"""Small checkpoints as torch.save writes them, for the tests of the reader: one file per way of saving.

Run with any PyTorch from 1.6 on (the committed files: 1.13): python3 make.py FOLDER
"""
import collections
import os
import sys

import torch

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
torch.manual_seed(5)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)  # has an int64 buffer without dimensions


def save(name, value, **options):
    torch.save(value, os.path.join(folder, name), **options)


net = Net()
with torch.no_grad():
    for index, value in enumerate(net.state_dict().values()):
        value.copy_(torch.arange(value.numel()).reshape(value.shape) + 10 * index)

save("state-dict.bin", net.state_dict())  # OrderedDict with the attribute _metadata
save("training.bin", {"epoch": 3, "loss": 0.5, "names": ["a", "b"], "state_dict": net.state_dict(), "options": {"lr": 1e-4, "big": 1 << 40, "none": None}})
save("parameters.bin", {"p": torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)), "q": torch.nn.Parameter(torch.arange(2.0), requires_grad=False)})
for protocol in (3, 4, 5):
    save(f"protocol-{protocol}.bin", net.state_dict(), pickle_protocol=protocol)
types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
save("types.bin", collections.OrderedDict((str(t).removeprefix("torch."), torch.tensor([0, 1, 1, 0], dtype=t)) for t in types))
base = torch.arange(24.0).reshape(4, 6)
save("views.bin", {"base": base, "tail": base[2:], "row": base[1], "one": base[3, 5], "column-of-one": base[:1, 3:4], "empty": base[4:], "again": base})
save("transposed.bin", {"fine": base, "turned": base.t()})
save("module.bin", net)
save("legacy.bin", net.state_dict(), _use_new_zipfile_serialization=False)
save("complex.bin", {"c": torch.ones(2, dtype=torch.complex64)})
save("sparse.bin", {"s": torch.eye(3).to_sparse()})
save("list.bin", [torch.ones(2)])
save("two.bin", {"model": net.state_dict(), "ema": net.state_dict()})
