"""Greedy answers to the held-out questions, and how many are right."""

import torch

from model import Drop, segment_layout
from vocabulary import EOS, PAD


@torch.no_grad()
def answer(model, texts, pixels, questions, keep=None, longest=44):
    """Answers to questions about pictures [n, 3, h, w] of bytes, one each; with the `keep` patches that the class token looks at most."""
    vocabulary, device = texts.vocabulary, texts.device
    drop = None if keep is None else Drop(model.shape.vision_layers, keep)
    patches, _, _ = model.tower(pixels.to(device).float() / 255, drop)
    rows = [vocabulary.encode("\n" + question) + vocabulary.encode("ASSISTANT:") for question in questions]
    lengths = torch.tensor([len(row) for row in rows], device=device)
    width = int(lengths.max()) + longest
    text = torch.tensor([row + [PAD] * (width - len(row)) for row in rows], device=device)
    done, every = torch.zeros(len(rows), dtype=torch.bool, device=device), torch.arange(len(rows), device=device)
    positions, mask = segment_layout(len(texts.prefix) + patches.shape[1], [width], device)
    for step in range(longest):
        hidden = model.decode(texts.prefix, patches, text, positions, mask)
        token = model.lm_head(hidden[every, lengths + step - 1]).float().argmax(1)
        text[every, lengths + step] = torch.where(done, PAD, token)
        done |= token == EOS
        if done.all():
            break
    return [vocabulary.decode(text[i, lengths[i]:].tolist()) for i in range(len(rows))]


def evaluate(model, texts, heldout, keep=None, batch=128):
    """Share of right answers by kind and over all, and the answers."""
    entries = heldout["entries"]
    answers = []
    for start in range(0, len(entries), batch):
        part = entries[start:start + batch]
        pictures = torch.stack([heldout["pixels"][int(entry["picture"].split(".")[0])] for entry in part])
        answers += answer(model, texts, pictures, [entry["question"] for entry in part], keep)
    right = [given in entry["answers"] for given, entry in zip(answers, entries)]
    shares = {}
    for kind in list(dict.fromkeys(entry["kind"] for entry in entries)):
        of_kind = [r for r, entry in zip(right, entries) if entry["kind"] == kind]
        shares[kind] = sum(of_kind) / len(of_kind)
    shares["all"] = sum(right) / len(right)
    return shares, answers
