"""
Scenes of 224 x 224 pixels, drawn and rendered in batches on the device: a background, things in the cells of a 3 x 3 grid, and in
nearly half of them a sign that fills one row. What is where is known, so labels and answers follow.
"""

import torch
import torch.nn.functional as F

from things import CHARACTERS, COLOURS, EMOJI, SHAPES, SIGNS, THINGS

SIZE, PATCH, GRID = 224, 14, 16
CELL = 75                              # 3 x 75 pixels, the last one is cut off
LABELS = 1 + THINGS + len(CHARACTERS)  # of a patch: background, thing, character
TARGETS = THINGS + len(SIGNS)          # of a picture: which things and which sign it has


def rand(generator, *shape, low=0.0, high=1.0):
    return torch.rand(*shape, generator=generator, device=generator.device) * (high - low) + low


def sample(n, generator):
    """
    What n scenes show. cells [n, 9]: thing in each cell or -1; text_row [n]: row of the sign or -1; sign [n] or -1.
    One to seven things; in half of the scenes one of them two to four times; shapes differ in their form.
    """
    device = generator.device
    text_row = torch.randint(0, 3, (n,), generator=generator, device=device)
    has_text = rand(generator, n) < 0.45
    text_row = torch.where(has_text, text_row, torch.full_like(text_row, -1))
    sign = torch.randint(0, len(SIGNS), (n,), generator=generator, device=device)
    words = rand(generator, n) < 0.6
    sign = torch.where(words, sign % (len(SIGNS) - 90), sign)
    sign = torch.where(has_text, sign, torch.full_like(sign, -1))

    emoji = torch.rand(n, len(EMOJI), generator=generator, device=device).topk(5, 1).indices
    n_emoji = torch.randint(1, 6, (n,), generator=generator, device=device)
    n_emoji = torch.where(has_text, n_emoji.clamp(max=4), n_emoji)
    copies = torch.where(rand(generator, n) < 0.5, torch.randint(1, 4, (n,), generator=generator, device=device), torch.zeros_like(n_emoji))
    slot = torch.arange(5, device=device)[None]
    emoji = torch.where((slot >= 1) & (slot <= copies[:, None]), emoji[:, :1], emoji)
    emoji = torch.where(slot < n_emoji[:, None], emoji, torch.full_like(emoji, -1))
    shape = torch.rand(n, len(SHAPES), generator=generator, device=device).topk(2, 1).indices
    colour = torch.randint(0, len(COLOURS), (n, 2), generator=generator, device=device)
    n_shapes = torch.randint(0, 3, (n, 1), generator=generator, device=device)
    shapes = torch.where(torch.arange(2, device=device)[None] < n_shapes, len(EMOJI) + shape * len(COLOURS) + colour, torch.full_like(shape, -1))

    things = torch.cat([emoji, shapes, torch.full((n, 2), -1, device=device)], 1)  # one for each cell
    # present things take the cells that come first in a random order in which those under the sign come last
    order = torch.rand(n, 9, generator=generator, device=device)
    order = order + 2 * (torch.arange(9, device=device)[None] // 3 == text_row[:, None])
    things = things.gather(1, torch.argsort((things < 0).to(torch.uint8), dim=1, stable=True))
    cells = torch.full((n, 9), -1, device=device).scatter_(1, order.argsort(1), things)
    return {"cells": cells, "text_row": text_row, "sign": sign}


class Renderer:
    """Holds the textures on the device and makes pictures of scenes."""

    def __init__(self, assets, photos, generator, backgrounds=4096):
        """assets: what prepare.py made; photos: names of the photos that may be seen; backgrounds: how many are made from them."""
        self.device = generator.device
        sprites = assets["sprites"].to(self.device).float() / 255                       # [things, 4, 72, 72], premultiplied
        self.sprites = torch.cat([sprites, torch.zeros_like(sprites[:1])])              # the last is for empty cells
        self.signs = assets["signs"].to(self.device).float() / 255                      # [fonts * signs, 2, 48, 168]: plate, ink
        self.columns = assets["columns"].to(self.device).long()                              # [fonts * signs, 168]: character + 1, or 0
        self.fonts = self.signs.shape[0] // len(SIGNS)
        self.backgrounds = torch.cat([self._backgrounds(assets, photos, generator, 256) for _ in range(backgrounds // 256)])

    def _backgrounds(self, assets, photos, generator, n):
        """Random parts of photos, and gradients with smooth noise, as bytes [n, 3, 224, 224]."""
        result = torch.empty(n, 3, SIZE, SIZE, device=self.device)
        which = torch.randint(0, len(photos), (n,), generator=generator, device=self.device)
        for i, name in enumerate(photos):
            rows = (which == i).nonzero()[:, 0]
            if len(rows) == 0:
                continue
            photo = assets["photos"][name].to(self.device).float()[None] / 255
            scale = rand(generator, len(rows), low=0.3, high=0.95)
            flip = torch.where(rand(generator, len(rows)) < 0.5, -1.0, 1.0)
            result[rows] = paste(photo.expand(len(rows), -1, -1, -1), scale * flip, scale, rand(generator, len(rows), low=-1) * (1 - scale),
                                 rand(generator, len(rows), low=-1) * (1 - scale), SIZE, SIZE, padding="reflection")
        plain = rand(generator, n) < 0.35
        noise = sum(F.interpolate(rand(generator, n, 3, side, side), SIZE, mode="bilinear", align_corners=True) / (1 + side / 8) for side in (2, 3, 7, 28))
        noise = (noise - noise.mean((2, 3), keepdim=True)) * rand(generator, n, 1, 1, 1, low=0.2, high=1.0) + rand(generator, n, 3, 1, 1, low=0.1, high=0.9)
        result = torch.where(plain[:, None, None, None], noise, result)
        # less contrast and other tones than the photo has, so that it does not look like a thing
        contrast = rand(generator, n, 1, 1, 1, low=0.35, high=0.9)
        mean = result.mean((2, 3), keepdim=True)
        tone = rand(generator, n, 3, 1, 1, low=-0.12, high=0.12) + rand(generator, n, 1, 1, 1, low=-0.15, high=0.2)
        return ((mean + (result - mean) * contrast + tone).clamp(0, 1) * 255).to(torch.uint8)

    def render(self, scene, generator):
        """Pictures [n, 3, 224, 224] in 0..1, labels of their patches [n, 256], and which things and sign they have [n, TARGETS]."""
        n = scene["cells"].shape[0]
        which = torch.randint(0, len(self.backgrounds), (n,), generator=generator, device=self.device)
        picture = self.backgrounds[which].float() / 255
        picture = torch.where((rand(generator, n) < 0.5)[:, None, None, None], picture.flip(3), picture)

        layer, labels = self._things(scene["cells"], generator)
        rows = torch.where(scene["text_row"] >= 0)[0]
        if len(rows):
            self._draw_signs(layer, labels, rows, scene["text_row"][rows], scene["sign"][rows], generator)
        layer = layer[:, :, :SIZE, :SIZE]
        picture = picture * (1 - layer[:, 3:]) + layer[:, :3]
        gain, bias = rand(generator, n, 1, 1, 1, low=0.8, high=1.15), rand(generator, n, 1, 1, 1, low=-0.06, high=0.06)
        strength = rand(generator, n, 1, 1, 1, high=0.03)
        picture = picture * gain + bias + strength * torch.randn(picture.shape, generator=generator, device=self.device)
        return picture.clamp(0, 1), labels, self._targets(scene)

    def _things(self, cells, generator):
        n = cells.shape[0]
        side = rand(generator, n * 9, low=38, high=70)
        # turned by at most 15 degrees; a turned square of up to 60 pixels fits into its cell
        angle = rand(generator, n * 9, low=-0.26, high=0.26) * (side < 60)
        room = (CELL - side * (1 + 0.2 * angle.abs() / 0.26)) / 2
        x, y = (rand(generator, n * 9, low=-1) * room.clamp(min=0) for _ in range(2))
        flip = torch.where(rand(generator, n * 9) < 0.3, -1.0, 1.0)
        things = cells.flatten()
        turned_x, turned_y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
        drawn = paste(self.sprites[things], CELL / side * flip, CELL / side, -2 * turned_x / side * flip, -2 * turned_y / side, CELL, CELL, angle=angle)
        layer = drawn.view(n, 3, 3, 4, CELL, CELL).permute(0, 3, 1, 4, 2, 5).reshape(n, 4, 3 * CELL, 3 * CELL)
        # a patch shows a thing if its middle lies well inside the thing's square
        place = torch.arange(9, device=self.device).repeat(n)
        middle = torch.arange(GRID, device=self.device) * PATCH + PATCH / 2
        inside_x = (middle[None] - (place % 3 * CELL + CELL / 2 + x)[:, None]).abs() < 0.46 * side[:, None]
        inside_y = (middle[None] - (place // 3 * CELL + CELL / 2 + y)[:, None]).abs() < 0.46 * side[:, None]
        inside = inside_y[:, :, None] & inside_x[:, None, :] & (things >= 0)[:, None, None]
        labels = (inside * (things + 1)[:, None, None]).view(n, 9, GRID * GRID).amax(1)
        return layer, labels

    def _draw_signs(self, layer, labels, scenes, row, sign, generator):
        n = len(scenes)
        sign = sign + len(SIGNS) * torch.randint(0, self.fonts, (n,), generator=generator, device=self.device)
        height = rand(generator, n, low=40, high=62)
        width = height * 168 / 48
        x, y = rand(generator, n, low=-1) * ((SIZE - width) / 2).clamp(min=0), rand(generator, n, low=-1) * (CELL - height) / 2
        drawn = paste(self.signs[sign], 3 * CELL / width, CELL / height, -2 * x / width, -2 * y / height, CELL, 3 * CELL)
        # dark on light or light on dark, in any tone
        light, dark = rand(generator, n, 3, 1, 1, low=0.7, high=1.0), rand(generator, n, 3, 1, 1, high=0.35)
        is_light = (rand(generator, n) < 0.6)[:, None, None, None]
        plate, ink = torch.where(is_light, light, dark), torch.where(is_light, dark, light)
        colour = plate + (ink - plate) * drawn[:, 1:]
        drawn = torch.cat([colour * drawn[:, :1], drawn[:, :1]], 1)
        whole = layer.view(-1, 4, 3, CELL, 3 * CELL)
        whole[scenes, :, row] = drawn
        middle = torch.arange(GRID, device=self.device) * PATCH + PATCH / 2
        column = ((middle[None] - (1.5 * CELL + x - width / 2)[:, None]) / width[:, None] * 168).long()
        character = self.columns[sign].gather(1, column.clamp(0, 167)) * ((column >= 0) & (column < 168))
        inside = (middle[None] - (row * CELL + CELL / 2 + y)[:, None]).abs() < 0.33 * height[:, None]
        written = inside[:, :, None] & (character > 0)[:, None, :]
        labels[scenes] = torch.where(written, (THINGS + character)[:, None, :], labels[scenes].view(n, GRID, GRID)).view(n, -1)

    def _targets(self, scene):
        targets = torch.zeros(scene["cells"].shape[0], TARGETS + 1, device=self.device)
        columns = torch.cat([scene["cells"], torch.where(scene["sign"] >= 0, scene["sign"] + THINGS, -1)[:, None]], 1)
        return targets.scatter_(1, torch.where(columns >= 0, columns, TARGETS), 1.0)[:, :TARGETS]


def paste(textures, scale_x, scale_y, shift_x, shift_y, height, width, angle=None, padding="zeros"):
    """Textures [n, c, h, w] seen through the map from output to texture coordinates (-1..1): turn, then scale and shift."""
    zero = torch.zeros_like(scale_x)
    cos, sin = (torch.ones_like(zero), zero) if angle is None else (angle.cos(), angle.sin())
    theta = torch.stack([torch.stack([scale_x * cos, -scale_x * sin, shift_x], 1), torch.stack([scale_y * sin, scale_y * cos, shift_y], 1)], 1)
    grid = F.affine_grid(theta, (len(textures), 1, height, width), align_corners=False)
    return F.grid_sample(textures, grid, mode="bilinear", padding_mode=padding, align_corners=False)
