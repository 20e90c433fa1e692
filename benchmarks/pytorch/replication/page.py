"""The page beside `replicate.csv`: what was compared, the numbers, whether the study agrees."""

import math
from itertools import combinations

from replication.against import references
from replication.intervals import DRAWS
from replication.settings import BASELINE, KINDS

NAMES = dict(
    zip(KINDS, ("identity", "PatchMerger", "MLP of the VET's width", "soft VET", "hard VET"))
)

WHAT = """\
# The comparison once more, in PyTorch

Written by `benchmarks/pytorch/replicate.py`; nothing here is typed by hand.

The arms of the headline comparison, trained by
[a program of its own](../../../benchmarks/README.md#the-replicate) in another framework:
projectors, reader, optimiser, renderer (Pillow), texts, seeds and statistics (NumPy). What it
shares with the study in Rust are frozen towers (`{tower}`, made by the Rust
side), the {faces} font faces and which of them are held out for the test, because towers were
trained with the others.

Every density is a run of its own. {seeds} from {first_seed} on, {steps:,} steps of {batch} images;
every seed has {train_images:,} training and {validation_images:,} validation images of its own, and
all read the same {test_images:,} test images. Learning rates are chosen at each density with the first seed
on its validation images; tried are {rates}, those beyond the first two where the best so far lay on the edge.
CER: edits per character of random text. Intervals: 95%,
BCa, {draws:,} draws over seeds and fonts, differences paired by seed and image. The smallest p that
{seeds} can have in a two-sided sign-flip test is {smallest_p:g}: the intervals describe these runs
and carry no claim.
"""

NOT_EQUAL = """\
## What is not as in the study in Rust

- Rates are chosen here at each density. How those of a file above were chosen says the `config.toml`
  beside it; `rates_of_arms` there are rates that were fixed beforehand.
- Steps, images and towers of each file are named above. A tower with `{{seed}}` in its name is that of
  the same seed here: where a file has these seeds, the two share their towers.
- Random numbers, texts and rasteriser are others: glyphs are drawn by FreeType at 192 px and scaled
  by area, and the blur is Pillow's, three box blurs.
- Between rates with equal validation errors the one inside the grid counts, then the lowest.
- Arithmetic is eager PyTorch's, with fused AdamW.

## Again

`items.npz` has the edits of every test image (`edits/ARM/DENSITY/SEED/RATE`) and its font face
(`faces/DENSITY`), `cells.csv` a row per trained cell, those of the tuning included. From these and
`run.json` alone `python benchmarks/pytorch/replicate.py --tables{flags}`
writes `replicate.csv` and this page again.
"""


def page(results, lines, sources):
    """The whole page, in Markdown."""
    found = references(sources, lines)
    parts = [what(results), agreement(results, lines, sources, found)]
    for density in results.densities:
        parts.append(numbers(density, [line for line in lines if line.density == density], found))
    flags = "".join(f" --against {source.name}" for source in sources)
    return "\n".join([*parts, remarks(results, lines), NOT_EQUAL.format(flags=flags)])


def what(results):
    about, seeds = results.about, {cell.seed for cell in results.cells}
    rates = sorted({cell.learning_rate for cell in results.cells})
    return WHAT.format_map(
        about
        | {
            "seeds": counted(len(seeds), "seed"),
            "rates": ", ".join(f"{rate:g}" for rate in rates),
            "draws": DRAWS,
            "smallest_p": min(1.0, 2 / 2 ** len(seeds)),
        }
    )


def numbers(density, lines, found):
    """The table of one density."""
    rows = [
        f"## {density:g} {'character' if density == 1 else 'characters'} per token, "
        f"{lines[0].symbols} symbols",
        "",
        "| arm | CER | to PatchMerger, points | seeds | rate | words used | CER in Rust "
        "| to PatchMerger in Rust | seeds in Rust | rate in Rust |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for line in lines:
        rust = found.get((line.arm, density))
        cells = (
            f"{name(line.arm)} (`{line.arm}`)",
            percent(line.interval),
            points(line.difference),
            line.seeds,
            plain(line.rate, "g"),
            plain(line.words_used, ".0f"),
            percent(rust.interval) if rust else "–",
            points(rust.differences.get(BASELINE)) if rust else "–",
            rust.seeds if rust else "–",
            plain(rust.rate, "g") if rust else "–",
        )
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows) + "\n"


def agreement(results, lines, sources, found):
    """Order and intervals beside those of the study, or why there is nothing to say."""
    head = "## Agreement with the study in Rust\n"
    if not sources:
        return f"{head}\nNot compared: no file was named with `--against`.\n"
    rows = [head]
    for source in sources:
        rows.append(f"- `{source.name}`: {source.training}.")
    rows.append("")
    for density in results.densities:
        there = [line for line in lines if line.density == density]
        rows += of_density(results, density, there, found)
    return "\n".join(rows) + "\n"


def of_density(results, density, lines, found):
    """What is to be said of one density, a line of text each."""
    both = [line for line in lines if (line.arm, density) in found and line.seeds]
    missing = [line.arm for line in lines if (line.arm, density) not in found]
    rows = [f"**{density:g} per token.**"]
    if both:
        rows.append(verdict(results, density, both, found))
    if missing:
        listed = ", ".join(f"`{arm}`" for arm in missing)
        rows.append(f"No number of this density and alphabet in the files for {listed}.")
    return [" ".join(rows), ""]


def verdict(results, density, lines, found):
    """Order, pairs that Rust tells apart, and overlap of intervals, of the arms that both have."""
    theirs = {line.arm: found[line.arm, density] for line in lines}
    rust = lambda line: theirs[line.arm].interval[0]
    said = [
        f"Order here, best first: {ordered(lines, lambda line: line.cer)}; in Rust: {ordered(lines, rust)}.",
        *pairs(results, density, theirs),
    ]
    compared = [line for line in lines if line.is_compared and BASELINE in theirs[line.arm].differences]
    apart = [
        line.arm
        for line in compared
        if not overlap(line.difference, theirs[line.arm].differences[BASELINE])
    ]
    if compared:
        said.append(overlapping("differences to PatchMerger", len(compared), apart))
    apart = [line.arm for line in lines if not overlap(line.interval, theirs[line.arm].interval)]
    said.append(overlapping("CER", len(lines), apart))
    said.append("Those of CER vary with the same fonts on both sides, so their overlap says little.")
    return " ".join(said)


def ordered(lines, key):
    return " < ".join(name(line.arm) for line in sorted(lines, key=key))


def pairs(results, density, theirs):
    """What becomes here of the pairs that Rust tells apart, and of those that it does not."""
    told, equal, seen = [], [], set()
    for arm, rust in theirs.items():
        for other, difference in rust.differences.items():
            # PatchMerger and the MLP each have their difference to the other.
            if other not in theirs or {arm, other} in seen:
                continue
            seen.add(frozenset((arm, other)))
            here = results.difference(arm, other, density)
            where = told if sign(difference) else equal
            where.append((arm, other, here, sign(difference)))
    if told:
        same = [pair for pair in told if pair[2][0] * pair[3] > 0]
        clear = [pair for pair in same if sign(pair[2])]
        yield (
            f"Of the {counted(len(told), 'pair')} that Rust tells apart (the interval of the difference is "
            f"without 0) {len(same)} differ in the same direction here, {len(clear)} of them with an interval "
            f"without 0{listed(pair for pair in told if pair not in clear)}."
        )
    if equal:
        apart = [pair for pair in equal if sign(pair[2])]
        yield (
            f"Of the {counted(len(equal), 'pair')} that it does not tell apart, "
            f"{len(equal) - len(apart)} are not told apart here either{listed(apart)}."
        )


def listed(pairs):
    """Pairs with their differences here, in brackets; nothing if there are none."""
    texts = [f"{name(arm)} minus {name(other)} {points(here)}" for arm, other, here, _ in pairs]
    return f" (not so: {'; '.join(texts)})" if texts else ""


def overlapping(what, count, apart):
    listed = f" (not those of {', '.join(f'`{arm}`' for arm in apart)})" if apart else ""
    share = f"{count - len(apart)} of {counted(count, 'arm')}"
    return f"Intervals of {what} overlap for {share}{listed}."


def remarks(results, lines):
    """Cells that failed and rates on the edge, by name."""
    rows = ["## Remarks", ""]
    for cell in results.failed:
        about = f"`{cell.arm}` at {cell.density:g} per token, seed {cell.seed}"
        tried = cell.seed == results.about["first_seed"] and len(results.of(cell.arm, cell.density)) > 1
        counts = "its rate was not taken" if tried else "it counts nowhere"
        rows.append(f"- **Failed:** {about}, rate {cell.learning_rate:g}: {cell.failure}; {counts}.")
    edge = [f"`{x.arm}` at {x.density:g}: {x.rate:g}" for x in lines if x.rate_on_edge == "yes"]
    if edge:
        rows.append(f"- The best rate lies on the edge of those tried: {', '.join(edge)}.")
    if len(rows) == 2:
        rows.append("No cell failed, and no best rate lies on the edge of those tried.")
    return "\n".join(rows) + "\n"


def name(arm):
    return NAMES[arm.partition("@")[0]]


def overlap(a, b):
    """Whether two intervals `(value, low, high)` have a point in common."""
    return a[1] <= b[2] and b[1] <= a[2]


def sign(difference):
    """1 above 0, -1 below it, 0 where the interval holds 0."""
    _, low, high = difference
    return int(low > 0) - int(high < 0)


def percent(interval):
    """A share with its interval, or a dash where there is none."""
    return shown("{:.2f}% [{:.2f}, {:.2f}]", interval)


def points(difference):
    return shown("{:+.2f} [{:+.2f}, {:+.2f}]", difference)


def plain(number, form):
    """A number, or a dash where there is none."""
    return "–" if math.isnan(number) else format(number, form)


def shown(pattern, numbers):
    if numbers is None or math.isnan(numbers[0]):
        return "–"
    return pattern.format(*(100 * number for number in numbers)).replace("-", "−")


def counted(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"
