"""Finished cells on disk: a row each, and the edits of every test image."""

import csv
import hashlib
import json
import math
import os
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import numpy as np

# What may grow from one start of a run to the next: cells are found by these.
MAY_DIFFER = ("arms", "seeds", "densities", "learning_rates", "charset")
# Tables of what was trained, by whether all cells of the density are there.
FINISHED, UNFINISHED = "cells.csv", "unfinished.csv"
# What trains and reads.
CODE = Path(__file__).resolve().parents[1] / "probe"


@dataclass(frozen=True)
class Cell:
    """An arm, a seed and a rate at one density, and what came of them; a failed one says why."""

    arm: str
    density: float
    symbols: int
    seed: int
    learning_rate: float
    steps: int
    failure: str
    validation_cer: float
    cer: float
    words_used: float
    train_loss: float
    validation_by_step: str
    seconds: float

    @classmethod
    def of(cls, settings, outcome):
        """The row of what `run_cell` left."""
        scores = [scores for *_, scores in outcome.tests]
        tested = lambda name: float(scores[0].get(name, [math.nan])[0]) if scores else math.nan
        history = outcome.history
        return cls(
            outcome.arm.name,
            settings.densities[0],
            len(settings.charset),
            outcome.seed,
            outcome.learning_rate,
            settings.steps,
            outcome.failure,
            outcome.validation_cer,
            tested("cer"),
            # Of a mixture every word is used.
            tested("codes_used") if outcome.arm.is_hard else math.nan,
            math.nan if outcome.failure else history[-1]["train_loss"],
            " ".join(f"{point['step']}:{point['validation_cer']:.4f}" for point in history),
            round(outcome.seconds, 1),
        )


def write_rows(path, rows):
    """A table of dataclasses of one kind, at least one; places of what is no number are empty."""
    with whole(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(rows[0]))
        writer.writerows(map(shown, astuple(row)) for row in rows)


def shown(value):
    """A value as tables have it: 1 instead of 1.0, as the study writes it."""
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return ""
    return int(value) if value.is_integer() else value


def read_rows(path, kind):
    """The rows of a table that `write_rows` wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        read = {field.name: number if field.type is float else field.type for field in fields(kind)}
        rows = csv.DictReader(file)
        return [kind(**{name: read[name](row[name]) for name in read}) for row in rows]


def number(text):
    """A number of a table; an empty place is none."""
    return float(text) if text else math.nan


@contextmanager
def whole(path, mode, **options):
    """Opens a file that takes its place only when all of it is written."""
    part = f"{path}.{os.getpid()}.part"
    with open(part, mode, **options) as file:
        yield file
    os.replace(part, path)


class Store:
    """The cells of a run, in `cells` below its folder."""

    def __init__(self, out):
        self.out = Path(out)
        self.folder = self.out / "cells"

    def open(self, settings, backbone, assets):
        """Makes the folder, or finds that what lies there is of the same run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, ours = self.out / "run.json", provenance(settings, backbone, assets)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            differing = [name for name in ours if ours[name] != found.get(name)]
            if differing:
                raise SystemExit(
                    f"{self.out} is of a run with other {', '.join(differing)} (run.json); "
                    "name another folder with --out, or remove it"
                )
        with whole(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(ours, indent=1) + "\n")
        self.unpack()

    def unpack(self):
        """Brings back the cells that were collected, which a clone has in no other way."""
        tables = [path for path in map(self.out.joinpath, (FINISHED, UNFINISHED)) if path.exists()]
        if not tables:
            return
        with np.load(self.out / "items.npz") as items:
            for table, cell in [(table, cell) for table in tables for cell in read_rows(table, Cell)]:
                path = self.folder / cell_name(cell.arm, cell.density, cell.seed, cell.learning_rate)
                if table.name == FINISHED:
                    self.mark(cell.density).touch()
                if path.exists():
                    continue
                if not cell.failure:
                    edits, faces = items[edits_key(cell)], items[faces_key(cell.density)]
                    with whole(path.with_suffix(".npz"), "wb") as file:
                        np.savez_compressed(file, edits=edits, faces=faces)
                write_rows(path, [cell])

    def path(self, settings, arm, seed, rate):
        return self.folder / cell_name(arm.name, settings.densities[0], seed, rate)

    def find(self, settings, arm, seed, rate):
        """A finished cell, or none."""
        path = self.path(settings, arm, seed, rate)
        return read_rows(path, Cell)[0] if path.exists() else None

    def keep(self, settings, outcome, group):
        """Writes what a cell came to; the row comes last and says that all is there."""
        cell = Cell.of(settings, outcome)
        path = self.path(settings, outcome.arm, outcome.seed, outcome.learning_rate)
        if not cell.failure:
            (edits,) = outcome.edits.values()
            with whole(path.with_suffix(".npz"), "wb") as file:
                np.savez_compressed(file, edits=edits.astype(np.uint8), faces=group.faces)
        write_rows(path, [cell])
        return cell

    def mark(self, density):
        """The file that says that every cell of a density is there."""
        return self.folder / f"{density:g}.finished"

    def collect(self):
        """Puts all cells into two tables, those of finished densities into the one that pages are made of."""
        read = [(path, read_rows(path, Cell)[0]) for path in sorted(self.folder.glob("*.csv"))]
        items, tables = {}, {FINISHED: [], UNFINISHED: []}
        for path, cell in read:
            tables[FINISHED if self.mark(cell.density).exists() else UNFINISHED].append(cell)
            if cell.failure:
                continue
            with np.load(path.with_suffix(".npz")) as file:
                items[edits_key(cell)] = file["edits"]
                faces = items.setdefault(faces_key(cell.density), file["faces"])
                if not np.array_equal(faces, file["faces"]):
                    raise SystemExit(f"{path}: its test images are not those of the other cells")
        with whole(self.out / "items.npz", "wb") as file:
            np.savez_compressed(file, **items)
        # Last: where they stand, what they name is there.
        for name, cells in tables.items():
            if cells:
                write_rows(self.out / name, cells)
            else:
                (self.out / name).unlink(missing_ok=True)


def cell_name(arm, density, seed, rate):
    return f"{arm}_{density:g}_{seed}_{rate:g}.csv"


def tower(backbone, seed):
    """The tower of a seed."""
    return Path(str(backbone).replace("{seed}", str(seed)))


def edits_key(cell):
    """Where `items.npz` has the edits of a cell, an image each."""
    return f"edits/{cell.arm}/{cell.density:g}/{cell.seed}/{cell.learning_rate:g}"


def faces_key(density):
    """Where `items.npz` has the font faces of the test images."""
    return f"faces/{density:g}"


def provenance(settings, backbone, assets):
    """What has to be the same for cells to belong to one run."""
    import PIL
    import torch

    fonts = sorted((Path(assets) / "fonts").iterdir())
    digest = lambda paths: hashlib.sha256(b"".join(map(Path.read_bytes, paths))).hexdigest()
    kept = {name: value for name, value in asdict(settings).items() if name not in MAY_DIFFER}
    ours = kept | {
        "first_seed": settings.seeds[0],
        "tower": "/".join(Path(backbone).parts[-2:]),
        "first_tower_sha256": digest([tower(backbone, settings.seeds[0])]),
        "fonts_sha256": digest(fonts),
        # Cells of other code are other cells.
        "code_sha256": digest(sorted(CODE.glob("*.py"))),
        "faces": len(fonts),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }
    # As they are read back: lists in place of tuples.
    return json.loads(json.dumps(ours))
