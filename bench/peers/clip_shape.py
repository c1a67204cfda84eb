"""The sizes of a CLIP vision tower and the raw weight file that the peers share.

The file is fp32, little endian, one tensor after the other without a header, in the order of `tensors`, which
OnnxRuntimePeer/ClipWeights.cs repeats. Linear weights are [out, in].
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class ClipShape:
    name: str
    image: int
    patch: int
    hidden: int
    intermediate: int
    heads: int
    layers: int  # those that are run: LLaVA-1.5 reads the output of 23 of CLIP-L's 24

    @property
    def patches(self):
        return (self.image // self.patch) ** 2

    @property
    def tokens(self):
        return self.patches + 1

    @property
    def head_size(self):
        return self.hidden // self.heads


SHAPES = {
    s.name: s
    for s in (
        ClipShape("clip-l-336", image=336, patch=14, hidden=1024, intermediate=4096, heads=16, layers=23),
        ClipShape("clip-tiny", image=42, patch=14, hidden=64, intermediate=160, heads=4, layers=3),
    )
}


def tensors(s):
    """Yields (name, shape, fan-in) in file order; fan-in 0: bias or embedding, -1: the gains of a norm."""
    yield "class_embedding", (1, s.hidden), 0
    yield "patch_embedding", (s.hidden, 3, s.patch, s.patch), 3 * s.patch**2
    yield "position_embedding", (s.tokens, s.hidden), 0
    yield "pre.weight", (s.hidden,), -1
    yield "pre.bias", (s.hidden,), 0
    for i in range(s.layers):
        yield f"{i}.norm1.weight", (s.hidden,), -1
        yield f"{i}.norm1.bias", (s.hidden,), 0
        # the file's q, k, v stand together: here they are read as one matrix
        yield f"{i}.qkv.weight", (3 * s.hidden, s.hidden), s.hidden
        yield f"{i}.qkv.bias", (3 * s.hidden,), 0
        yield f"{i}.out.weight", (s.hidden, s.hidden), s.hidden
        yield f"{i}.out.bias", (s.hidden,), 0
        yield f"{i}.norm2.weight", (s.hidden,), -1
        yield f"{i}.norm2.bias", (s.hidden,), 0
        yield f"{i}.fc1.weight", (s.intermediate, s.hidden), s.hidden
        yield f"{i}.fc1.bias", (s.intermediate,), 0
        yield f"{i}.fc2.weight", (s.hidden, s.intermediate), s.intermediate
        yield f"{i}.fc2.bias", (s.hidden,), 0


def random_tensor(rng, shape, fan_in):
    """fp32 values that keep the activations at a trained tower's scale. rng: numpy.random.Generator."""
    spread = (3 / fan_in) ** 0.5 if fan_in > 0 else 0.05
    values = rng.random(shape, dtype="float32")
    values -= 0.5
    values *= 2 * spread
    if fan_in < 0:
        values += 1
    return values
