"""Numbers of the study in Rust, from files with the columns of its `summary.csv`."""

import csv
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

COLUMNS = (
    *("arm", "density", "condition", "mode", "metric", "mean", "low_95", "high_95", "seeds"),
    *("merger_difference", "merger_low_95", "merger_high_95", "merger_arm"),
    *("matched_difference", "matched_low_95", "matched_high_95", "matched_arm"),
)
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Reference:
    """What a file says of an arm at a density, with its differences to other arms by their names."""

    seeds: int
    rate: float
    interval: tuple
    differences: dict


@dataclass(frozen=True)
class Source:
    """A file of numbers, with what the settings beside it say."""

    name: str
    rows: list
    symbols: int | None
    training: str
    rates: dict


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
        return Source(name, rows, None, "alphabet and steps are not known", {})
    settings = tomllib.loads(config.read_text(encoding="utf-8"))
    training, images = settings["training"], settings["data"]["images"]
    until = training.get("until_converged", {}).get("most_steps")
    steps = f"{training['steps']}{f' to {until}' if until else ''}"
    symbols = int(settings["data"]["charset"])
    about = f"{symbols} symbols, {steps} steps on {images['train']} images, {images['validation']} for "
    about += f"validation, {images['test']} test images, tower `{settings['backbone']}`"
    return Source(name, rows, symbols, about, chosen_rates(path.parent / "tuning.csv"))


def chosen_rates(path):
    """The learning rate of every arm, where the run says it."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("chosen") == "true"]
    return {row["arm"]: float(row["learning_rate"]) for row in rows}


def is_counted(row):
    return (row["condition"], row["mode"], row["metric"]) == ("random", "deterministic", "cer")


def references(sources, lines):
    """What the first fitting file says of every line: `{(arm, density): Reference}`."""
    found = {}
    for line in lines:
        for source in sources:
            row = matching_row(source, line)
            if row is not None:
                found[line.arm, line.density] = reference(row, source.rates)
                break
    return found


def matching_row(source, line):
    """The row of the same arm, density and alphabet, if there is one. That of an arm that broke down has no numbers."""
    if source.symbols not in (None, line.symbols):
        return None
    for row in source.rows:
        if row["arm"] == line.arm and float(row["density"]) == line.density and row["low_95"]:
            return row
    return None


def reference(row, rates):
    numbers = lambda *names: tuple(float(row[name]) for name in names)
    differences = {
        row[f"{kind}_arm"]: numbers(*(f"{kind}_{name}" for name in ("difference", "low_95", "high_95")))
        for kind in ("merger", "matched")
        if row[f"{kind}_low_95"]
    }
    interval = numbers("mean", "low_95", "high_95")
    rate = rates.get(row["arm"], math.nan)
    return Reference(int(row["seeds"]), rate, interval, differences)
