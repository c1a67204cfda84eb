"""The prefill of a few Llama decoder layers in plain PyTorch: the peer of `flowcut bench` for LLaVA-1.5-7B's decoder.

[tokens, hidden] -> [tokens, hidden]: RMSNorm, rotary positions (the two halves of a head rotate against each other),
causal attention, SwiGLU. 616 tokens are 576 of a picture and 40 of text; 104 are what is left with 64 of the picture.
"""
import argparse
import os
from dataclasses import dataclass

import peer

# before torch: these settings are read when its libraries are loaded
peer.prepare(len(os.sched_getaffinity(0)))
import torch  # noqa: E402


@dataclass(frozen=True)
class DecoderShape:
    name: str
    hidden: int
    intermediate: int
    heads: int
    layers: int
    epsilon: float = 1e-5
    theta: float = 10000.0

    @property
    def head_size(self):
        return self.hidden // self.heads


def llava_7b(layers):
    return DecoderShape("llava-1.5-7b", hidden=4096, intermediate=11008, heads=32, layers=layers)


def random_layer(shape, generator):
    """One layer's weights: [out, in], q, k, v in one matrix and gate, up in another."""

    def linear(rows, columns):
        bound = (3 / columns) ** 0.5
        return torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)

    def norm():
        return torch.empty(shape.hidden).uniform_(0.95, 1.05, generator=generator)

    return {
        "norm1": norm(),
        "qkv": linear(3 * shape.hidden, shape.hidden),
        "out": linear(shape.hidden, shape.hidden),
        "norm2": norm(),
        "gate_up": linear(2 * shape.intermediate, shape.hidden),
        "down": linear(shape.hidden, shape.intermediate),
    }


class Decoder:
    def __init__(self, shape, layers, tokens):
        self.shape, self.layers, self.tokens = shape, layers, tokens
        half = shape.head_size // 2
        frequencies = shape.theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.arange(tokens, dtype=torch.float32)[:, None] * frequencies
        self.cos, self.sin = (f(angles)[:, None, None, :] for f in (torch.cos, torch.sin))  # [tokens, 1, 1, half]
        self.mask = torch.full((tokens, tokens), float("-inf")).triu_(1)

    def forward(self, x):
        """x [tokens, hidden] is kept"""
        x = x.clone()
        for layer in self.layers:
            self.add_attention(x, layer)
            self.add_mlp(x, layer)
        return x

    def normalised(self, x, gain):
        return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.shape.epsilon)).mul_(gain)

    def rotated(self, qk):
        """qk [tokens, 2, heads, head size]"""
        a, b = qk.chunk(2, dim=-1)
        return torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -1)

    def add_attention(self, x, layer):
        s = self.shape
        qkv = torch.mm(self.normalised(x, layer["norm1"]), layer["qkv"].t())
        qkv = qkv.view(self.tokens, 3, s.heads, s.head_size)
        q, k = self.rotated(qkv[:, :2]).permute(1, 2, 0, 3)  # each [heads, tokens, head size]
        v = qkv[:, 2].transpose(0, 1)
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(s.head_size**-0.5).add_(self.mask)
        mixed = torch.bmm(torch.softmax(scores, -1), v).transpose(0, 1).reshape(self.tokens, s.hidden)
        x.addmm_(mixed, layer["out"].t())

    def add_mlp(self, x, layer):
        gate, up = torch.mm(self.normalised(x, layer["norm2"]), layer["gate_up"].t()).chunk(2, dim=-1)
        x.addmm_(torch.nn.functional.silu(gate).mul_(up), layer["down"].t())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=616)
    peer.add_arguments(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    shape = llava_7b(options.layers)
    generator = torch.Generator().manual_seed(0)
    decoder = Decoder(shape, [random_layer(shape, generator) for _ in range(shape.layers)], options.tokens)
    x = torch.randn(options.tokens, shape.hidden, generator=generator)
    facts = {"peer": "torch", "shape": f"{shape.name} prefill", "layers": shape.layers, "tokens": options.tokens,
             "version": torch.__version__, "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", "detected")}
    peer.measure(lambda: decoder.forward(x), options, facts)


if __name__ == "__main__":
    main()
