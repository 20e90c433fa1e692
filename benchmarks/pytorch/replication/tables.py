"""From `cells.csv` and `items.npz` to `replicate.csv`: no training, no images, no PyTorch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probe.choice import best_rate
from probe.settings import GRIDS, Arm
from replication.cells import FINISHED, Cell, edits_key, faces_key, read_rows
from replication.intervals import rate_with_interval
from replication.settings import BASELINE, KINDS


@dataclass(frozen=True)
class Line:
    """A row of `replicate.csv`: an arm at a density. Differences are to PatchMerger, paired."""

    arm: str
    density: float
    symbols: int
    seeds: int
    failed_cells: int
    steps: int
    rate: float
    rate_on_edge: str
    test_images: int
    words_used: float
    cer: float
    low_95: float
    high_95: float
    merger_difference: float
    merger_low_95: float
    merger_high_95: float

    @property
    def interval(self):
        return self.cer, self.low_95, self.high_95

    @property
    def is_compared(self):
        """Whether there is a difference to PatchMerger."""
        return not math.isnan(self.merger_difference)

    @property
    def difference(self):
        return self.merger_difference, self.merger_low_95, self.merger_high_95


class Results:
    """What a run left, as published."""

    def __init__(self, out):
        out = Path(out)
        if not (out / FINISHED).exists():
            raise SystemExit(f"{out} holds no finished density; start it without --tables")
        self.cells = read_rows(out / FINISHED, Cell)
        self.about = json.loads((out / "run.json").read_text(encoding="utf-8"))
        with np.load(out / "items.npz") as file:
            self.items = {name: file[name] for name in file}

    @property
    def densities(self):
        return sorted({cell.density for cell in self.cells})

    @property
    def failed(self):
        return [cell for cell in self.cells if cell.failure]

    def of(self, arm, density):
        return [cell for cell in self.cells if (cell.arm, cell.density) == (arm, density)]

    def chosen(self, arm, density):
        """Cells at the rate that was best with the first seed, those that failed left out."""
        cells = self.of(arm, density)
        best = best_rate([cell for cell in cells if cell.seed == self.about["first_seed"]])
        at_rate = [cell for cell in cells if cell.learning_rate == best.learning_rate]
        return [cell for cell in at_rate if not cell.failure]

    def edits(self, arm, density):
        """Edits of every test image by seed."""
        return {cell.seed: self.items[edits_key(cell)] for cell in self.chosen(arm, density)}

    def rate(self, arm, density):
        """Error rate and its interval."""
        return self.rate_of(list(self.edits(arm, density).values()), density)

    def difference(self, arm, other, density):
        """Difference of two error rates over the seeds that both have, and its interval."""
        own, others = self.edits(arm, density), self.edits(other, density)
        pairs = [own[seed].astype(float) - others[seed] for seed in own if seed in others]
        return self.rate_of(pairs, density)

    def rate_of(self, edits, density):
        if not edits:
            return math.nan, math.nan, math.nan
        columns, lines = GRIDS[density]
        return rate_with_interval(edits, self.items[faces_key(density)], columns * lines)

    def line(self, arm, density):
        """The row of an arm at a density."""
        tried, chosen = self.of(arm, density), self.chosen(arm, density)
        rates = {cell.learning_rate for cell in tried}
        rate = chosen[0].learning_rate if chosen else math.nan
        on_edge = len(rates) > 1 and rate in (min(rates), max(rates))
        used = [cell.words_used for cell in chosen if not math.isnan(cell.words_used)]
        difference = (math.nan,) * 3
        if arm != BASELINE:
            difference = self.difference(arm, BASELINE, density)
        return Line(
            arm,
            density,
            tried[0].symbols,
            len(chosen),
            sum(bool(cell.failure) for cell in tried),
            tried[0].steps,
            rate,
            "yes" if on_edge else "no",
            self.about["test_images"],
            sum(used) / len(used) if used else math.nan,
            *self.rate(arm, density),
            *difference,
        )

    def lines(self):
        """All rows, arms in the order of the settings."""
        place = lambda arm: KINDS.index(Arm.parse(arm).kind)
        return [
            self.line(arm, density)
            for density in self.densities
            for arm in sorted({c.arm for c in self.cells if c.density == density}, key=place)
        ]
