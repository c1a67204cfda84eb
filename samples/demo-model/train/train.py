"""
Trains the demo model from nothing on scenes made as it goes, for a given time.

    python3 train.py --device cuda --layers 4 --minutes 6 --data artifacts/demo-data --out FIRST
    python3 train.py --device cuda --layers 6 --start FIRST/model --minutes 2.6 --data artifacts/demo-data --out OUT

Stage 1 teaches the vision tower alone what every patch shows and what is in the picture; stage 2 the whole model to answer questions,
with some of the patches dropped at random, so that pruning is nothing new to it. With --start it goes on from exported weights, in
stage 2 and more slowly; layers that these do not have are put behind. Every minute a checkpoint and the model in Hugging
Face's layout are written to OUT, at the end the loss curve and the accuracy on the held-out questions too.
"""

import argparse
import copy
import csv
import gzip
import io
import json
import math
import os
import time

import torch
import torch.nn.functional as F

from evaluate import evaluate
from export import export, restore
from model import Drop, Model, Shape, segment_layout
from questions import ANSWER, Texts, segments
from scenes import LABELS, TARGETS, Renderer, sample
from vocabulary import PAD

STAGE_1 = 0.4            # share of the time
LATER_RATE = 0.5         # of the rates, where trained weights are gone on from
TOWER_RATE, DECODER_RATE = 1.2e-3, 1.5e-3
CHECKPOINT_SECONDS = 60


def load(path):
    with gzip.open(path) as file:
        return torch.load(io.BytesIO(file.read()), map_location="cpu")


class Training:
    def __init__(self, assets, device, batch, seed, backgrounds, layers, start=None):
        torch.manual_seed(seed)
        self.device, self.batch = device, batch
        self.generator = torch.Generator(device).manual_seed(seed)
        self.texts = Texts(device)
        self.renderer = Renderer(assets, assets["training_photos"], self.generator, backgrounds)
        self.model = Model(Shape(layers=layers), len(self.texts.vocabulary), LABELS, TARGETS)
        # an export is without the heads that the tower was trained by
        self.stage_1, self.rate, self.tower_share = (STAGE_1, 1.0, 0.2) if start is None else (0.0, LATER_RATE, 0.0)
        if start is not None:
            restore(self.model, start)
        self.model.to(device)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        tower = list(self.model.tower.parameters())
        ids = {id(p) for p in tower}
        rest = [p for p in self.model.parameters() if id(p) not in ids]
        groups = [{"params": part, "weight_decay": 0.05 if matrix else 0.0, "rate": rate}
                  for params, rate in ((tower, TOWER_RATE), (rest, DECODER_RATE)) for matrix in (True, False)
                  if (part := [p for p in params if (p.dim() > 1) == matrix])]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), **({"fused": True} if device == "cuda" else {}))
        self.parameters, self.averaged = list(self.model.parameters()), list(self.average.parameters())
        self.step, self.layouts, self.lengths = 0, {}, None

    def set_rates(self, progress):
        """Tower: warm-up, level, after the first stage a third and less; decoder: its own warm-up; both fall to 0 with the time."""
        second = max(0.0, (progress - self.stage_1) / (1 - self.stage_1))
        fall = 0.5 * (1 + math.cos(math.pi * second))
        for group in self.optimizer.param_groups:
            if group["rate"] == TOWER_RATE:
                first = min(1.0, progress / self.stage_1) if self.stage_1 > 0 else 1.0
                level = min(1.0, progress / 0.02) * (1 - 0.6 * first) * fall
            else:
                level = min(1.0, second / 0.03) * fall
            group["lr"] = group["rate"] * level * self.rate

    def scenes(self):
        with torch.no_grad():
            scene = sample(self.batch, self.generator)
            return scene, *self.renderer.render(scene, self.generator)

    def tower_losses(self, drop=None):
        scene, pictures, labels, targets = self.scenes()
        tokens, kept, classes = self.model.tower(pictures, drop)
        return scene, tokens, self.model.tower.loss(tokens, kept, classes, labels, targets)

    def random_drop(self):
        """Nothing in a third of the steps; else at a random depth down to a quarter or more, by attention or by chance."""
        chance, depth, share = torch.rand(3).tolist()
        if chance < 0.35:
            return None
        shape = self.model.shape
        layer = 3 + int(depth * (shape.vision_layers - 2)) if chance < 0.65 else shape.vision_layers
        keep = int(shape.patches * (0.25 + 0.75 * share) / 8) * 8
        noise = -torch.log(-torch.log(torch.rand(self.batch, shape.patches, generator=self.generator, device=self.device).clamp(1e-6, 1 - 1e-6)))
        by_attention = (torch.rand(self.batch, 1, generator=self.generator, device=self.device) < 0.6).float()
        return Drop(layer, keep, by_attention, noise)

    def answer_loss(self, scene, tokens):
        with torch.no_grad():
            parts = segments(self.texts, scene, self.generator)
            text = torch.cat(parts, 1)
            following = torch.cat([F.pad(part[:, 1:], (0, 1), value=PAD) for part in parts], 1)
            wanted = torch.where(following >= ANSWER, following % ANSWER, -100)
        front = len(self.texts.prefix) + tokens.shape[1]
        if front not in self.layouts:
            self.layouts[front] = segment_layout(front, [part.shape[1] for part in parts], self.device)
        hidden = self.model.decode(self.texts.prefix, tokens, text % ANSWER, *self.layouts[front])
        return F.cross_entropy(self.model.lm_head(hidden).float().flatten(0, 1), wanted.flatten(), ignore_index=-100)

    def train_step(self, progress):
        """One step; the losses as a tensor: patches, pictures, answers."""
        self.set_rates(progress)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
            if progress < self.stage_1:
                _, _, (patches, pictures) = self.tower_losses()
                loss, answers = patches + pictures, torch.zeros_like(patches)
            else:
                scene, tokens, (patches, pictures) = self.tower_losses(self.random_drop())
                answers = self.answer_loss(scene, tokens)
                loss = answers + self.tower_share * (patches + pictures)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(0.998, self.step / (10 + self.step))
        with torch.no_grad():
            torch._foreach_mul_(self.averaged, decay)
            torch._foreach_add_(self.averaged, self.parameters, alpha=1 - decay)
        return torch.stack([patches, pictures, answers]).detach()

    def save(self, folder, elapsed):
        export(self.average, self.texts.vocabulary, os.path.join(folder, "model"))
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "generator": self.generator.get_state(), "step": self.step, "elapsed": elapsed}
        path = os.path.join(folder, "checkpoint.pt")
        torch.save(state, path + ".new")
        os.replace(path + ".new", path)

    def resume(self, path):
        state = torch.load(path, map_location="cpu")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.step = state["step"]
        return state["elapsed"]


def self_check(assets, heldout, device, folder, layers, start):
    """A step of each stage, an export and an answer at a small size: what the machine lacks shows before time is spent."""
    trial = Training(assets, device, 8, 1, 256, layers, start)
    for progress in (0.1, 0.7, 0.7, 0.7):
        losses = trial.train_step(progress)
        if not torch.isfinite(losses).all():
            raise RuntimeError(f"losses {losses.tolist()} in the self-check")
    trial.save(folder, 0)
    trial.resume(os.path.join(folder, "checkpoint.pt"))
    small = {"pixels": heldout["pixels"], "entries": heldout["entries"][:4]}
    evaluate(trial.average, trial.texts, small, 64)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder of what prepare.py made")
    parser.add_argument("--out", required=True)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--minutes", type=float, default=6.0, help="of training, without the evaluation at the end")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--backgrounds", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=6, help="of the decoder")
    parser.add_argument("--start", help="folder of an exported model to go on from")
    parser.add_argument("--resume", help="a checkpoint.pt to go on from")
    arguments = parser.parse_args()
    begin = time.time()
    os.makedirs(arguments.out, exist_ok=True)
    if arguments.device == "cpu":
        torch.set_num_threads(2)
    else:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    assets, heldout = (load(os.path.join(arguments.data, name + ".pt.gz")) for name in ("assets", "heldout"))
    self_check(assets, heldout, arguments.device, arguments.out, arguments.layers, arguments.start)
    print(f"self-check passed after {time.time() - begin:.1f} s", flush=True)

    training = Training(assets, arguments.device, arguments.batch, arguments.seed, arguments.backgrounds, arguments.layers, arguments.start)
    before = training.resume(arguments.resume) if arguments.resume else 0.0
    print(f"{sum(p.numel() for p in training.model.parameters()):,} parameters, {len(training.texts.vocabulary)} tokens", flush=True)
    budget, start, saved, total, counted = 60 * arguments.minutes, time.time(), time.time(), 0, 0
    with open(os.path.join(arguments.out, "loss.csv"), "w", newline="") as file:
        log = csv.writer(file)
        log.writerow(["seconds", "step", "patches", "pictures", "answers", "scenes_per_second"])
        measured = start
        while (elapsed := before + time.time() - start) < budget:
            total = total + training.train_step(elapsed / budget)
            counted += 1
            if training.step % 50 == 0:
                losses, now = (total / counted).tolist(), time.time()
                rate = counted * arguments.batch / (now - measured)
                log.writerow([f"{elapsed:.1f}", training.step, *(f"{x:.4f}" for x in losses), f"{rate:.0f}"])
                file.flush()
                if training.step % 250 == 0:
                    print(f"{elapsed:6.1f} s  step {training.step}  patches {losses[0]:.4f}  pictures {losses[1]:.4f}  answers {losses[2]:.4f}  {rate:.0f}/s", flush=True)
                total, counted, measured = 0, 0, now
            if time.time() - saved > CHECKPOINT_SECONDS:
                training.save(arguments.out, elapsed)
                saved = time.time()
    training.save(arguments.out, budget)
    results = {}
    for name, keep in (("all patches", None), ("a quarter", training.model.shape.patches // 4)):
        shares, answers = evaluate(training.average, training.texts, heldout, keep)
        results[name] = {"accuracy": shares, "answers": answers}
        print(name, "  ".join(f"{kind} {share:.3f}" for kind, share in shares.items()), flush=True)
    with open(os.path.join(arguments.out, "heldout.json"), "w", encoding="utf-8") as file:
        json.dump(results, file, ensure_ascii=False, indent=1)
    print(f"done after {time.time() - begin:.1f} s, {training.step} steps", flush=True)


if __name__ == "__main__":
    main()
