"""LLaVA's CLIP tower in plain PyTorch with eager attention, pruned by FlowCut as published.

Every scored layer writes its [heads, tokens, tokens] matrix and reads the class token's row from it; a pruning layer
waits for its count. The published code also runs the last layer, which nothing reads: left out here, as in every other
row. Weights have the names of a Hugging Face checkpoint below `vision_model.`.

    clip_flowcut.py --check DIR [--device cpu]      compares with DIR/traces/llava-1.5-tiny, in fp32
"""
import argparse
import pathlib
import sys
from dataclasses import dataclass

import timing  # first: ends with status 77 where PyTorch is missing
import flow_step
import golden
from timing import torch

functional = torch.nn.functional
LAYER = "encoder.layers."
PREFIX = "vision_tower.vision_model."


@dataclass(frozen=True)
class ClipShape:
    image: int
    patch: int
    hidden: int
    intermediate: int
    heads: int
    layers: int  # the checkpoint's; all but the last are run

    @property
    def patches(self):
        return (self.image // self.patch) ** 2


def clip_l_336(layers=24):
    return ClipShape(image=336, patch=14, hidden=1024, intermediate=4096, heads=16, layers=layers)


def tensor_shapes(s):
    """name -> shape of every weight that is read."""
    shapes = {
        "embeddings.class_embedding": (s.hidden,),
        "embeddings.patch_embedding.weight": (s.hidden, 3, s.patch, s.patch),
        "embeddings.position_embedding.weight": (s.patches + 1, s.hidden),
        "pre_layrnorm.weight": (s.hidden,),
        "pre_layrnorm.bias": (s.hidden,),
    }
    linear = {f"self_attn.{n}_proj": (s.hidden, s.hidden) for n in ("q", "k", "v", "out")}
    linear |= {"mlp.fc1": (s.intermediate, s.hidden), "mlp.fc2": (s.hidden, s.intermediate)}
    for i in range(s.layers - 1):
        for name, (rows, columns) in linear.items():
            shapes[f"{LAYER}{i}.{name}.weight"] = (rows, columns)
            shapes[f"{LAYER}{i}.{name}.bias"] = (rows,)
        for name in ("layer_norm1", "layer_norm2"):
            shapes[f"{LAYER}{i}.{name}.weight"] = shapes[f"{LAYER}{i}.{name}.bias"] = (s.hidden,)
    return shapes


def random_weights(shape, device, dtype):
    """Linear weights that keep the activations at a trained tower's scale; gains near 1. Values are four times smaller:
    at full scale the patches' share of the unscaled value softmax can underflow in 16 bits, and all scores are 0 / 0."""
    generator = torch.Generator(device).manual_seed(0)
    weights = {}
    for name, sizes in tensor_shapes(shape).items():
        fan_in = torch.Size(sizes[1:]).numel() if len(sizes) > 1 and "position" not in name else 0
        values = torch.randn(sizes, generator=generator, device=device, dtype=dtype)
        values *= fan_in**-0.5 if fan_in else 0.02
        if "v_proj" in name:
            values *= 0.25
        weights[name] = values + 1 if "norm" in name and name.endswith("weight") else values
    return weights


class ClipTower:
    def __init__(self, shape, weights):
        self.shape, self.weights = shape, weights

    def forward(self, pixels, flow=None):
        """pixels [B, 3, image, image] -> [B, patches that stay, hidden]; flow: a flow_step.FlowCut, used up by it"""
        x = self.embedded(pixels)
        for index in range(self.shape.layers - 1):
            scored = flow is not None and flow.scores_at(x.shape[1] - 1)
            x, row, values = self.layer(index, x)
            if scored:
                x, _ = flow.after_layer(index, x, row, values)
        return x[:, 1:]

    def embedded(self, pixels):
        w = self.weights
        grid = functional.conv2d(pixels, w["embeddings.patch_embedding.weight"], stride=self.shape.patch)
        first = w["embeddings.class_embedding"].expand(pixels.shape[0], 1, -1)
        x = torch.cat((first, grid.flatten(2).transpose(1, 2)), 1) + w["embeddings.position_embedding.weight"]
        return self.norm("pre_layrnorm", x)

    def layer(self, index, x):
        """-> the layer's output, the class token's row of the attention [B, heads, tokens], its values"""
        name = f"{LAYER}{index}."
        mixed, row, values = self.attention(name + "self_attn.", self.norm(name + "layer_norm1", x))
        x = x + mixed
        h = self.linear(name + "mlp.fc1", self.norm(name + "layer_norm2", x))
        h = h * torch.sigmoid(1.702 * h)  # quick_gelu
        return x + self.linear(name + "mlp.fc2", h), row, values

    def attention(self, name, x):
        q, k, v = (self.heads(self.linear(f"{name}{n}_proj", x)) for n in ("q", "k", "v"))
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2))
        probabilities = torch.softmax(scores, -1)  # [B, heads, tokens, tokens]
        mixed = torch.matmul(probabilities, v).transpose(1, 2).reshape(x.shape)
        return self.linear(f"{name}out_proj", mixed), probabilities[:, :, 0], v

    def heads(self, x):
        batch, tokens, hidden = x.shape
        return x.view(batch, tokens, self.shape.heads, hidden // self.shape.heads).transpose(1, 2)

    def linear(self, name, x):
        return functional.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        return functional.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], 1e-5)


class RecordedFlowCut(flow_step.FlowCut):
    """Keeps what a trace has: per layer the scores before the pruning, and the original numbers of the kept patches."""

    def __init__(self, batch, *arguments):
        super().__init__(*arguments)
        self.scores, self.kept = {}, {}
        self.alive = torch.arange(self.first).expand(batch, -1)

    def after_layer(self, index, hidden, row, values):
        names = ("cls_attention", "semantic", "density")
        self.scores[index] = dict(zip(names, flow_step.criteria(row, values)))
        hidden, indices = super().after_layer(index, hidden, row, values)
        if indices is not None:
            self.alive = self.alive.gather(1, indices.cpu())
            self.kept[index] = self.alive
        return hidden, indices

    def prune(self, index, hidden, attention):
        self.scores[index]["cumulative"] = self.cumulative
        self.scores[index]["entropy_ratio"] = flow_step.entropy_ratio(attention)[:, None]
        return super().prune(index, hidden, attention)


TOLERANCES = {"cls_attention": 5e-5, "semantic": 5e-5, "entropy_ratio": 1e-5}  # those of the goldens; others 2e-5


def read_tower(folder, device):
    config = golden.read_json(folder / "config.json")["vision_config"]
    shape = ClipShape(config["image_size"], config["patch_size"], config["hidden_size"], config["intermediate_size"],
                      config["num_attention_heads"], config["num_hidden_layers"])
    file = golden.Safetensors(folder / "model.safetensors")
    weights = {n: torch.tensor(file[PREFIX + n].astype("f4"), device=device) for n in tensor_shapes(shape)}
    for name, sizes in tensor_shapes(shape).items():
        if weights[name].shape != sizes:
            raise ValueError(f"{folder}: {name} is {tuple(weights[name].shape)}, not {sizes}")
    return ClipTower(shape, weights)


def check_case(checks, tower, traces, case, device):
    """One picture, or a batch that shares its counts."""
    facts = golden.read_json(traces / f"{case}.json")
    trace = golden.Safetensors(traces / f"{case}.safetensors")
    pictures = facts["picture"] if isinstance(facts["picture"], list) else [facts["picture"]]
    pixels = []
    for picture in pictures:
        full = golden.Safetensors(traces / f"{pathlib.Path(picture).stem}-full.safetensors")
        pixels.append(torch.tensor(full["vision.pixel_values"], device=device))
    flow = None
    if facts["target"]:
        flow = RecordedFlowCut(len(pictures), tower.shape.patches, facts["target"], tower.shape.layers)
    features = tower.forward(torch.stack(pixels), flow).cpu()
    for number in range(len(pictures)):
        prefix = f"image.{number}." if len(pictures) > 1 else ""
        checks.close("features", f"{case} {prefix}features", features[number], trace[f"{prefix}vision.features"], 2e-5)
        if flow:
            check_layers(checks, flow, trace, case, prefix, number)


def check_layers(checks, flow, trace, case, prefix, number):
    """The layers that the trace has, and nothing pruned that it does not prune."""
    for index in range(flow.layers - 1):
        stem = f"{prefix}vision.layer.{index}."
        for what, got in flow.scores.get(index, {}).items():
            if stem + what in trace:
                got, want = got[number].cpu(), trace[stem + what]
                checks.close(what, f"{case} {stem}{what}", got, want, TOLERANCES.get(what, 2e-5))
        if stem + "keep_indices" in trace:
            checks.expect(index in flow.kept, f"{case} {stem[:-1]} does not prune")
        if index in flow.kept:
            want = trace[stem + "keep_indices"] if stem + "keep_indices" in trace else None
            if want is not None or not prefix:  # the traces of batches leave most layers out
                checks.equal(f"{case} {stem}keep_indices", flow.kept[index][number].numpy(), want)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR", required=True, help="the goldens")
    parser.add_argument("--model", type=pathlib.Path, metavar="DIR", help="llava-1.5-tiny, where it is not in the goldens")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False  # the patch embedding in fp32 on a GPU too
    checks = golden.Checks()
    tower = read_tower(options.model or options.check / "llava-1.5-tiny", options.device)
    traces = options.check / "traces" / "llava-1.5-tiny"
    for file in sorted(traces.glob("*-*.json")):
        check_case(checks, tower, traces, file.stem, options.device)
    return checks.finish()


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
