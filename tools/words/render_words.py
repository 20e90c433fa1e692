#!/usr/bin/env python3
"""Renders test sets of cropped printed words with Pillow, to test a reader on another program's images.

A set is a folder with `gt.txt` (path, tab, label; UTF-8) and `images/`, JPEG and PNG mixed. Kinds:

  clean   single words, 18 to 48 px high, margins of 1 to 6 px, one tenth light on dark
  slight  as clean, but each turned by up to 3 degrees, some blurred, on grey or coloured paper, in
          uneven light; the JPEGs have quality 40 to 90
  scan    pages of justified text at 150 dpi with spread ink, blur, noise and a slight turn, cut into
          words by their known boxes with 2 to 4 px around them, so that neighbours may be seen

Labels are printable ASCII without spaces. The same arguments, Pillow and fonts give the same bytes.

  pip install pillow numpy
  apt-get install wamerican fonts-clear-sans fonts-sil-gentium-basic
  python render_words.py --kind clean --seed 1 --out sets/clean \\
    --family ClearSans-Regular.ttf,ClearSans-Bold.ttf,ClearSans-Italic.ttf \\
    --family GenBasR.ttf,GenBasB.ttf,GenBasI.ttf
"""

import argparse
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# Short words are rare in a dictionary and frequent in print.
COMMON = """the of and to in a is that for it as was with be by on not he his but at are this have
from or had an they which one you were all her she there would their we him been has when who will
no more if out so what up said about than into them can only other time new some could these two
may first then do any like my now over such our man even most made after also did many off before
must well back through years much where your way down should because long each just state those
people too how little world make very still see men work""".split()


# ---- Text ----


def dictionary(path):
    """Lower-case and capitalised words of 2 to 15 ASCII letters."""
    words = [w.strip() for w in open(path, encoding="utf-8")]
    return [w for w in words if w.isascii() and w.isalpha() and 2 <= len(w) <= 15 and w[1:].islower()]


def number(rng):
    return rng.choice(
        [
            lambda: str(rng.randint(1500, 2029)),
            lambda: str(rng.randint(1, 999)),
            lambda: f"{rng.randint(1, 999)},{rng.randint(0, 999):03}",
            lambda: f"{rng.randint(0, 99)}.{rng.randint(0, 99):02}",
            lambda: f"${rng.randint(1, 199)}.{rng.choice(['00', '50', '95', '99'])}",
            lambda: f"{rng.randint(1, 100)}%",
            lambda: f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
            lambda: f"{rng.randint(1, 12)}/{rng.randint(1, 28)}/{rng.randint(1990, 2029)}",
        ]
    )()


def punctuate(rng, word):
    if word[-1].isdigit():
        return rng.choice([word + ",", word + ".", word + ")", f"({word})"])
    return rng.choice(
        [word + ","] * 6
        + [word + "."] * 5
        + [word + s for s in (";", ":", "!", "?", "'s", ")", '"')]
        + [f"({word})", f'"{word}"', "(" + word, f"{word}-{rng.choice(COMMON)}"]
    )


def label(rng, words):
    """A word as in running text and headings: small letters, capitalised, capitals, numbers."""
    kind = rng.random()
    if kind < 0.08:
        word = number(rng)
    else:
        word = rng.choice(COMMON) if rng.random() < 0.25 else rng.choice(words)
        if kind < 0.16:
            word = word.upper()
        elif kind < 0.38:
            word = word[0].upper() + word[1:]
    return punctuate(rng, word) if rng.random() < 0.10 else word


# ---- Fonts ----


def face(rng, families):
    """A face of a family: mostly the first (regular), seldom another."""
    files = rng.choice(families)
    return files[0] if len(files) == 1 or rng.random() < 0.7 else rng.choice(files[1:])


def ink_box(font, text):
    left, top, right, bottom = font.getbbox(text)
    return left, top, right - left, bottom - top


# ---- Single words ----


def colours(rng, kind):
    """Ink and paper as RGB; one tenth is light on dark."""
    dark = [rng.randint(0, 70)] * 3
    light = [rng.randint(225, 255)] * 3
    if kind == "slight" and rng.random() < 0.5:
        light = [rng.randint(150, 255) for _ in range(3)] if rng.random() < 0.5 else [rng.randint(150, 230)] * 3
        if rng.random() < 0.3:
            dark = [rng.randint(0, 90) for _ in range(3)]
    return (light, dark) if rng.random() < 0.10 else (dark, light)


def uneven_light(rng, image):
    """Light that falls off along one direction, to 60 to 95% at the far end."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:height, 0:width]
    ramp = x * math.cos(angle) + y * math.sin(angle)
    ramp = (ramp - ramp.min()) / max(np.ptp(ramp), 1)
    return image * (1 - (1 - rng.uniform(0.6, 0.95)) * ramp)[..., None]


def single_word(rng, noise, text, font_file, kind):
    """One word, drawn four times as large and turned if `slight`, at its final size if `clean`."""
    height = rng.randint(19, 47)  # hinting and rounding may add or take one
    margins = [rng.randint(1, max(1, min(6, height // 6))) for _ in range(4)]
    scale = 4 if kind == "slight" else 1
    wanted = (height - margins[1] - margins[3]) * scale
    # The size at which the ink is as high as wanted.
    probe = ImageFont.truetype(font_file, 200)
    font = ImageFont.truetype(font_file, round(200 * wanted / ink_box(probe, text)[3]))
    left, top, width, ink_height = ink_box(font, text)
    ink, paper = colours(rng, kind)

    pad = 12 * scale
    mask = Image.new("L", (width + 2 * pad, ink_height + 2 * pad), 0)
    ImageDraw.Draw(mask).text((pad - left, pad - top), text, fill=255, font=font)
    if kind == "slight":
        mask = mask.rotate(rng.uniform(-3, 3), Image.BICUBIC, expand=True)
        _, y0, _, y1 = mask.getbbox()
        shrink = (wanted / scale) / (y1 - y0)
        mask = mask.resize((round(mask.width * shrink), round(mask.height * shrink)), Image.LANCZOS)
    x0, y0, x1, y1 = mask.point(lambda v: 255 * (v > 40)).getbbox()
    mask = mask.crop((x0 - margins[0], y0 - margins[1], x1 + margins[2], y1 + margins[3]))

    cover = np.asarray(mask, dtype=np.float32)[..., None] / 255
    image = np.array(paper, np.float32) * (1 - cover) + np.array(ink, np.float32) * cover
    if kind == "slight":
        if rng.random() < 0.4:
            image = uneven_light(rng, image)
        if rng.random() < 0.5:
            image = image + noise.normal(0, rng.uniform(1, 6), image.shape[:2])[..., None]
    image = Image.fromarray(image.clip(0, 255).astype(np.uint8))
    if kind == "slight" and rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.0)))
    return image if kind == "slight" else image.convert("L")


# ---- Pages ----


def running_text(rng, words):
    """Words without end, with sentences, some numbers and names."""
    while True:
        length = rng.randint(5, 20)
        for i in range(length):
            word = number(rng) if rng.random() < 0.04 else rng.choice(COMMON if rng.random() < 0.4 else words)
            if i == 0 or rng.random() < 0.03:
                word = word[0].upper() + word[1:]
            if i == length - 1:
                word += rng.choice([".", ".", ".", ".", "?", "!"])
            elif rng.random() < 0.08:
                word += rng.choice([",", ",", ",", ";", ":"])
            yield word


def page(rng, noise, words, font_file):
    """A page of justified text as scanned at 150 dpi, and the box of the ink of each word in it."""
    scale = 2  # drawn at 300 dpi
    width, height = 1240 * scale, 1754 * scale
    size = round(rng.uniform(9.5, 13) * 150 / 72 * scale)  # points
    font = ImageFont.truetype(font_file, size)
    gap, leading = size * 0.27, size * rng.uniform(1.25, 1.5)
    margin = 130 * scale
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    boxes, text, line, used = [], running_text(rng, words), [], 0.0
    y = float(margin)
    word = next(text)
    while y < height - margin - leading:
        if used + font.getlength(word) < width - 2 * margin:
            line.append(word)
            used += font.getlength(word) + gap
            word = next(text)
            continue
        spare = width - 2 * margin - sum(map(font.getlength, line))
        step, x = spare / max(len(line) - 1, 1), float(margin)
        for item in line:
            left, top, ink_width, ink_height = ink_box(font, item)
            draw.text((x, y), item, fill=255, font=font)
            boxes.append((item, x + left, y + top, x + left + ink_width, y + top + ink_height))
            x += font.getlength(item) + step
        line, used = [], 0.0
        y += leading

    # Ink spreads: blur, ragged by noise, and a soft threshold below one half.
    cover = np.asarray(mask.filter(ImageFilter.GaussianBlur(rng.uniform(1.2, 1.8))), np.float32) / 255
    cover = cover + noise.normal(0, 0.10, cover.shape).astype(np.float32)
    spread, softness = rng.uniform(0.33, 0.45), rng.uniform(0.08, 0.12)
    cover = 1 / (1 + np.exp(-(cover - spread) / softness))
    paper, ink = rng.uniform(205, 240), rng.uniform(25, 75)
    image = Image.fromarray((paper + (ink - paper) * cover).clip(0, 255).astype(np.uint8))
    angle = rng.uniform(-1.2, 1.2)
    image = image.rotate(angle, Image.BICUBIC, fillcolor=int(paper)).resize((width // scale, height // scale), Image.BOX)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    grain = Image.fromarray(noise.normal(0, 255, (height // 64, width // 64)).astype(np.float32))
    image = np.asarray(image, np.float32) + np.asarray(grain.resize(image.size, Image.BICUBIC)) * 0.015
    image = image + noise.normal(0, rng.uniform(3, 8), image.shape)
    image = Image.fromarray(image.clip(0, 255).astype(np.uint8))

    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def turned(x, y):
        x, y = x - width / 2, y - height / 2
        return (x * cos + y * sin + width / 2) / scale, (y * cos - x * sin + height / 2) / scale

    placed = []
    for item, x0, y0, x1, y1 in boxes:
        corners = [turned(x, y) for x in (x0, x1) for y in (y0, y1)]
        xs, ys = zip(*corners)
        placed.append((item, min(xs), min(ys), max(xs), max(ys)))
    return image, placed


def scanned_words(rng, noise, words, families, count):
    """Words cut out of as many pages as there are families, an equal share of each."""
    found = []
    for i, files in enumerate(families):
        image, boxes = page(rng, noise, words, files[0])
        share = count // len(families) + (i < count % len(families))
        for item, x0, y0, x1, y1 in rng.sample(boxes, share):
            around = [rng.randint(2, 4) for _ in range(4)]
            box = (math.floor(x0) - around[0], math.floor(y0) - around[1], math.ceil(x1) + around[2], math.ceil(y1) + around[3])
            found.append((item, image.crop(box)))
    rng.shuffle(found)
    return found


# ---- A set ----


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=["clean", "slight", "scan"], required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to make; must not exist")
    parser.add_argument("--family", action="append", required=True, metavar="FILE[,FILE...]", help="font files of a family, regular first; repeat for more families")
    parser.add_argument("--dictionary", default="/usr/share/dict/words", help="one word a line (default: %(default)s)")
    parser.add_argument("--count", type=int, default=200, help="images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    args = parser.parse_args()

    rng = random.Random(f"{args.seed} {args.kind}")
    noise = np.random.default_rng([args.seed, len(args.kind)])
    words = dictionary(args.dictionary)
    families = [family.split(",") for family in args.family]
    if args.kind == "scan":
        found = scanned_words(rng, noise, words, families, args.count)
    else:
        labels = [label(rng, words) for _ in range(args.count)]
        found = [(text, single_word(rng, noise, text, face(rng, families), args.kind)) for text in labels]

    (args.out / "images").mkdir(parents=True)
    with open(args.out / "gt.txt", "w", encoding="utf-8", newline="\n") as truth:
        for i, (text, image) in enumerate(found):
            jpeg = rng.random() < 0.5
            name = f"images/{i:04}.{'jpg' if jpeg else 'png'}"
            quality = {"clean": (85, 95), "slight": (40, 90), "scan": (60, 90)}[args.kind]
            image.save(args.out / name, **({"quality": rng.randint(*quality)} if jpeg else {}))
            truth.write(f"{name}\t{text}\n")
    print(f"{args.out}: {len(found)} images")


if __name__ == "__main__":
    main()
