"""The study `ocr-probe` in eager PyTorch, to compare wall time with.

Same sizes of data, arms, cells, models and evaluation as `cargo run -p experiments -- ocr-probe`,
with a cold cache. Left out, which favours this side: bootstrap intervals, plots, verdict, hashes
and the feature cache.
"""

import argparse
import os
import time

STARTED = time.perf_counter()

from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

from probe import assets as study_assets  # noqa: E402
from probe.settings import PRESETS, Arm  # noqa: E402
from probe.study import (  # noqa: E402
    Workers,
    cer_table,
    mean_cer,
    prepare,
    published_cer,
    run_study,
    write_metrics,
)

REPOSITORY = Path(__file__).resolve().parents[2]
SCRATCH = REPOSITORY / "target" / "benchmarks"


def numbers(kind):
    return lambda text: tuple(kind(part) for part in text.split(","))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--preset", choices=PRESETS, default="quick")
    add("--arms", type=numbers(Arm.parse), help="arms, separated by commas")
    add("--seeds", type=int, help="number of seeds: 1 to N")
    add("--densities", type=numbers(float), help="characters per token, separated by commas")
    add("--steps", type=int, help="optimiser steps per cell")
    add("--learning-rates", type=numbers(float), help="rates every arm is tried with")
    add("--jobs", type=int, default=os.cpu_count(), help="worker processes over cells")
    add("--threads", type=int, default=1, help="threads of each process")
    add("--backbone", type=Path, default=REPOSITORY / "data/backbones/small-vit.safetensors")
    add("--assets", type=Path, default=SCRATCH / "assets", help="fonts and words; made if missing")
    add("--out", type=Path, default=SCRATCH / "ocr-probe-pytorch", help="folder for the tables")
    add("--published", type=Path, default=REPOSITORY / "results/published/quick/summary.csv")
    return parser.parse_args()


def main():
    args = arguments()
    settings = PRESETS[args.preset]
    for name in ("arms", "densities", "steps", "learning_rates"):
        if getattr(args, name) is not None:
            settings = replace(settings, **{name: getattr(args, name)})
    if args.seeds is not None:
        settings = replace(settings, seeds=tuple(range(1, args.seeds + 1)))
    study_assets.ensure(args.assets)
    workers = Workers(args.jobs, args.threads)
    clock = time.perf_counter()
    data = prepare(settings, args.assets, args.backbone, workers)
    print(f"images and features: {time.perf_counter() - clock:.1f} s", flush=True)
    clock = time.perf_counter()
    cells, tried = run_study(settings, data, workers)
    print(f"{len(cells) + len(tried) - len(settings.arms)} cells: {time.perf_counter() - clock:.1f} s")
    write_metrics(args.out, settings, cells, tried)
    same_study = settings.densities == PRESETS["quick"].densities
    same_study = same_study and args.preset == "quick" and args.published.exists()
    published = published_cer(args.published) if same_study else {}
    print("\n".join(cer_table(mean_cer(cells), published)))
    print(f"{time.perf_counter() - STARTED:.1f} s in all", flush=True)


if __name__ == "__main__":
    main()
