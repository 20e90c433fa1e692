"""Rendering of labelled images with PIL; the twin of the crate `text-images`.

Texts, fonts, cell fitting and degradations follow the crate. Glyphs are drawn once per face and
scaled into their cells, on a canvas of four times the resolution in each direction.
"""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from probe.settings import GRIDS, HEIGHT_PX, WIDTH_PX

HELD_OUT_FAMILIES = ("Libertinus Serif", "Noto Sans")
HELD_OUT_SHARE = 0.5
EM_PX, SUPERSAMPLING = 192, 4
ONE_OUTLIER_IN = 16
NO_CHARACTER = "\U0010fffd"
LEAST_SQUEEZED, MOST_CONDENSED, GAP_PX = 0.6, 0.5, 0.7
FILL, JITTER_PX = (0.88, 1.0), 0.7
CONTRAST, NOISE_SD, INVERTED_SHARE = (0.5, 1.0), 0.03, 0.5
BLUR_SHARE, BLUR_SIGMA_PX = 0.15, (0.3, 0.6)
JPEG_SHARE, JPEG_QUALITY = 0.15, (40, 95)


@dataclass(frozen=True)
class Glyph:
    """Ink of a character, and the part of the cell's height that it may fill, in em pixels."""

    ink: Image.Image
    lowest: float
    highest: float
    scaled: dict = field(default_factory=dict)

    def at(self, size):
        """The ink at a size in px, kept: a few sizes return again and again."""
        if size not in self.scaled:
            self.scaled[size] = self.ink.resize(size, Image.Resampling.BOX)
        return self.scaled[size]


class Face:
    """One font face: a glyph per character, and what most of them need."""

    def __init__(self, path, charset):
        font = ImageFont.truetype(str(path), EM_PX, layout_engine=ImageFont.Layout.BASIC)
        self.family, self.name = font.getname()[0], Path(path).stem
        drawn = [draw_glyph(font, character) for character in charset]
        check_glyphs(path, charset, drawn, draw_glyph(font, NO_CHARACTER))
        outliers = len(charset) // ONE_OUTLIER_IN
        nth_largest = lambda values: sorted(values, reverse=True)[outliers]
        self.ascent = nth_largest(top for _, top, _ in drawn)
        self.descent = max(0, nth_largest(-bottom for _, _, bottom in drawn))
        self.width = nth_largest(ink.width for ink, _, _ in drawn)
        self.height = self.ascent + self.descent
        self.glyphs = [self.fit(*glyph) for glyph in drawn]

    def fit(self, ink, top, bottom):
        """Moves what sticks out of the common extent inwards, keeping it legible."""
        highest = min(max(top, -self.descent), self.ascent)
        lowest = min(max(bottom, -self.descent), self.ascent)
        legible = LEAST_SQUEEZED * min(top - bottom, self.height)
        if highest - lowest < legible:
            if bottom < -self.descent:
                highest = lowest + legible
            else:
                lowest = highest - legible
        return Glyph(ink, lowest, highest)


def draw_glyph(font, character):
    """The ink of a character with the heights of its top and bottom above the baseline."""
    left, top, right, bottom = font.getbbox(character, anchor="ls")
    drawn = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(drawn).text((-left, -top), character, fill=255, font=font, anchor="ls")
    # PIL's box reaches from the pen's start to its end and down to the baseline.
    box = drawn.getbbox() or (0, 0, 0, 0)
    return drawn.crop(box), -top - box[1], -top - box[3]


def check_glyphs(path, charset, drawn, missing):
    """Refuses a face that lacks a character, which it would draw as a box or not at all."""
    same = lambda ink: ink.size == missing[0].size and ink.tobytes() == missing[0].tobytes()
    lacking = [c for c, (ink, *_) in zip(charset, drawn) if 0 in ink.size or same(ink)]
    if lacking:
        raise ValueError(f"{path} has no {' '.join(lacking)}; take it out of the folder")


def load_families(assets, charset):
    """Families seen in training and held-out ones, each a list of faces."""
    families = {}
    for path in sorted((Path(assets) / "fonts").iterdir()):
        face = Face(path, charset)
        families.setdefault(face.family, []).append(face)
    seen = [faces for name, faces in families.items() if name not in HELD_OUT_FAMILIES]
    return seen, [families[name] for name in HELD_OUT_FAMILIES]


def load_words(assets):
    """Words of the test split, by length: a fifth of the list."""
    by_length = {}
    for word in (Path(assets) / "words.txt").read_text(encoding="utf-8").split()[::5]:
        by_length.setdefault(len(word), []).append(word.upper())
    return by_length


@dataclass(frozen=True)
class Plan:
    """What to render: a group of images that share split, kind of text and density.

    Images that belong to a seed are others for every seed.
    """

    split: str
    content: str
    density: float
    images: int
    seed: int | None = None

    @property
    def grid(self):
        return GRIDS[self.density]


class Renderer:
    """Renders chunks of plans; the same numbers whichever process does it."""

    def __init__(self, assets, seed, charset):
        self.seen, self.held_out = load_families(assets, charset)
        self.words = load_words(assets)
        self.seed, self.charset = seed, charset

    def render(self, plan, start, count):
        """Pixels `[count, height, width]`; of each image text, face, whether it is held out."""
        name = f"{plan.split}/{plan.content}/{plan.density}"
        if plan.seed is not None:
            name += f"/{plan.seed}"
        key = [self.seed, *name.encode(), start]
        rng = np.random.default_rng(key)
        columns, lines = plan.grid
        coverage = np.empty((count, HEIGHT_PX, WIDTH_PX), np.float32)
        texts, faces, held_out = [], [], np.zeros(count, bool)
        for image in range(count):
            text = "".join(self.line(plan, columns, rng) for _ in range(lines))
            held_out[image] = plan.split == "test" and rng.random() < HELD_OUT_SHARE
            families = self.held_out if held_out[image] else self.seen
            family = families[rng.integers(len(families))]
            face = family[rng.integers(len(family))]
            numbers = [self.charset.index(character) for character in text]
            canvas = draw_grid(face, numbers, columns, lines, rng)
            if rng.random() < BLUR_SHARE:
                canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(*BLUR_SIGMA_PX)))
            coverage[image] = canvas
            texts.append(text)
            faces.append(face.name)
        return degrade(coverage, rng), texts, faces, held_out

    def line(self, plan, columns, rng):
        if plan.content == "random":
            return "".join(self.charset[c] for c in rng.integers(len(self.charset), size=columns))
        text, fillable = "", self.fillable(columns)
        while len(text) < columns:
            rest = columns - len(text)
            lengths = [n for n in self.words if n <= rest and fillable[rest - n]]
            candidates = [word for n in lengths for word in self.words[n]]
            text += candidates[rng.integers(len(candidates))]
        return text

    def fillable(self, length):
        fillable = [True]
        for total in range(1, length + 1):
            fillable.append(any(n <= total and fillable[total - n] for n in self.words))
        return fillable


def draw_grid(face, characters, columns, lines, rng):
    """Ink coverage of a grid of characters by number, 8 bit; no ink leaves its cell."""
    cell_width, cell_height = WIDTH_PX / columns, HEIGHT_PX / lines
    inner_width, inner_height = cell_width - GAP_PX, cell_height - GAP_PX
    fill = rng.uniform(*FILL)
    room_width, room_height = inner_width * fill, inner_height * fill
    vertical = room_height / face.height
    horizontal = min(vertical, room_width / face.width)
    if horizontal < MOST_CONDENSED * vertical:
        vertical = horizontal / MOST_CONDENSED
    glyphs = [face.glyphs[character] for character in characters]
    widths = np.array([glyph.ink.width for glyph in glyphs])
    highest = np.array([glyph.highest for glyph in glyphs])
    lowest = np.array([glyph.lowest for glyph in glyphs])
    widths = np.minimum(horizontal, room_width / widths) * widths
    heights = vertical * (highest - lowest)
    line, column = np.divmod(np.arange(len(glyphs)), columns)
    tops = jittered(inner_height - vertical * face.height, rng.random(lines))[line]
    lefts = jittered(inner_width - widths, rng.random(len(glyphs)))
    left = column * cell_width + GAP_PX / 2 + lefts
    top = line * cell_height + GAP_PX / 2 + tops + vertical * (face.ascent - highest)
    boxes = np.rint(SUPERSAMPLING * np.stack([widths, heights, left, top], axis=1))
    canvas = Image.new("L", (SUPERSAMPLING * WIDTH_PX, SUPERSAMPLING * HEIGHT_PX))
    for glyph, (width, height, x, y) in zip(glyphs, boxes.astype(int).tolist()):
        canvas.paste(glyph.at((max(1, width), max(1, height))), (x, y))
    return canvas.reduce(SUPERSAMPLING)


def jittered(free, uniform):
    """Where something starts that leaves `free` px: the middle, give or take the jitter."""
    return np.clip(free / 2 + JITTER_PX * (2 * uniform - 1), 0, np.maximum(free, 0))


def degrade(coverage, rng):
    """Contrast, polarity and noise for all images at once, then JPEG for some."""
    count = len(coverage)
    contrast = rng.uniform(*CONTRAST, count)
    darker = rng.random(count) * (1 - contrast)
    lighter = darker + contrast
    inverted = rng.random(count) < INVERTED_SHARE
    background = np.where(inverted, darker, lighter).astype(np.float32)[:, None, None]
    ink = np.where(inverted, lighter, darker).astype(np.float32)[:, None, None]
    levels = background + (ink - background) * (coverage / 255)
    levels += NOISE_SD * rng.standard_normal(coverage.shape, dtype=np.float32)
    pixels = np.rint(255 * levels).clip(0, 255).astype(np.uint8)
    for image in np.flatnonzero(rng.random(count) < JPEG_SHARE):
        file = io.BytesIO()
        quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
        Image.fromarray(pixels[image]).save(file, "JPEG", quality=quality)
        pixels[image] = Image.open(file)
    return pixels
