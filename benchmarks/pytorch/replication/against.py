"""Numbers of the study in Rust, from files with the columns of its `summary.csv`."""

import csv
import tomllib
from dataclasses import dataclass
from pathlib import Path

COLUMNS = (
    *("arm", "density", "condition", "mode", "metric", "mean", "low_95", "high_95", "seeds"),
    *("merger_difference", "merger_low_95", "merger_high_95"),
)
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Reference:
    """What a file says of an arm at a density; differences are to PatchMerger."""

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
    about = f"{symbols} symbols, {steps} steps on {images} images, tower `{settings['backbone']}`"
    return Source(name, rows, symbols, about)


def is_counted(row):
    return (row["condition"], row["mode"], row["metric"]) == ("random", "deterministic", "cer")


def references(sources, lines):
    """What the first fitting file says of every line: `{(arm, density): Reference}`."""
    found = {}
    for line in lines:
        for source in sources:
            row = matching_row(source, line)
            if row is not None:
                found[line.arm, line.density] = reference(row)
                break
    return found


def matching_row(source, line):
    """The row of the same arm, density and alphabet, if there is one."""
    if source.symbols not in (None, line.symbols):
        return None
    for row in source.rows:
        if row["arm"] == line.arm and float(row["density"]) == line.density:
            return row
    return None


def reference(row):
    numbers = lambda *names: tuple(float(row[name]) for name in names)
    names = ("merger_difference", "merger_low_95", "merger_high_95")
    difference = numbers(*names) if row[names[0]] else None
    interval = numbers("mean", "low_95", "high_95")
    return Reference(int(row["seeds"]), interval, difference)
