"""Tables from the JSON lines of the benchmarks.

    python report.py LINES --out FOLDER      writes FOLDER/results.csv and FOLDER/RESULTS.md
    python report.py --page docs/speed.md    fills the speed table from results.csv beside this file
"""

import argparse
import csv
import json
import os
import re
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "section round work impl threads mode tokens words ms gflops peak_mib distortion samples".split()
)
MEASURED = ("ms", "gflops", "peak_mib", "distortion")
NUMBERS = {"round": int, "threads": int, "tokens": int, "words": int, "samples": int}
NUMBERS |= {name: float for name in MEASURED}
THEIRS = "pytorch"
OURS = "burn-flex"
CEILING = "matmul 512x4608x16384"

# The goals that were set: for the table of Ovis2.5-2B.
RELEASED_TABLE = "4608->2048"
VET_TIME, VET_MEMORY, VET_CEILING = 0.67, 0.1, 0.75
STEP_TIME, TOWER_TIME, STUDY_TIME = 1.0, 1.0, 0.7

SECTIONS = {
    "matmul": "Matrix products and elementwise operations",
    "vit": "ViT training step",
    "towers": "Published vision towers",
    "vet": "Visual embedding table",
    "codes": "Nearest words and k-means",
    "study": "The whole study, with a cold cache",
}
COMMANDS = {
    "matmul": ("--bench versus_matmul", "matmul.py"),
    "vit": ("--bench versus_vit", "vit_step.py"),
    "towers": ("--bench versus_towers", "towers.py"),
    "vet": ("--bench versus_vet", "vet.py"),
    "codes": ("--bench versus_codes", "codes.py"),
    "study": ("ocr-probe", "ocr_probe.py"),
}


class ReportError(Exception):
    """What is wrong with the input and what to do about it."""


@dataclass(frozen=True, order=True)
class Work:
    """One thing that both sides do."""

    section: str
    work: str
    mode: str
    words: int
    tokens: int
    threads: int

    @property
    def name(self):
        parts = [self.work, self.mode]
        parts.append(f"{self.words:,} words" if self.words else "")
        parts.append(f"{self.tokens:,} tokens" if self.tokens else "")
        return ", ".join(part for part in parts if part)

    def is_released_table(self):
        """Whether these are the sizes that goals were set for."""
        return self.section == "vet" and self.work.endswith(RELEASED_TABLE)

    def time_goal(self):
        """Largest ratio of our time to PyTorch's that was aimed at, or `None`."""
        if self.section == "vit" or (self.section == "matmul" and "matmul" not in self.work):
            return STEP_TIME
        if self.section == "towers":
            return TOWER_TIME
        if self.is_released_table():
            return VET_TIME
        if self.section == "study" and "quick" in self.work:
            return STUDY_TIME
        return None


@dataclass(frozen=True)
class Measurement:
    """Medians over the rounds of one side; `None` where nothing was reported."""

    ms: float
    gflops: float | None
    peak_mib: float | None
    distortion: float | None = None


def read_lines(path):
    """Rows from JSON lines."""
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            rows.append({name: row.get(name) for name in COLUMNS})
            missing = [n for n in ("section", "work", "impl", "threads", "ms") if n not in row]
        except (ValueError, AttributeError) as error:
            raise ReportError(f"{path}, line {number}: not a JSON object ({error})") from error
        if missing:
            raise ReportError(f"{path}, line {number}: no {', '.join(missing)}; add the field")
    return rows


def read_csv(path):
    """Rows from a `results.csv`."""
    if not Path(path).exists():
        raise ReportError(f"{path} does not exist; measure first, with benchmarks/run.sh")
    with open(path, newline="", encoding="utf-8") as file:
        rows = []
        for row in csv.DictReader(file):
            kind = {name: NUMBERS.get(name, str) for name in row}
            rows.append({name: kind[name](text) if text else None for name, text in row.items()})
        return rows


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measurements(rows):
    """Work -> implementation -> medians, in the order in which works first appear."""
    samples = defaultdict(lambda: defaultdict(list))
    for row in rows:
        key = [row["section"], row["work"], row["mode"] or ""]
        key += [row["words"] or 0, row["tokens"] or 0, row["threads"]]
        samples[Work(*key)][row["impl"]].append(row)

    def median(taken, name):
        values = [row[name] for row in taken if row.get(name) is not None]
        return statistics.median(values) if values else None

    return {
        work: {
            impl: Measurement(*(median(taken, name) for name in MEASURED))
            for impl, taken in by_impl.items()
        }
        for work, by_impl in samples.items()
    }


def duration(ms):
    if ms is None:
        return "–"
    if ms >= 10_000:
        return f"{ms / 1e3:,.1f} s"
    return f"{ms:,.0f} ms" if ms >= 100 else f"{ms:.3g} ms"


def plain(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def ratio(ours, theirs):
    return None if ours is None or not theirs else ours / theirs


def verdict(value, goal, at_least=False):
    """Whether a number meets its goal: `yes`, `no`, or nothing to say."""
    if value is None or goal is None:
        return "–"
    return "yes" if (value >= goal if at_least else value <= goal) else "no"


def section_rows(section, measured):
    """Cells of a section's table: dictionaries, one for every pair of sides."""
    ceilings = {
        work.threads: sides[OURS].gflops
        for work, sides in measured.items()
        if work.work == CEILING and OURS in sides
    }
    rows = []
    for work, sides in measured.items():
        if work.section != section:
            continue
        theirs = sides.get(THEIRS)
        for impl in [impl for impl in sides if impl != THEIRS] or [None]:
            ours = sides.get(impl)
            times = ratio(ours and ours.ms, theirs and theirs.ms)
            goal = work.time_goal()
            row = {
                "Work": work.name + ("" if impl in (None, OURS) else f" ({impl})"),
                "Threads": str(work.threads),
                "Ours": duration(ours and ours.ms),
                "PyTorch": duration(theirs and theirs.ms),
                "Ratio": plain(times, 2),
                "Goal": "–" if goal is None else f"≤ {goal}",
                "Met": verdict(times, goal),
            }
            if any(side.gflops for side in sides.values()):
                row["GFLOP/s"] = plain(ours and ours.gflops)
                row["PyTorch GFLOP/s"] = plain(theirs and theirs.gflops)
            if section == "towers":
                row |= memory_cells(ours, theirs)
            if any(side.distortion for side in sides.values()):
                row["Distortion"] = plain(ours and ours.distortion, 4)
                row["Theirs"] = plain(theirs and theirs.distortion, 4)
            if section == "vet":
                row |= vet_cells(work, ours, theirs, ceilings.get(work.threads))
            rows.append(row)
    return rows


def vet_cells(work, ours, theirs, ceiling):
    """Share of the matmul ceiling and memory, for the visual embedding table."""
    released = work.is_released_table()
    share = ratio(ours and ours.gflops, ceiling)
    memory = ratio(ours and ours.peak_mib, theirs and theirs.peak_mib)
    return {
        "Of ceiling": "–" if share is None else f"{share:.0%}",
        f"≥ {VET_CEILING:.0%}": verdict(share, VET_CEILING if released else None, at_least=True),
        **memory_cells(ours, theirs),
        f"≤ {VET_MEMORY}": verdict(memory, VET_MEMORY if released else None),
    }


def memory_cells(ours, theirs):
    """Peak memory of both sides."""
    peaks = ours and ours.peak_mib, theirs and theirs.peak_mib
    return {
        "Peak MiB": plain(peaks[0]),
        "PyTorch peak MiB": plain(peaks[1]),
        "Memory ratio": plain(ratio(*peaks), 3),
    }


def table(rows):
    """Markdown; columns that some rows lack are dashes there."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "|".join("---" if name == "Work" else "--:" for name in header) + "|")
    for row in rows:
        lines.append("| " + " | ".join(row.get(name, "–") for name in header) + " |")
    return lines


def scaling(measured):
    """Sentences on how the study's wall time falls with the number of jobs."""
    times = defaultdict(dict)
    for work, sides in measured.items():
        if work.section == "study":
            for impl, side in sides.items():
                times[work.work, impl][work.threads] = side.ms
    for (work, impl), by_jobs in times.items():
        if 1 in by_jobs:
            for jobs in sorted(set(by_jobs) - {1}):
                gain = by_jobs[1] / by_jobs[jobs]
                yield f"{work}, {impl}: {jobs} jobs are {gain:.2f} times as fast as one."


def results_page(measured, facts, readme="README.md"):
    """The text of RESULTS.md; `readme` is the way from there to the page that says what is compared."""
    lines = [
        "# Results of `benchmarks/run.sh`",
        "",
        "Medians; ratio is our time over PyTorch's, below 1 where we are faster. Written by",
        "`benchmarks/report.py`; every row measured is in [results.csv](results.csv), what is",
        f"compared in [README.md]({readme}).",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
    ]
    left_out = []
    for section, title in SECTIONS.items():
        rows = section_rows(section, measured)
        if not rows:
            left_out.append(title)
            continue
        ours, theirs = COMMANDS[section]
        lines += ["", f"## {title}", "", f"`{ours}` against `pytorch/{theirs}`.", "", *table(rows)]
        if section == "study":
            sentences = list(scaling(measured))
            lines += ["", *sentences] if sentences else []
    if left_out:
        lines += ["", f"Not measured in this run: {'; '.join(left_out)}."]
    return "\n".join(lines) + "\n"


def highlights(measured):
    """The rows of the speed table: the most threads, and the largest table."""
    most = max((work.threads for work in measured), default=0)

    def pick(label, section, wanted, largest=False):
        found = [
            (work, sides)
            for work, sides in measured.items()
            if work.section == section and work.threads == most and wanted(work)
            and {OURS, THEIRS} <= set(sides) and sides[OURS].ms
        ]
        found.sort(key=lambda pair: (pair[0].words, pair[0].tokens), reverse=largest)
        for work, sides in found[:1]:
            times = ratio(sides[OURS].ms, sides[THEIRS].ms)
            goal = work.time_goal()
            yield {
                "Work": label(work),
                "burn": duration(sides[OURS].ms),
                "PyTorch": duration(sides[THEIRS].ms),
                "Ratio": plain(times, 2),
                "Goal": "–" if goal is None else f"≤ {goal}",
            }

    def table_of(mode):
        text = f"VET of Ovis2.5-2B, {mode}, {{:,}} tokens"
        label = lambda work: text.format(work.tokens)
        return pick(
            label,
            "vet",
            lambda w: w.mode == mode and w.is_released_table() and "softmax" in w.work,
            largest=True,
        )

    def memory_of(rows, section, wanted, label, goal):
        for row in rows:
            work, sides = max(
                (
                    (work, sides)
                    for work, sides in measured.items()
                    if work.section == section and wanted(work) and has_peaks(sides)
                ),
                key=lambda pair: pair[0].tokens,
                default=(None, None),
            )
            if work:
                peaks = sides[OURS].peak_mib, sides[THEIRS].peak_mib
                yield row | {
                    "Work": label(work),
                    "burn": f"{plain(peaks[0])} MiB",
                    "PyTorch": f"{plain(peaks[1])} MiB",
                    "Ratio": plain(ratio(*peaks), 2),
                    "Goal": goal,
                }

    def tower(name, tower):
        of_it = lambda w: w.work == f"{tower} tower"
        label = lambda work: f"{name} tower, 4 blocks, {4 * work.tokens:,} patches"
        times = list(pick(label, "towers", of_it, largest=True))
        label = lambda work: f"its peak memory, {4 * work.tokens:,} patches"
        return [*times, *memory_of(times, "towers", of_it, label, "–")]

    def has_peaks(sides):
        return all(side in sides and sides[side].peak_mib for side in (OURS, THEIRS))

    named = lambda name: lambda _: name
    return most, [
        *pick(named("matrix product, 512 × 4608 × 16384"), "matmul", lambda w: w.work == CEILING),
        *pick(named("softmax, 256 × 16384"), "matmul", lambda w: w.work.startswith("softmax")),
        *pick(named("GELU, 2048 × 384"), "matmul", lambda w: w.work.startswith("gelu")),
        *pick(named("LayerNorm, 2048 × 128"), "matmul", lambda w: w.work.startswith("layer_norm")),
        *pick(named("ViT training step"), "vit", lambda w: True),
        *tower("Qwen2.5-VL", "qwen2.5-vl"),
        *tower("Qwen3-VL", "qwen3-vl"),
        *tower("Ovis2.5", "ovis2.5"),
        *table_of("forward"),
        *table_of("forward+backward"),
        *memory_of(
            table_of("forward+backward"),
            "vet",
            lambda w: w.mode == "forward+backward",
            lambda w: f"its peak memory, {w.mode}, {w.tokens:,} tokens",
            f"≤ {VET_MEMORY}",
        ),
        *pick(named("the whole study"), "study", lambda w: "quick" in w.work),
    ]


def fill_page(text, measured):
    """A page in `docs/` with the speed table between its markers."""
    pattern = re.compile(r"(<!-- speed -->\n).*?(<!-- /speed -->)", flags=re.DOTALL)
    if not pattern.search(text):
        raise ReportError("no `<!-- speed -->` ... `<!-- /speed -->` to fill; add both lines")
    threads, rows = highlights(measured)
    if not rows:
        raise ReportError("no work was measured on both sides; run benchmarks/run.sh")
    lines = table(rows)
    lines += ["", f"On {threads} threads, medians; all of it in [RESULTS](../benchmarks/RESULTS.md)."]
    return pattern.sub(lambda match: match[1] + "\n".join(lines) + "\n" + match[2], text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", type=Path, nargs="?", help="JSON lines of the benchmarks")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for the results")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the PyTorch side")
    parser.add_argument("--page", type=Path, help="file whose speed table is filled")
    args = parser.parse_args()
    try:
        if args.lines:
            rows = read_lines(args.lines)
            # Before anything is written: the tables would count as changes to the commit.
            readme = os.path.relpath(HERE / "README.md", args.out)
            page = results_page(measurements(rows), machine.describe(args.python), readme)
            args.out.mkdir(parents=True, exist_ok=True)
            write_csv(args.out / "results.csv", rows)
            (args.out / "RESULTS.md").write_text(page, encoding="utf-8")
        if args.page:
            measured = measurements(read_csv(args.out / "results.csv"))
            text = fill_page(args.page.read_text(encoding="utf-8"), measured)
            args.page.write_text(text, encoding="utf-8")
    except (ReportError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
