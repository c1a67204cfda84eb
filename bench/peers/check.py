"""Shows that the peers do equal work: same weights, same input, and each output against a double-precision reference.

python3 check.py [--ort "dotnet .../OnnxRuntimePeer.dll"] [--shape clip-tiny]
"""
import argparse
import pathlib
import shlex
import subprocess
import sys
import tempfile

import clip_shape
import clip_torch
import numpy
import prefill_torch
import reference
import torch

TOLERANCE = 1e-4
ORT = "dotnet " + str(pathlib.Path(__file__).parent / "OnnxRuntimePeer/bin/Release/net10.0/OnnxRuntimePeer.dll")


def report(name, got, want):
    """Prints and returns whether the worst error is within the tolerance of the largest value's size."""
    error = float(numpy.abs(got - want).max() / max(1.0, numpy.abs(want).max()))
    print(f"{name}: error {error:.2e} of {TOLERANCE:.0e} allowed")
    return got.shape == want.shape and error <= TOLERANCE  # a NaN compares false


def onnxruntime(command, graph, shape, folder):
    output = folder / f"{graph}.bin"
    subprocess.run(
        [*shlex.split(command), "--shape", shape.name, "--graph", graph, "--weights", folder / "weights.bin",
         "--input", folder / "pixels.bin", "--output", output],
        check=True,
    )
    return numpy.fromfile(output, dtype="<f4").reshape(shape.patches, shape.hidden)


def check_clip(shape, command):
    rng = numpy.random.default_rng(7)
    pixels = rng.standard_normal((3, shape.image, shape.image), dtype="float32")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pixels.tofile(folder / "pixels.bin")
        with open(folder / "weights.bin", "wb") as f:
            for _, sizes, fan_in in clip_shape.tensors(shape):
                clip_shape.random_tensor(rng, sizes, fan_in).tofile(f)
        weights = clip_torch.read_weights(folder / "weights.bin", shape)
        want = reference.clip(pixels.astype("f8"), {n: w.numpy().astype("f8") for n, w in weights.items()}, shape)
        outputs = {f"onnxruntime {g}": onnxruntime(command, g, shape, folder) for g in ("fused", "exported")}
        outputs["torch"] = clip_torch.ClipTower(shape, weights).forward(torch.from_numpy(pixels)).numpy()
    return [report(f"{shape.name} {name}", got, want) for name, got in outputs.items()]


def check_decoder():
    shape = prefill_torch.DecoderShape("tiny", hidden=64, intermediate=160, heads=4, layers=3)
    generator = torch.Generator().manual_seed(7)
    layers = [prefill_torch.random_layer(shape, generator) for _ in range(shape.layers)]
    x = torch.randn(13, shape.hidden, generator=generator)
    got = prefill_torch.Decoder(shape, layers, 13).forward(x).numpy()
    arrays = [{n: w.numpy().astype("f8") for n, w in layer.items()} for layer in layers]
    return [report("decoder torch", got, reference.decoder(x.numpy().astype("f8"), arrays, shape))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ort", default=ORT, help="the ONNX Runtime peer's command")
    parser.add_argument("--shape", choices=clip_shape.SHAPES, default="clip-tiny")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    results = check_clip(clip_shape.SHAPES[options.shape], options.ort) + check_decoder()
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
