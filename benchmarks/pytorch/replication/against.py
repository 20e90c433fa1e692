"""Numbers of the study in Rust, from files with the columns of its `summary.csv`."""

import csv
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from probe.settings import INDICATORS

COLUMNS = (
    *("arm", "density", "condition", "mode", "metric", "mean", "low_95", "high_95", "seeds"),
    *("merger_difference", "merger_low_95", "merger_high_95"),
)
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Reference:
    """What a file says of an arm at a density; differences are to PatchMerger."""

    arm: str
    source: str
    seeds: int
    interval: tuple
    difference: tuple | None


@dataclass(frozen=True)
class Source:
    """A file of numbers, with what the settings beside it say."""

    name: str
    rows: list
    symbols: int | None
    training: str


def read(path):
    """A file of numbers and the `config.toml` beside it, where there is one."""
    path = Path(path).resolve()
    inside = path.is_relative_to(REPOSITORY)
    name = str(path.relative_to(REPOSITORY)) if inside else f"{path.parent.name}/{path.name}"
    with open(path, newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        lacking = set(COLUMNS) - set(table.fieldnames or ())
        if lacking:
            raise SystemExit(f"{name} has no column {', '.join(sorted(lacking))}")
        rows = [row for row in table if is_counted(row)]
    config = path.parent / "config.toml"
    if not config.exists():
        return Source(name, rows, None, "alphabet and steps are not known")
    settings = tomllib.loads(config.read_text(encoding="utf-8"))
    training, images = settings["training"], settings["data"]["images"]["train"]
    until = training.get("until_converged", {}).get("most_steps")
    steps = f"{training['steps']}{f' to {until}' if until else ''}"
    symbols = int(settings["data"]["charset"])
    return Source(name, rows, symbols, f"{symbols} symbols, {steps} steps on {images} images")


def is_counted(row):
    return (row["condition"], row["mode"], row["metric"]) == ("random", "deterministic", "cer")


def references(sources, lines):
    """What the first fitting file says of every line: `{(arm, density): Reference}`."""
    found = {}
    for line in lines:
        for source in sources:
            row = matching_row(source, line)
            if row is not None:
                found[line.arm, line.density] = reference(source, row)
                break
    return found


def matching_row(source, line):
    """The row of the same arm, density and alphabet, if there is one.

    A table of 1,024 words is called by its rows, 1,028, in some runs and by 1,024 in others.
    """
    if source.symbols not in (None, line.symbols):
        return None
    near = [
        (rows_apart(line.arm, row["arm"]), number)
        for number, row in enumerate(source.rows)
        if float(row["density"]) == line.density and rows_apart(line.arm, row["arm"]) is not None
    ]
    return source.rows[min(near)[1]] if near else None


def rows_apart(ours, theirs):
    """By how many rows the tables of two arms differ; none if they are different arms."""
    parts = [re.fullmatch(r"([a-z-]+)(?:@(\d+))?(\+.*)?", arm) for arm in (ours, theirs)]
    if not all(parts) or len({(part[1], part[3]) for part in parts}) > 1:
        return None
    ours, theirs = (int(part[2] or 0) for part in parts)
    return abs(ours - theirs) if abs(ours - theirs) <= INDICATORS else None


def reference(source, row):
    numbers = lambda *names: tuple(float(row[name]) for name in names)
    names = ("merger_difference", "merger_low_95", "merger_high_95")
    difference = numbers(*names) if row[names[0]] else None
    interval = numbers("mean", "low_95", "high_95")
    return Reference(row["arm"], source.name, int(row["seeds"]), interval, difference)
