"""A CLIP vision tower in plain PyTorch, as fast as that goes on the CPU: the peer of `flowcut bench`.

One picture, [3, image, image] -> [patches, hidden], the hidden states after the last layer that is run, without
the class token. What was measured to be faster than the obvious form, on two AVX-512 cores with PyTorch 1.13 and
OpenBLAS 0.3.21: q, k, v in one product; `mm` and an in-place addition of the bias (addmm expands the bias first);
the residual as the accumulator of the product (`addmm_`); the attention scale, a power of two, inside q's weights.
"""
import argparse
import os

import clip_shape
import peer

# before torch: these settings are read when its libraries are loaded
peer.prepare(len(os.sched_getaffinity(0)))
import numpy  # noqa: E402
import torch  # noqa: E402

EPSILON = 1e-5


class Layer:
    """The weights of one layer, linear ones as [in, out] views for `mm`."""

    def __init__(self, weights, index, shape):
        def linear(name):
            return weights[f"{index}.{name}.weight"].t(), weights[f"{index}.{name}.bias"]

        def norm(name):
            return weights[f"{index}.{name}.weight"], weights[f"{index}.{name}.bias"]

        self.norm1, self.norm2 = norm("norm1"), norm("norm2")
        self.qkv, self.out, self.fc1, self.fc2 = linear("qkv"), linear("out"), linear("fc1"), linear("fc2")
        scale = shape.head_size**-0.5
        self.qkv[0][:, : shape.hidden] *= scale
        self.qkv[1][: shape.hidden] *= scale


class ClipTower:
    """weights: name -> tensor as clip_shape.tensors lists them; changed in place (the attention scale)."""

    def __init__(self, shape, weights):
        self.shape = shape
        self.patch_embedding = weights["patch_embedding"]
        # the class token is a row of the position table with its embedding already added
        self.first = weights["class_embedding"] + weights["position_embedding"][:1]
        self.positions = weights["position_embedding"][1:]
        self.pre = weights["pre.weight"], weights["pre.bias"]
        self.layers = [Layer(weights, i, shape) for i in range(shape.layers)]

    def forward(self, pixels):
        """pixels [3, image, image] -> [patches, hidden]"""
        s = self.shape
        grid = torch.nn.functional.conv2d(pixels[None], self.patch_embedding, stride=s.patch)
        patches = grid.view(s.hidden, s.patches).t() + self.positions
        x = self.normalised(torch.cat((self.first, patches)), self.pre)
        for layer in self.layers:
            self.add_attention(x, layer)
            self.add_mlp(x, layer)
        return x[1:]

    def normalised(self, x, norm):
        return torch.nn.functional.layer_norm(x, (self.shape.hidden,), *norm, EPSILON)

    def add_attention(self, x, layer):
        s = self.shape
        weight, bias = layer.qkv
        qkv = torch.mm(self.normalised(x, layer.norm1), weight).add_(bias)
        q, k, v = qkv.view(s.tokens, 3, s.heads, s.head_size).permute(1, 2, 0, 3)  # each [heads, tokens, head size]
        probabilities = torch.softmax(torch.bmm(q, k.transpose(1, 2)), -1)
        mixed = torch.bmm(probabilities, v).transpose(0, 1).reshape(s.tokens, s.hidden)
        weight, bias = layer.out
        x.addmm_(mixed, weight).add_(bias)

    def add_mlp(self, x, layer):
        weight, bias = layer.fc1
        h = torch.mm(self.normalised(x, layer.norm2), weight).add_(bias)
        h = torch.mul(h, 1.702).sigmoid_().mul_(h)  # quick_gelu
        weight, bias = layer.fc2
        x.addmm_(h, weight).add_(bias)


def read_weights(file, shape):
    """The shared weight file -> name -> tensor."""
    flat = numpy.fromfile(file, dtype="<f4")
    weights, offset = {}, 0
    for name, sizes, _ in clip_shape.tensors(shape):
        count = int(numpy.prod(sizes))
        weights[name] = torch.from_numpy(flat[offset : offset + count].reshape(sizes).copy())
        offset += count
    if offset != flat.size:
        raise ValueError(f"{file} holds {flat.size} values, {shape.name} takes {offset}")
    return weights


def random_weights(shape, seed=0):
    rng = numpy.random.default_rng(seed)
    return {n: torch.from_numpy(clip_shape.random_tensor(rng, z, f)) for n, z, f in clip_shape.tensors(shape)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=clip_shape.SHAPES, default="clip-l-336")
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32", help="bf16 is not the comparison: for information")
    peer.add_arguments(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[options.dtype]
    shape = clip_shape.SHAPES[options.shape]
    tower = ClipTower(shape, {n: w.to(dtype) for n, w in random_weights(shape).items()})
    pixels = torch.rand(3, shape.image, shape.image).mul_(4).sub_(2).to(dtype)
    facts = {"peer": "torch", "shape": shape.name, "dtype": options.dtype, "version": torch.__version__,
             "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", "detected")}
    peer.measure(lambda: tower.forward(pixels), options, facts)


if __name__ == "__main__":
    main()
