"""The page beside `replicate.csv`: what was compared, the numbers, whether the study agrees."""

import math
from itertools import combinations

from replication.against import references
from replication.intervals import DRAWS
from replication.settings import KINDS

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

Every density is a run of its own. {seeds} from {first_seed} on, {steps:,} steps of {batch} images,
{train_images:,} training, {validation_images:,} validation and {test_images:,} test images per
density. Learning rates are chosen with the first seed on validation images; tried are {rates},
the outer ones only where the best lay on the edge. CER: edits per character of random text. Intervals: 95%,
BCa, {draws:,} draws over seeds and fonts, differences paired by seed and image. The smallest p that
{seeds} can have in a two-sided sign-flip test is {smallest_p:g}: the intervals describe these runs
and carry no claim.
"""

NOT_EQUAL = """\
## What is not as in the study in Rust

- All seeds have the same training images. Where the tower of a file above has `{{seed}}` in its
  name, seeds there have training images of their own. Steps, images and tower of each file are
  named above, its rates are in the `config.toml` beside it.
- Random numbers, texts and rasteriser are others: glyphs are drawn by FreeType at 192 px and scaled
  by area, and the blur is Pillow's, three box blurs.
- Between rates with equal validation errors the one inside the grid counts, then the lowest; the
  study looks at the validation loss in between.
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
        "| to PatchMerger in Rust |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
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
            f"{percent(rust.interval)}, {counted(rust.seeds, 'seed')}" if rust else "–",
            points(rust.difference) if rust else "–",
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
    """Order, overlap and differences to PatchMerger of the arms that both have."""
    theirs = {line.arm: found[line.arm, density] for line in lines}
    said = [order(results, density, lines, theirs)]
    apart = [line.arm for line in lines if not overlap(line.interval, theirs[line.arm].interval)]
    said.append(overlapping("CER", len(lines), apart))
    compared = [line for line in lines if line.is_compared and theirs[line.arm].difference]
    apart = [
        line.arm for line in compared if not overlap(line.difference, theirs[line.arm].difference)
    ]
    if compared:
        said.append(overlapping("differences to PatchMerger", len(compared), apart))
    contrary = [
        line.arm
        for line in compared
        if {sign(line.difference), sign(theirs[line.arm].difference)} == {-1, 1}
    ]
    listed = ", ".join(f"`{arm}`" for arm in contrary)
    said.append(f"Against PatchMerger the two contradict each other for: {listed or 'no arm'}.")
    return " ".join(said)


def order(results, density, lines, theirs):
    """Whether the arms stand in the same order, and what is known of the pairs that do not."""
    ours = sorted(lines, key=lambda line: line.cer)
    rust = lambda line: theirs[line.arm].interval[0]
    text = f"Order here, best first: {' < '.join(name(line.arm) for line in ours)}; in Rust: "
    text += " < ".join(name(line.arm) for line in sorted(lines, key=rust))
    swapped = [(a, b) for a, b in combinations(ours, 2) if rust(a) > rust(b)]
    if not swapped:
        return f"{text}. **Same order.**"
    pairs = []
    for a, b in swapped:
        difference = results.difference(a.arm, b.arm, density)
        resolved = "resolved" if sign(difference) else "not resolved"
        pairs.append(f"{name(a.arm)} minus {name(b.arm)} {points(difference)}, {resolved}")
    return f"{text}. **Not the same order**; pairs that change places, here: {'; '.join(pairs)}."


def overlapping(what, count, apart):
    listed = f" (not those of {', '.join(f'`{arm}`' for arm in apart)})" if apart else ""
    share = f"{count - len(apart)} of {counted(count, 'arm')}"
    return f"Intervals of {what} overlap for {share}{listed}."


def remarks(results, lines):
    """Cells that failed and rates on the edge, by name."""
    rows = ["## Remarks", ""]
    for cell in results.failed:
        about = f"`{cell.arm}` at {cell.density:g} per token, seed {cell.seed}"
        rows.append(f"- **Failed:** {about}: {cell.failure}. It counts nowhere.")
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
