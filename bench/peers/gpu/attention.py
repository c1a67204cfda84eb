"""Attention alone: PyTorch's SDPA with each backend, flash-attn, and the materialised softmax of the published code.

Shapes are tokens x heads x head size, batch 1; tensors lie as a model has them, [1, tokens, heads, head size] seen as
[1, heads, tokens, head size]. `+ row`: the class token's probabilities are read from the N x N matrix as well.
Decoding: one query against a cache [1, heads, keys, head size].
"""
import functools
import sys

import timing
from timing import require, tolerant, torch

SHAPES = ((577, 16, 64, False), (636, 32, 128, True), (2880, 32, 128, True))
DECODE = ((700, 32, 128), (3000, 32, 128))
SDPA = getattr(torch.nn.functional, "scaled_dot_product_attention", None)
TOLERANCE = 0.01  # of the largest value, in 16 bits
BACKENDS = {"sdpa-flash": "FLASH_ATTENTION", "sdpa-cudnn": "CUDNN_ATTENTION", "sdpa-efficient": "EFFICIENT_ATTENTION"}


def eager(q, k, v, mask, row=False):
    """[heads, tokens, keys] in memory; mask [tokens, keys] is added, None for none. -> the mix (and the class row)"""
    scores = torch.matmul(q, k.transpose(-1, -2)) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    probabilities = torch.softmax(scores, -1)
    mixed = torch.matmul(probabilities, v)
    return (mixed, probabilities[:, :, 0, :].mean(1)) if row else mixed


def sdpa(q, k, v, causal):
    require(SDPA, f"torch {torch.__version__} has no scaled_dot_product_attention")
    return SDPA(q, k, v, is_causal=causal)


def on_backend(variant, q, k, v, causal):
    """SDPA restricted to one backend. A call that it cannot serve raises RuntimeError."""
    require(SDPA, f"torch {torch.__version__} has no scaled_dot_product_attention")
    attention = timing.optional("torch.nn.attention")
    require(attention and hasattr(attention, "sdpa_kernel"), f"torch {torch.__version__} has no sdpa_kernel")
    backend = getattr(attention.SDPBackend, BACKENDS[variant], None)
    require(backend is not None, f"torch {torch.__version__} has no {BACKENDS[variant]}")
    with attention.sdpa_kernel(backend):
        return SDPA(q, k, v, is_causal=causal)


def flash_attn(q, k, v, causal):
    package = timing.optional("flash_attn")
    require(package, "flash-attn is not installed")
    return package.flash_attn_func(*(x.transpose(1, 2) for x in (q, k, v)), causal=causal).transpose(1, 2)


def chosen_backend(q, k, v, causal):
    """The name of the backend that SDPA takes by itself, where PyTorch tells."""
    choose = getattr(torch, "_fused_sdp_choice", None)
    attention = timing.optional("torch.nn.attention")
    if SDPA is None or choose is None or attention is None:
        return {}
    try:
        return {"backend": attention.SDPBackend(choose(q, k, v, is_causal=causal)).name}
    except (TypeError, ValueError, RuntimeError):  # a private function: no promise that it stays as it is
        return {}


def right(call, reference):
    """prepare() of a row: the call must give the reference's output before it is timed."""

    def prepared():
        output = call()
        output = output[0] if isinstance(output, tuple) else output
        error = ((output.float() - reference).abs().max() / reference.abs().max()).item()
        if not error <= TOLERANCE:  # a NaN compares false
            raise ValueError(f"differs from the fp32 reference by {error:.3g} of its largest value")
        return call

    return prepared


def add_rows(report, name, q, k, v, causal):
    """The rows of one shape: every variant on the same tensors."""
    mask = wide_mask = None
    if causal:
        wide_mask = torch.full((q.shape[2], k.shape[2]), float("-inf"), device=q.device).triu_(1)
        mask = wide_mask.to(q.dtype)
    reference = eager(q.float(), k.float(), v.float(), wide_mask)
    given = functools.partial
    report.row(name, "sdpa", right(tolerant(given(sdpa, q, k, v, causal)), reference), **chosen_backend(q, k, v, causal))
    for variant in BACKENDS:
        report.row(name, variant, right(tolerant(given(on_backend, variant, q, k, v, causal)), reference))
    report.row(name, "flash-attn", right(tolerant(given(flash_attn, q, k, v, causal)), reference))
    report.row(name, "eager", right(given(eager, q, k, v, mask), reference))
    if name.startswith("attention 577"):
        report.row(f"{name} + row", "eager", right(given(eager, q, k, v, mask, row=True), reference))


def main():
    options = timing.arguments(__doc__.splitlines()[0]).parse_args()
    report = timing.Report("attention", options, packages=("flash_attn",))
    generator = torch.Generator(report.device).manual_seed(0)

    def random(*sizes):
        return torch.randn(sizes, generator=generator, device=report.device, dtype=report.dtype)

    for tokens, heads, size, causal in SHAPES:
        if options.quick and not report.cuda and tokens > 1000:
            continue  # gigabytes and seconds a round
        q, k, v = (random(1, tokens, heads, size).transpose(1, 2) for _ in range(3))
        name = f"attention {tokens}x{heads}x{size} {'causal ' if causal else ''}{report.dtype_name}"
        add_rows(report, name, q, k, v, causal)
    for keys, heads, size in DECODE:
        q, k, v = random(1, heads, 1, size), random(1, heads, keys, size), random(1, heads, keys, size)
        add_rows(report, f"decode attention {keys}x{heads}x{size} {report.dtype_name}", q, k, v, False)
    return report.finish()


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
