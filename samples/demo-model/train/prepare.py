"""
Makes what training needs, on a machine with Pillow, scikit-image's pictures and the fonts: sprites, signs and photos as tensors, and
the held-out pictures and questions. Run once:

    apt-get install python3-torch python3-pil python3-skimage fonts-noto-color-emoji fonts-dejavu-core
    python3 prepare.py --out artifacts/demo-data --heldout samples/demo-model/heldout
"""

import argparse
import gzip
import io
import json
import os

import numpy
import torch
from PIL import Image, ImageDraw, ImageFont

from questions import KINDS, Texts, descriptions, repeat, single_questions
from scenes import Renderer, sample
from things import CHARACTERS, COLOURED, COLOURS, EMOJI, SIGNS

# licences: see ../README.md
TRAINING_PHOTOS = ["astronaut.png", "camera.png", "chelsea.png", "brick.png", "grass.png", "hubble_deep_field.jpg", "retina.jpg"]
HELDOUT_PHOTOS = ["coffee.png", "rocket.jpg", "gravel.png"]
SIGN_FONTS = ["DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "DejaVuSerif-Bold.ttf"]
SPRITE, FINE = 72, 4


def emoji_sprite(character):
    # Noto Color Emoji has bitmaps of one size
    font = ImageFont.truetype("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf", 109)
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((10, 10), character, font=font, embedded_color=True)
    return fit(canvas.crop(canvas.getbbox()))


def shape_sprite(shape, colour):
    side = SPRITE * FINE
    canvas = Image.new("RGBA", (side, side))
    draw, fill, line = ImageDraw.Draw(canvas), COLOURS[colour] + (255,), dict(outline=(90, 90, 90, 255), width=2 * FINE)
    low, high, middle = 0.06 * side, 0.94 * side, side / 2
    if shape == "circle":
        draw.ellipse((low, low, high, high), fill=fill, **line)
    elif shape == "square":
        draw.rectangle((1.5 * low, 1.5 * low, side - 1.5 * low, side - 1.5 * low), fill=fill, **line)
    else:
        if shape == "triangle":
            corners = [(middle, low), (high, high), (low, high)]
        else:
            turns = numpy.arange(10) * numpy.pi / 5
            radii = numpy.where(numpy.arange(10) % 2 == 0, 0.47, 0.2) * side
            corners = [(middle + r * numpy.sin(t), middle - r * numpy.cos(t)) for r, t in zip(radii, turns)]
        draw.polygon(corners, fill=fill)
        draw.line(corners + corners[:2], fill=line["outline"], width=line["width"], joint="curve")
    return fit(canvas)


def fit(image):
    """Into the square, alpha premultiplied, as bytes [4, 72, 72]."""
    image.thumbnail((SPRITE - 2, SPRITE - 2), Image.LANCZOS)
    canvas = Image.new("RGBA", (SPRITE, SPRITE))
    canvas.paste(image, ((SPRITE - image.width) // 2, (SPRITE - image.height) // 2))
    values = torch.from_numpy(numpy.array(canvas)).float()
    values[..., :3] *= values[..., 3:] / 255
    return values.round().to(torch.uint8).permute(2, 0, 1)


def sign_sprite(text, font_name):
    """Plate and ink of a sign as bytes [2, 48, 168], and the character of each column + 1."""
    size = 34
    while True:
        font = ImageFont.truetype(f"/usr/share/fonts/truetype/dejavu/{font_name}", size)
        widths = [font.getlength(text[:i]) for i in range(len(text) + 1)]
        if widths[-1] <= 150:
            break
        size -= 1
    plate, ink = Image.new("L", (168, 48)), Image.new("L", (168, 48))
    left = (168 - widths[-1]) / 2
    ImageDraw.Draw(plate).rounded_rectangle((max(0, left - 9), 2, min(167, 168 - left + 9), 45), 5, fill=255)
    ImageDraw.Draw(ink).text((left, 24), text, font=font, fill=255, anchor="lm")
    columns = torch.zeros(168, dtype=torch.uint8)
    for i, character in enumerate(text):
        columns[round(left + widths[i]): round(left + widths[i + 1])] = CHARACTERS.index(character) + 1
    return torch.from_numpy(numpy.stack([numpy.array(plate), numpy.array(ink)])), columns


def photo(name):
    import skimage.data
    image = Image.open(os.path.join(os.path.dirname(skimage.data.__file__), name)).convert("RGB")
    image.thumbnail((400, 400), Image.LANCZOS)
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1).contiguous()


def make_assets():
    signs = [sign_sprite(text, font) for font in SIGN_FONTS for text in SIGNS]
    return {
        "sprites": torch.stack([emoji_sprite(e) for e, _, _ in EMOJI] + [shape_sprite(*c) for c in COLOURED]),
        "signs": torch.stack([sprite for sprite, _ in signs]),
        "columns": torch.stack([columns for _, columns in signs]),
        "photos": {name: photo(name) for name in TRAINING_PHOTOS + HELDOUT_PHOTOS},
        "training_photos": TRAINING_PHOTOS,
    }


def make_heldout(assets, folder, pictures=90, seed=20261126):
    """Pictures over backgrounds that training never sees, five single questions and a description each."""
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    texts = Texts("cpu")
    scene = sample(pictures, generator)
    images, _, _ = Renderer(assets, HELDOUT_PHOTOS, generator, backgrounds=256).render(scene, generator)
    wanted = torch.cat([torch.arange(7).roll(-i)[:5] for i in range(pictures)])
    question, answer, kind = single_questions(texts, repeat(scene, 5), generator, wanted)
    long_question, long_answer = descriptions(texts, scene, generator)
    text = lambda ids: texts.vocabulary.decode(ids[ids >= 0].tolist())
    pixels, entries = [], []
    for i in range(pictures):
        name = f"{i:03}.jpg"
        data = io.BytesIO()
        array = (images[i].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        Image.fromarray(array).save(data, "JPEG", quality=88, subsampling=0)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data.getvalue())
        pixels.append(torch.from_numpy(numpy.array(Image.open(data))).permute(2, 0, 1))
        asked = [(text(question[j]), text(answer[j]), KINDS[kind[j]]) for j in range(5 * i, 5 * i + 5)]
        asked.append((text(long_question[i]), text(long_answer[i]), "describe"))
        for q, a, k in dict.fromkeys(asked):
            entries.append({"picture": name, "question": q, "answers": [a], "kind": k})
    with open(os.path.join(folder, "questions.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    return {"pixels": torch.stack(pixels), "entries": entries}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True, help="folder for assets.pt.gz and heldout.pt.gz")
    parser.add_argument("--heldout", required=True, help="folder for the held-out pictures and questions")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    assets = make_assets()
    heldout = make_heldout(assets, arguments.heldout)
    for name, value in (("assets", assets), ("heldout", heldout)):
        with gzip.open(os.path.join(arguments.out, name + ".pt.gz"), "wb") as file:
            torch.save(value, file)
    print(f"{len(heldout['entries'])} held-out questions")


if __name__ == "__main__":
    main()
