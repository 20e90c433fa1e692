"""The headline comparison once more, in PyTorch: how well is read behind five connectors.

Trains identity, PatchMerger, the MLP of the VET's width, soft and hard VET at 1, 2 and 4
characters per token, each density on its own, and writes `replicate.csv` and a page beside it.
Every finished cell is kept: the same command goes on where it was ended, in a clone as well. `--tables` makes
a page of the densities that are finished.
"""

import argparse
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

from probe.choice import best_rate, beyond
from replication.against import read
from replication.cells import Store, tower, whole, write_rows
from replication.page import page
from replication.settings import EXTENSIONS, PRESETS, SYMBOLS, of_density
from replication.tables import Results

REPOSITORY = Path(__file__).resolve().parents[2]
SCRATCH = REPOSITORY / "target" / "benchmarks"
OUT = {"full": REPOSITORY / "results/published/replicate", "smoke": SCRATCH / "replicate-smoke"}


def densities(text):
    found = tuple(float(part) for part in text.split(","))
    unknown = [density for density in found if density not in SYMBOLS]
    if unknown:
        known = ", ".join(f"{density:g}" for density in SYMBOLS)
        raise argparse.ArgumentTypeError(f"{unknown[0]:g} is none of {known}")
    return found


def count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of 1 or more")
    return int(text)


def file(text):
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return Path(text)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="full", help="smoke: does everything work? a minute")
    add("--densities", type=densities, help="some of 1,2,4; each is a run of its own")
    add("--seeds", type=count, help="number of seeds, from the first one on")
    add("--steps", type=count, help="optimiser steps per cell")
    add("--jobs", type=count, default=os.cpu_count(), help="worker processes over cells")
    add("--threads", type=count, default=1, help="threads of each process")
    against = "a summary.csv of the study in Rust; of several the first that fits counts"
    add("--against", type=file, action="append", default=[], metavar="FILE", help=against)
    add("--tables", action="store_true", help="train nothing; write table and page again")
    towers = REPOSITORY / "data/backbones/replicates/seed-{seed}.safetensors"
    about = "the frozen tower; with {seed} in its name one for each seed, as the study has"
    add("--backbone", type=Path, default=towers, metavar="FILE", help=about)
    add("--assets", type=Path, default=SCRATCH / "assets", help="fonts and words; made if missing")
    add("--out", type=Path, help="folder of the run")
    return parser.parse_args()


def settings_of(args):
    """The preset with what the command line changes."""
    settings = PRESETS[args.preset]
    changed = {"densities": args.densities, "steps": args.steps}
    if args.seeds is not None:
        first = settings.seeds[0]
        changed["seeds"] = tuple(range(first, first + args.seeds))
    return replace(settings, **{name: value for name, value in changed.items() if value})


def train(args, out):
    """Finishes every cell of the run."""
    from probe import assets
    from probe.study import Workers

    settings = settings_of(args)
    assets.ensure(args.assets)
    store = Store(out)
    store.open(settings, args.backbone, args.assets)
    workers = Workers(args.jobs, args.threads)
    try:
        for density in settings.densities:
            # More seeds than before leave a finished density unfinished.
            store.mark(density).unlink(missing_ok=True)
            DensityRun(of_density(settings, density), store, workers, args).finish()
            store.mark(density).touch()
    finally:
        # Also where it is stopped: a clone goes on from there.
        store.collect()


class DensityRun:
    """The cells of one density."""

    def __init__(self, settings, store, workers, args):
        self.settings, self.store, self.workers, self.args = settings, store, workers, args
        self.seed, self.data = None, None

    def finish(self):
        """The tuning on the first seed, then the other seeds at the best rate of each arm."""
        others, wanted = self.settings.seeds[1:], []
        for arm, tried in self.tuning().items():
            best = best_rate(tried)
            if not best.failure:
                wanted += [(arm, seed, best.learning_rate) for seed in others]
        self.cells("seeds", wanted)

    def tuning(self):
        """The cells of the first seed by arm, with rates added where the best lies on the edge."""
        first, rates, tried = self.settings.seeds[0], self.settings.learning_rates, {}
        wanted = [(arm, first, rate) for arm in self.settings.arms for rate in rates]
        for _ in range(1 + EXTENSIONS):
            for (arm, *_), cell in zip(wanted, self.cells("tuning", wanted)):
                tried.setdefault(arm, []).append(cell)
            added = {arm: beyond(cells) for arm, cells in tried.items()}
            wanted = [(arm, first, rate) for arm, rate in added.items() if rate is not None]
        return tried

    def cells(self, stage, specs):
        """The cells of `specs`, trained where they are not there yet."""
        missing = [spec for spec in specs if self.store.find(self.settings, *spec) is None]
        done, seed_of = 0, lambda spec: spec[1]
        for seed, behind in groupby(sorted(missing, key=seed_of), seed_of):
            work = partial(train_cell, self.settings, self.features(seed), self.store)
            with self.workers.open(work) as apply:
                for done, cell in enumerate(apply(list(behind)), start=done + 1):
                    self.announce(f"{stage} {done}/{len(missing)}", cell)
        return [self.store.find(self.settings, *spec) for spec in specs]

    def features(self, seed):
        """Images and what the tower makes of them, those of the last seed kept."""
        from probe.study import prepare

        if seed != self.seed:
            self.data = None
            path = tower(self.args.backbone, seed)
            self.data = prepare(self.settings, self.args.assets, path, self.workers, seed)
            self.seed = seed
        return self.data

    def announce(self, stage, cell):
        state = f"FAILED: {cell.failure}" if cell.failure else f"test CER {cell.cer:.4f}"
        print(
            f"{cell.density:g} per token, {stage}: {cell.arm} seed {cell.seed} rate "
            f"{cell.learning_rate:g}: {cell.seconds:.0f} s, {state}",
            file=sys.stderr,
            flush=True,
        )


def train_cell(settings, data, store, spec):
    """Trains and tests a cell and keeps it at once."""
    from probe.cell import run_cell

    outcome = run_cell(settings, data, *spec)
    (group,) = data["test"]
    return store.keep(settings, outcome, group)


def publish(out, sources):
    """Table and page from what a run left; the number of failed cells."""
    results = Results(out)
    lines = results.lines()
    write_rows(out / "replicate.csv", lines)
    with whole(out / "README.md", "w", encoding="utf-8") as file:
        file.write(page(results, lines, sources))
    return len(results.failed)


def main():
    args = arguments()
    out = args.out or OUT[args.preset]
    sources = [read(path) for path in args.against]
    # Ends as Ctrl-C does: workers finish nothing more, and what is finished is kept.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not args.tables:
        train(args, out)
    failed = publish(out, sources)
    print((out / "README.md").read_text(encoding="utf-8"))
    if failed:
        sys.exit(f"{failed} cells failed; the page names them")


if __name__ == "__main__":
    main()
