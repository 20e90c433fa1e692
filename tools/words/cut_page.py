#!/usr/bin/env python3
"""Cuts a scanned or photographed page of print into words, as a test set with `gt.txt`.

The page is made black and white with a local threshold, letters that are close to one another become words, words
become lines, top to bottom. The words of the page stand in a text file that a person typed, a line of print to a line;
`_` in place of a word drops that cut. A line with another number of cuts than words is left out and named.

  pip install scikit-image pillow
  python cut_page.py page.png --words page_words.txt --out sets/page --show page-boxes.png
  python cut_page.py skimage:page ...          # the page that scikit-image ships
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data, filters, measure


def load(name):
    if name.startswith("skimage:"):
        return getattr(data, name.split(":")[1])()
    return np.asarray(Image.open(name).convert("L"))


def letters(grey, block):
    """Boxes (x0, y0, x1, y1) of the connected dark parts, without specks, rules and pictures."""
    dark = grey < filters.threshold_local(grey, block, method="gaussian", offset=10)
    boxes = [r.bbox for r in measure.regionprops(measure.label(dark, connectivity=2)) if r.area >= 3]
    boxes = np.array([(x0, y0, x1, y1) for y0, x0, y1, x1 in boxes])
    heights = boxes[:, 3] - boxes[:, 1]
    usual = np.median(heights[heights > 4])
    widths = boxes[:, 2] - boxes[:, 0]
    keep = (heights < 4 * usual) & ~((widths > 5 * usual) & (heights < 0.6 * usual)) & (widths < 12 * usual)
    return boxes[keep], usual


def union(boxes):
    boxes = np.array(boxes)
    return [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)]


def close(a, b, gap, usual):
    """Whether two boxes belong to one word: side by side on a line, or a dot above its letter."""
    across = max(a[0], b[0]) - min(a[2], b[2])
    down = max(a[1], b[1]) - min(a[3], b[3])
    beside = across <= gap and down < -0.2 * min(a[3] - a[1], b[3] - b[1])
    # A dot, a comma or a quotation mark has little of the height of its neighbour.
    small = min(a[3] - a[1], b[3] - b[1]) < 0.6 * usual
    dot = small and across <= gap and down <= 0.35 * usual and max(a[3], b[3]) - min(a[1], b[1]) < 2.2 * usual
    return beside or (dot and (across < 0 or down < 0))


def words(boxes, gap, usual):
    """Joins letters into words: the connected groups of `close` boxes."""
    group = list(range(len(boxes)))

    def root(i):
        while group[i] != i:
            i = group[i]
        return i

    order = np.argsort(boxes[:, 0])
    for n, i in enumerate(order):
        for j in order[n + 1 :]:
            if boxes[j][0] > boxes[i][2] + gap:
                # Boxes are sorted by their left sides, so nothing further right can be close to this one.
                break
            if close(boxes[i], boxes[j], gap, usual):
                group[root(j)] = root(i)
    found = {}
    for i in range(len(boxes)):
        found.setdefault(root(i), []).append(boxes[i])
    found = [union(g) for g in found.values()]
    # What is neither as high as a letter nor as wide as a dash or an equals sign is dirt or a piece of a rule.
    return [b for b in found if b[3] - b[1] > 0.5 * usual or usual < b[2] - b[0] < 2.5 * usual]


def lines(found):
    """Words in reading order: each continues the line whose last word it stands beside, the nearest one."""
    rows = []
    for box in sorted(found):
        best = None
        for row in rows:
            last = row[-1]
            overlap = min(box[3], last[3]) - max(box[1], last[1])
            if overlap > 0.4 * min(box[3] - box[1], last[3] - last[1]) and box[0] >= last[0]:
                if best is None or overlap > best[0]:
                    best = (overlap, row)
        if best:
            best[1].append(box)
        else:
            rows.append([box])
    return sorted(rows, key=lambda row: np.mean([b[1] + b[3] for b in row]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", help="an image, or skimage:NAME")
    parser.add_argument("--words", type=Path, help="the page's words, a line of print to a line; `_` drops a cut")
    parser.add_argument("--out", type=Path, help="folder to make; must not exist")
    parser.add_argument("--show", type=Path, help="picture of the page with the cuts and their words")
    parser.add_argument("--box", action="append", help="x0,y0,x1,y1: read this part only; repeat for more parts, in reading order")
    parser.add_argument("--gap", type=float, default=0.4, help="space between words, in heights of a small letter (default: %(default)s)")
    parser.add_argument("--block", type=int, default=35, help="size of the local threshold in px, odd (default: %(default)s)")
    parser.add_argument("--margin", type=int, default=2, help="px around a word (default: %(default)s)")
    args = parser.parse_args()

    grey = load(args.page)
    parts = [tuple(map(int, b.split(","))) for b in args.box or []] or [(0, 0, grey.shape[1], grey.shape[0])]
    rows = []
    for x0, y0, x1, y1 in parts:
        boxes, usual = letters(grey[y0:y1, x0:x1], args.block)
        found = words(boxes, args.gap * usual, usual)
        rows += lines([[b[0] + x0, b[1] + y0, b[2] + x0, b[3] + y0] for b in found])

    typed = [l.split() for l in args.words.read_text(encoding="utf-8").splitlines()] if args.words else []
    kept, dropped = [], 0
    for n, row in enumerate(rows):
        here = typed[n] if n < len(typed) else []
        if len(here) != len(row):
            print(f"line {n + 1}: {len(row)} cuts, {len(here)} words {' '.join(here)}")
            dropped += len(row)
            continue
        # A cut much higher than the others of its line holds a part of the next line.
        highest = 1.65 * np.median([b[3] - b[1] for b in row])
        good = [(w, b) for w, b in zip(here, row) if w != "_" and b[3] - b[1] <= highest]
        kept += good
        dropped += len(row) - len(good)

    if args.show:
        picture = Image.fromarray(grey).convert("RGB").resize((grey.shape[1] * 2, grey.shape[0] * 2))
        draw = ImageDraw.Draw(picture)
        taken = {tuple(box): word for word, box in kept}
        for n, row in enumerate(rows):
            for box in row:
                word = taken.get(tuple(box))
                draw.rectangle([v * 2 for v in box], outline=(0, 150, 0) if word else (220, 0, 0))
                draw.text((box[0] * 2, box[3] * 2 - 2), word or f"{n + 1}", fill=(0, 0, 220) if word else (220, 0, 0))
        picture.save(args.show)
    if args.out:
        (args.out / "images").mkdir(parents=True)
        with open(args.out / "gt.txt", "w", encoding="utf-8", newline="\n") as truth:
            for i, (word, (x0, y0, x1, y1)) in enumerate(kept):
                m = args.margin
                cut = grey[max(y0 - m, 0) : y1 + m, max(x0 - m, 0) : x1 + m]
                name = f"images/{i:04}.png"
                Image.fromarray(cut).save(args.out / name)
                truth.write(f"{name}\t{word}\n")
    print(f"{len(rows)} lines, {len(kept)} words kept, {dropped} cuts dropped")


if __name__ == "__main__":
    main()
