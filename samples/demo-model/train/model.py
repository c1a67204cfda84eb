"""LLaVA-1.5's architecture at a small size: CLIP's vision tower, a projector of two layers, Llama's decoder."""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class Shape:
    image: int = 224
    patch: int = 14
    vision_width: int = 160
    vision_layers: int = 12
    vision_heads: int = 2      # of 80: FlowCut's kernels know heads of 64, 72, 80, 96 and 128
    width: int = 128
    layers: int = 6
    heads: int = 2             # of 64: their decode attention knows 64, 96 and 128
    intermediate: int = 352

    @property
    def patches(self):
        return (self.image // self.patch) ** 2


QUICK_GELU = 1.702  # quick_gelu(x) = x * sigmoid(1.702 x)
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def attention(q, k, v, mask=None):
    """Of [n, heads, rows, width]; mask [rows, rows] is added to the scores."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=None if mask is None else mask.to(q.dtype))
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5  # PyTorch 1, for trials
    return (scores if mask is None else scores + mask).softmax(-1) @ v


class VisionLayer(nn.Module):
    """
    CLIP's layer. The weights here are of silu(x) = 1.702 * quick_gelu(x / 1.702), which is one operation instead of three; export
    scales fc1 and fc2.
    """

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, want_class_attention=False):
        """x [n, 1 + patches, width]; also the attention from the class token to the patches [n, patches], over heads, if wanted."""
        n, rows, width = x.shape
        q, k, v = self.qkv(self.layer_norm1(x)).view(n, rows, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out_proj(attention(q, k, v).transpose(1, 2).reshape(n, rows, width))
        x = x + self.fc2(F.silu(self.fc1(self.layer_norm2(x))))
        if not want_class_attention:
            return x, None
        with torch.no_grad():
            scores = (q[:, :, :1].float() @ k.float().transpose(-1, -2))[:, :, 0] * q.shape[-1] ** -0.5
            return x, scores.softmax(-1)[:, :, 1:].mean(1)


@dataclass
class Drop:
    """Which patches go on: after `layer` layers (all of them: behind the tower) `keep` of them stay."""
    layer: int
    keep: int
    attention: float = 1.0          # how much the class token's attention decides
    noise: torch.Tensor = None      # [n, patches], added to attention * log(attention of the class token)


class Tower(nn.Module):
    def __init__(self, shape, labels, targets):
        super().__init__()
        width = shape.vision_width
        self.patch_embedding = nn.Conv2d(3, width, shape.patch, shape.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.02)
        self.position_embedding = nn.Parameter(torch.randn(1 + shape.patches, width) * 0.02)
        self.pre_layrnorm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(VisionLayer(width, shape.vision_heads) for _ in range(shape.vision_layers))
        self.post_layernorm = nn.LayerNorm(width)
        # for training only
        self.patch_head, self.class_head = nn.Linear(width, labels), nn.Linear(width, targets)
        nn.init.constant_(self.class_head.bias, -3.5)  # few of the targets are there
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, pictures, drop=None):
        """pictures [n, 3, h, w] in 0..1. Returns tokens [n, kept, width], kept patches [n, kept] or None, class tokens after every third layer."""
        x = self.patch_embedding((pictures - self.mean) / self.std).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], 1) + self.position_embedding
        x, kept, classes = self.pre_layrnorm(x), None, []
        for i, layer in enumerate(self.layers, 1):
            drops = drop is not None and i == drop.layer
            x, scores = layer(x, drops)
            if drops:
                scores = drop.attention * scores.clamp(min=1e-9).log()
                scores = scores if drop.noise is None else scores + drop.noise
                kept = scores.topk(drop.keep, 1).indices.sort(1).values
                x = torch.cat([x[:, :1], x[:, 1:].gather(1, kept[:, :, None].expand(-1, -1, x.shape[2]))], 1)
            if i % 3 == 0:
                classes.append(x[:, 0])
        return x[:, 1:], kept, torch.stack(classes, 1)

    def loss(self, tokens, kept, classes, labels, targets):
        """Cross-entropy of the patches' labels, and of the pictures' targets from the class token at four depths."""
        labels = labels if kept is None else labels.gather(1, kept)
        weight = torch.ones(self.patch_head.out_features, device=tokens.device)
        weight[0] = 0.25  # most patches show the background
        patches = F.cross_entropy(self.patch_head(self.post_layernorm(tokens)).float().flatten(0, 1), labels.flatten(), weight=weight)
        logits = self.class_head(self.post_layernorm(classes)).float()
        pictures = F.binary_cross_entropy_with_logits(logits, targets[:, None].expand_as(logits)) * targets.shape[1] / 10
        return patches, pictures


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * self.weight


class DecoderLayer(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.heads = shape.heads
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(shape.width), RmsNorm(shape.width)
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.intermediate, bias=False)
        self.down_proj = nn.Linear(shape.intermediate, shape.width, bias=False)

    def forward(self, x, cos, sin, mask):
        n, rows, width = x.shape
        q, k, v = self.qkv(self.input_layernorm(x)).view(n, rows, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = attention(turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype), v, mask)
        x = x + self.o_proj(attended.transpose(1, 2).reshape(n, rows, width))
        gate, up = self.gate_up(self.post_attention_layernorm(x)).chunk(2, -1)
        return x + self.down_proj(F.silu(gate) * up)


def turn(x, cos, sin):
    """Rotary positions: pairs are the two halves of a head."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Model(nn.Module):
    def __init__(self, shape, vocabulary, labels, targets):
        """vocabulary: number of tokens; labels, targets: of the tower's training heads."""
        super().__init__()
        self.shape = shape
        self.tower = Tower(shape, labels, targets)
        self.linear_1, self.linear_2 = nn.Linear(shape.vision_width, shape.width), nn.Linear(shape.width, shape.width)
        self.embed_tokens = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.layers))
        self.norm = RmsNorm(shape.width)
        self.lm_head = nn.Linear(shape.width, vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith("tower"):
                nn.init.normal_(parameter, std=0.02 if "embed" in name else parameter.shape[1] ** -0.5)

    def decode(self, prefix, patches, text, positions, mask):
        """
        Hidden states of the text [n, t, width] behind a prefix [p] and a picture's tokens [n, v, vision width].
        positions [p + v + t]; mask [p + v + t, p + v + t], 0 where a row sees a column, else -inf.
        """
        n = len(patches)
        pictures = self.linear_2(F.gelu(self.linear_1(patches)))
        x = torch.cat([self.embed_tokens(prefix).expand(n, -1, -1), pictures.float(), self.embed_tokens(text)], 1)
        head = self.shape.width // self.shape.heads
        angles = positions[:, None].float() * 10000.0 ** (-torch.arange(0, head, 2, device=x.device).float() / head)
        cos, sin = angles.cos(), angles.sin()
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        return self.norm(x[:, -text.shape[1]:])


def segment_layout(front, lengths, device):
    """Positions and mask of `front` tokens that all see causally, and text segments behind them that do not see each other."""
    segment = torch.cat([torch.zeros(front)] + [torch.full((length,), i + 1.0) for i, length in enumerate(lengths)])
    positions = torch.cat([torch.arange(front)] + [front + torch.arange(length) for length in lengths])
    rows = len(segment)
    sees = torch.ones(rows, rows).tril().bool() & ((segment[None] == 0) | (segment[None] == segment[:, None]))
    return positions.to(device), torch.zeros(rows, rows).masked_fill(~sees, float("-inf")).to(device)
