"""LLaVA's parts at true sizes, batch 1, with random weights made on the device: what PyTorch and transformers take.

vision: CLIP-L/14-336 up to the layer that LLaVA reads, and the projector. Unpruned: transformers' tower; pruned:
clip_flowcut.py, FlowCut as published, with the schedule `profile` (random weights would prune almost nothing otherwise).
prefill: Llama-2-7B from embeddings to the logits of the last token, its KV cache included; LLaVA-NeXT has the same sizes.
decode: one token after 636 cached ones, to its argmax. transformers 4.40 to 5; what a version lacks is skipped by name.
"""
import contextlib
import functools
import inspect
import sys

import timing  # first: ends with status 77 where PyTorch is missing
import clip_flowcut
import flow_step
from timing import require, tolerant, torch

transformers = timing.optional("transformers")
KEEPS = (192, 128, 64)
TEXT = 60
PREFILLS = {"llava-1.5-7b": (576, 192, 128, 64), "llava-next-7b": (2880, 640, 320, 160)}
CACHED, CACHE_ROOM = 636, 128  # room for the tokens of warm-up and rounds: caches of transformers 5 count on by themselves
HIDDEN = 4096


def accepted(function, **values):
    """Those of the values that the function names as parameters: what its version knows."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in values.items() if name in known}


class Models:
    """Builds the modules, in the report's type and on its device, each with random weights of its class's own scale."""

    def __init__(self, report, layers):
        self.report, self.layers = report, layers

    def build(self, cls, config):
        """A model made where it stays: 13 GB are not copied."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.report.dtype)
        try:
            # a context only since PyTorch 2.0
            with torch.device(self.report.device) if self.report.cuda else contextlib.nullcontext():
                return cls(config).eval()
        finally:
            torch.set_default_dtype(default)

    def transformer(self, cls, config_cls, attention, **sizes):
        require(transformers, "transformers is not installed")
        config = getattr(transformers, config_cls)(**sizes)
        config._attn_implementation = attention  # from_config does the same; constructors take it by changing names
        model = tolerant(lambda: self.build(getattr(transformers, cls), config))()
        used = getattr(model.config, "_attn_implementation", attention)
        require(used == attention, f"transformers {transformers.__version__} uses {used} instead of {attention}")
        return model

    def vision_layers(self):
        return min(24, self.layers or 24)

    def clip(self, attention):
        """The layers that LLaVA reads: one fewer than the checkpoint's."""
        return self.transformer(
            "CLIPVisionModel", "CLIPVisionConfig", attention, hidden_size=1024, intermediate_size=4096,
            num_hidden_layers=self.vision_layers() - 1, num_attention_heads=16, image_size=336, patch_size=14)

    def llama(self, attention):
        return self.transformer(
            "LlamaForCausalLM", "LlamaConfig", attention, hidden_size=HIDDEN, intermediate_size=11008,
            num_hidden_layers=min(32, self.layers or 32), num_attention_heads=32, num_key_value_heads=32,
            max_position_embeddings=4096, vocab_size=32064)

    def projector(self):
        linear = functools.partial(torch.nn.Linear, device=self.report.device, dtype=self.report.dtype)
        return torch.nn.Sequential(linear(1024, HIDDEN), torch.nn.GELU(), linear(HIDDEN, HIDDEN))

    def random(self, *sizes):
        return torch.randn(sizes, device=self.report.device, dtype=self.report.dtype)


def label(report, layers, name):
    """A row's name; with fewer layers than the model has it says so."""
    return f"{name} {report.dtype_name}" + (f" ({layers} layers)" if layers else "")


def add_vision(report, models):
    pixels, projector = models.random(1, 3, 336, 336), models.projector()
    named = functools.partial(label, report, models.layers)
    for attention in ("sdpa", "eager"):
        def unpruned():
            tower = models.clip(attention)
            return lambda: projector(tower(pixel_values=pixels).last_hidden_state[:, 1:])

        report.row(named("vision clip-l-336 unpruned"), attention, unpruned)
    shape = clip_flowcut.clip_l_336(models.vision_layers())
    tower = clip_flowcut.ClipTower(shape, clip_flowcut.random_weights(shape, report.device, report.dtype))
    report.row(named("vision clip-l-336 unpruned"), "eager-plain", lambda: lambda: projector(tower.forward(pixels)))
    for keep in KEEPS:
        def pruned():
            flow = flow_step.FlowCut(shape.patches, keep, shape.layers, "profile")
            return projector(tower.forward(pixels, flow))

        if pruned().shape != (1, keep, HIDDEN):
            raise RuntimeError(f"the pruned tower does not end with {keep} patches")
        report.row(named(f"vision clip-l-336 keep {keep}"), "flowcut-eager", lambda: pruned)


def prefill(model, embeddings):
    """[1, tokens, hidden] -> the logits of the last position; the cache is made on the way and dropped"""
    hidden = model.model(inputs_embeds=embeddings, use_cache=True).last_hidden_state
    return model.lm_head(hidden[:, -1:])


def prefill_names(report, layers):
    for family, counts in PREFILLS.items():
        for visual in counts:
            yield label(report, layers, f"prefill {family} {visual} visual + {TEXT} text"), visual + TEXT


def add_language(report, models, attention):
    """Prefill and, with SDPA, decode, on one model: there is room for one at a time."""
    try:
        model = models.llama(attention)
    except timing.Unavailable as reason:
        for name, _ in prefill_names(report, models.layers):
            report.skip(name, attention, str(reason))
        if attention == "sdpa":
            for variant in DECODES:
                report.skip(label(report, models.layers, "decode llava-1.5-7b"), variant, str(reason))
        return
    for name, tokens in prefill_names(report, models.layers):
        if report.options.quick and not report.cuda and tokens > 1000:
            report.skip(name, attention, "--quick on the CPU")
            continue
        embeddings = models.random(1, tokens, HIDDEN) * 0.02  # the scale of Llama's own embeddings
        report.row(name, attention, lambda: functools.partial(prefill, model, embeddings), rounds=20)
    if attention == "sdpa":
        add_decode(report, models, model)


class Decoder:
    """One token after another behind a prompt of CACHED tokens."""

    def __init__(self, report, models, model, static):
        self.model, self.static = model, static
        # where a version takes positions it gets them; later ones count in the cache
        self.takes_positions = bool(accepted(model.model.forward, cache_position=None))
        self.token = torch.ones((1, 1), dtype=torch.long, device=report.device)
        self.position = torch.full((1,), CACHED, device=report.device)
        self.cache = self.static_cache(report) if static else transformers.DynamicCache()
        prompt = models.random(1, CACHED, HIDDEN) * 0.02
        self.forward(torch.arange(CACHED, device=report.device), inputs_embeds=prompt)

    def static_cache(self, report):
        known = accepted(
            transformers.StaticCache.__init__, config=self.model.config, max_cache_len=CACHED + CACHE_ROOM,
            max_batch_size=1, batch_size=1, device=report.device, dtype=report.dtype)
        if "max_batch_size" in known:
            known.pop("batch_size", None)  # the older name of the same, with a warning
        return transformers.StaticCache(**known)

    def forward(self, positions, **inputs):
        if self.takes_positions:
            inputs["cache_position"] = positions
        return self.model.model(**inputs, past_key_values=self.cache, use_cache=True).last_hidden_state

    def step(self):
        hidden = self.forward(self.position, input_ids=self.token)
        if not self.static:
            self.cache.crop(CACHED)
        return self.model.lm_head(hidden)[:, -1].argmax(-1)


def captured(step):
    """The step as a CUDA graph, to be replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def compiled(step):
    fast = torch.compile(step, mode="reduce-overhead")
    for _ in range(3):
        fast()
    return fast


DECODES = ("sdpa", "sdpa-static", "sdpa-static-graph", "sdpa-static-compile")


def decode_step(report, models, model, variant):
    """The call to be timed."""
    require(variant == "sdpa" or hasattr(transformers, "StaticCache"), "transformers has no StaticCache")
    if variant.endswith("graph"):
        require(report.cuda, "CUDA graphs need a CUDA device")
    if variant.endswith("compile"):
        require(hasattr(torch, "compile"), f"torch {torch.__version__} has no torch.compile")
        require(report.cuda and not report.options.no_compile, "--no-compile, or no CUDA device")
    decoder = tolerant(functools.partial(Decoder, report, models, model, static=variant != "sdpa"))()
    step = tolerant(decoder.step)
    step()
    if variant.endswith("graph"):
        return tolerant(functools.partial(captured, decoder.step))()
    if variant.endswith("compile"):
        return tolerant(functools.partial(compiled, decoder.step))()
    return step


def add_decode(report, models, model):
    name = label(report, models.layers, "decode llava-1.5-7b")
    for variant in DECODES:
        report.row(name, variant, functools.partial(decode_step, report, models, model, variant), rounds=30, cached=CACHED)


def main():
    parser = timing.arguments(__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, help="run fewer layers; the rows' names say so")
    options = parser.parse_args()
    layers = options.layers or (4 if options.quick else None)
    if layers is not None and layers < 4:
        parser.error("--layers needs 4 at least: fewer vision layers have no pruning event")
    report = timing.Report("llava", options)
    models = Models(report, layers)
    add_vision(report, models)
    for attention in ("sdpa", "eager"):
        add_language(report, models, attention)
        if report.cuda:
            torch.cuda.empty_cache()
    return report.finish()


if __name__ == "__main__":
    with torch.no_grad():
        sys.exit(main())
