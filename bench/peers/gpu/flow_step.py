"""FlowCut's scores and one pruning event in eager PyTorch, as published, and the same through torch.compile.

The event: from the class token's attention row [1, heads, 1 + N] and the values [1, heads, 1 + N, head size] of a
CLIP-L layer to the hidden states that stay. The host waits for the count, as in the published code: top-k takes its
size from it. The formulas are the released ones: per head the softmax of the attention and of the unscaled product of
values, both over all 1 + N tokens, patches sliced and averaged over the heads. In one place the published form is
wrong, and the right one is taken, which needs one kernel fewer: 0 log 0 = 0 in the entropy.

    flow_step.py --check DIR [--device cpu]      compares with DIR/flow-unit.safetensors and .json, in fp64
"""
import functools
import math
import pathlib
import sys

import timing  # first: ends with status 77 where PyTorch is missing
import golden
from timing import require, tolerant, torch

# the share of the droppable patches alive after k/11 of the events (read between them linearly), for random weights
PROFILE = (1, 0.909, 0.812, 0.658, 0.610, 0.540, 0.393, 0.313, 0.228, 0.144, 0.095, 0)
TOLERANCE = 2e-5


def criteria(row, values):
    """row [B, heads, 1 + N]: softmax of the class token's query; values [B, heads, 1 + N, size]; class token first.
    -> attention, semantic, density, each [B, N]"""
    attention = row[:, :, 1:].mean(1)
    similarity = torch.matmul(values[:, :, :1], values.transpose(-1, -2))
    semantic = torch.softmax(similarity, -1)[:, :, 0, 1:].mean(1)
    density = values[:, :, 1:].mean(1).abs().sum(-1)
    return attention, semantic, density


def fuse(attention, semantic, density):
    """-> I [B, N]"""
    share = attention / attention.sum(-1, keepdim=True) + semantic / semantic.sum(-1, keepdim=True)
    return share * density


def entropy_ratio(attention):
    """[B, N] -> h [B], 1 for a uniform row; one patch has none: 0"""
    patches = attention.shape[-1]
    if patches < 2:
        return torch.zeros_like(attention[:, 0])
    p = attention / attention.sum(-1, keepdim=True)
    return -torch.xlogy(p, p).sum(-1) / math.log(patches)


def adaptive_drop(ratio, patches, target, remaining):
    """h [B] -> r, a tensor of one value: the largest of the batch, half to even"""
    return torch.round((patches - target) / math.sqrt(remaining) * (1 - ratio * ratio)).max()


def select(hidden, cumulative, keep):
    """hidden [B, 1 + N, D], cumulative [B, N] -> those of the class token and the best `keep`, in order; indices"""
    indices = cumulative.topk(keep, dim=-1).indices.sort(-1).values
    rows = (indices + 1).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
    hidden = torch.cat((hidden[:, :1], hidden.gather(1, rows)), 1)
    return hidden, cumulative.gather(1, indices), indices


class FlowCut:
    """The state of one encoder run. layers: those of the checkpoint; as in LLaVA the last one is not run.
    schedule "profile" does all of the adaptive one's work, and then takes its counts from PROFILE."""

    def __init__(self, patches, target, layers, schedule="adaptive"):
        self.first, self.target, self.layers, self.schedule = patches, target, layers, schedule
        self.events = sum(self.is_event(index) for index in range(layers - 1))
        self.event = 0
        self.cumulative = None  # S [B, N]

    def remaining(self, index):
        return self.layers - 3 - index

    def is_event(self, index):
        return self.remaining(index) >= 0 and self.remaining(index) % 2 == 0

    def scores_at(self, alive):
        return alive > self.target

    def accumulate(self, score):
        self.cumulative = score if self.cumulative is None else 0.5 * self.cumulative + 0.5 * score

    def count(self, index, attention):
        """How many patches stay after this layer. Waits for the device."""
        alive, remaining = attention.shape[-1], self.remaining(index)
        ratio = entropy_ratio(attention)
        self.event += 1
        if remaining == 0:
            return self.target
        dropped = int(adaptive_drop(ratio, alive, self.target, remaining).item())
        if self.schedule == "profile":
            return self.target + round(self.profile() * (self.first - self.target))  # Python rounds half to even
        return max(alive - dropped, self.target)

    def profile(self):
        at = self.event / self.events * (len(PROFILE) - 1)
        left = min(int(at), len(PROFILE) - 2)
        return PROFILE[left] + (PROFILE[left + 1] - PROFILE[left]) * (at - left)

    def after_layer(self, index, hidden, row, values):
        """Scores the layer and prunes its output hidden [B, 1 + N, D] where this layer prunes. -> hidden, indices or None"""
        attention, semantic, density = criteria(row, values)
        self.accumulate(fuse(attention, semantic, density))
        return self.prune(index, hidden, attention)

    def prune(self, index, hidden, attention):
        if not self.is_event(index):
            return hidden, None
        keep = self.count(index, attention)
        if keep >= attention.shape[-1]:
            return hidden, None
        hidden, self.cumulative, indices = select(hidden, self.cumulative, keep)
        return hidden, indices


def event(hidden, row, values, cumulative, target, remaining):
    """One event whole: scores, running mean, entropy, count (the host waits), selection, gather."""
    attention, semantic, density = criteria(row, values)
    cumulative = 0.5 * cumulative + 0.5 * fuse(attention, semantic, density)
    patches = attention.shape[-1]
    dropped = int(adaptive_drop(entropy_ratio(attention), patches, target, remaining).item())
    return select(hidden, cumulative, max(patches - dropped, target))


def add_rows(report):
    """The second event of CLIP-L/14-336 on its way to 64 patches: all 576 are still alive in the first layers."""
    tokens, heads, size, target, remaining = 577, 16, 64, 64, 18
    generator = torch.Generator(report.device).manual_seed(0)

    def random(*sizes):
        return torch.randn(sizes, generator=generator, device=report.device, dtype=report.dtype)

    # the row is read from the N x N matrix that eager attention leaves; logits of a spread that makes it peaked
    probabilities = torch.softmax(2 * random(1, heads, tokens, tokens), -1)
    row = probabilities[:, :, 0]
    values = 0.3 * random(1, tokens, heads, size).transpose(1, 2)
    hidden, cumulative = random(1, tokens, heads * size), random(1, tokens - 1).abs()
    call = functools.partial(event, hidden, row, values, cumulative, target, remaining)
    name = f"flow step {tokens} {report.dtype_name}"
    kept = call()[2].shape[1]
    report.row(name, "eager", lambda: call, kept=kept)

    def compiled():
        require(hasattr(torch, "compile"), f"torch {torch.__version__} has no torch.compile")
        require(not report.options.no_compile, "--no-compile")
        fast = tolerant(functools.partial(torch.compile(event), *call.args))
        # fused kernels round fewer intermediate values to 16 bits: the count may be another by one
        if abs(fast()[2].shape[1] - kept) > 1:
            raise ValueError(f"the compiled step keeps {fast()[2].shape[1]} patches, not {kept}")
        return fast

    report.row(name, "torch.compile", compiled)


def tensor(array, device):
    return torch.tensor(array.astype("f8"), device=device)


def check_criteria(checks, file, facts, device):
    """a, s, d, I, h and r of each shape, batch 1."""
    for shape, fact in facts.items():
        q, k, v = (tensor(file[f"criteria.{shape}.{x}"], device) for x in ("q_cls", "k", "v"))
        row = torch.softmax(torch.matmul(k, q.unsqueeze(-1)).squeeze(-1) * q.shape[-1] ** -0.5, -1)
        results = dict(zip(("attention", "semantic", "density"), criteria(row[None], v[None])))
        ratio = entropy_ratio(results["attention"])
        results["score"] = fuse(**results)
        for what, got in results.items():
            name = f"criteria.{shape}.released.{what}"
            checks.close(what, name, got[0].cpu(), file[name], TOLERANCE)
        want = fact["results"]["released"]
        checks.close("entropy_ratio", f"{shape} entropy ratio", ratio.cpu(), [want["entropy_ratio"]], TOLERANCE)
        dropped = adaptive_drop(ratio, fact["patches"], fact["target"], fact["remaining_layers"])
        checks.equal(f"{shape} r", int(dropped.item()), want["r"])


def check_sequence(checks, file, name, want, device):
    """The events of a run over recorded scores; every original patch has them at every layer."""
    kind, _, target = name.split("/")
    attention, score = (tensor(file[f"sequence.{kind}.{x}"], device) for x in ("attention", "score"))
    batch, layers, patches = attention.shape
    flow = FlowCut(patches, int(target[1:]), layers)
    alive = torch.arange(patches, device=device).expand(batch, -1)
    hidden = torch.cat((torch.full_like(alive[:, :1], -1), alive), 1).unsqueeze(-1)  # a hidden state names its patch
    events = []
    for index in range(layers - 1):
        if not flow.scores_at(alive.shape[1]):
            break
        flow.accumulate(score[:, index].gather(1, alive))
        before = alive.shape[1]
        hidden, _ = flow.prune(index, hidden, attention[:, index].gather(1, alive))
        alive = hidden[:, 1:, 0]
        if flow.is_event(index):
            events.append((index, before, alive.shape[1]))
    stem = f"sequence.{kind}.released.{target}"
    checks.equal(f"{stem} events", events, [(e["layer"], e["alive"], e["kept"]) for e in want["events"]])
    checks.equal(f"{stem} class token", hidden[:, 0, 0].tolist(), [-1] * batch)
    checks.equal(f"{stem}.keep_indices", alive.cpu().numpy(), file[f"{stem}.keep_indices"])
    checks.close("cumulative", f"{stem}.cumulative", flow.cumulative.cpu(), file[f"{stem}.cumulative"], TOLERANCE)


def check(folder, device):
    """Everything of flow-unit that the released step computes. Ties are not: top-k promises nothing about them."""
    checks = golden.Checks()
    file = golden.Safetensors(folder / "flow-unit.safetensors")
    facts = golden.read_json(folder / "flow-unit.json")
    check_criteria(checks, file, facts["criteria"], device)
    for name, want in facts["sequences"].items():
        if "/released/" in name:
            check_sequence(checks, file, name, want, device)
    for value, want in facts["rounding"].items():
        # sqrt(remaining) and 1 - h^2 are 1: what is left is the rounding
        got = adaptive_drop(torch.zeros(1, dtype=torch.float64, device=device), float(value), 0, 1)
        checks.equal(f"round {value}", int(got.item()), want)
    check_profile(checks)
    return checks.finish()


def check_profile(checks):
    """CLIP-L has eleven events, so that each reads one entry: T + round(entry x (576 - T)), worked out by hand for 64."""
    attention = torch.full((1, 576), 1 / 576, dtype=torch.float64)
    for target in (192, 128, 64):
        flow, alive = FlowCut(576, target, 24, "profile"), [576]
        for index in range(23):
            if flow.is_event(index):
                alive.append(flow.count(index, attention[:, : alive[-1]]))
        checks.equal(f"profile to {target}: events", len(alive) - 1, 11)
        checks.equal(f"profile to {target}: end", alive[-1], target)
        if target == 64:
            checks.equal("profile to 64", alive[1:], [529, 480, 401, 376, 340, 265, 224, 181, 138, 113, 64])


def main():
    parser = timing.arguments(__doc__.splitlines()[0])
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR", help="compare with the goldens in DIR, time nothing")
    options = parser.parse_args()
    if options.check:
        return check(options.check, options.device)
    report = timing.Report("flow_step", options)
    add_rows(report)
    return report.finish()


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
