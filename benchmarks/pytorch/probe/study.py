"""All cells of a run: tuning on validation images, then the other seeds; tables at the end."""

import csv
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from probe.cell import run_cell
from probe.choice import choose
from probe.data import Preparation

# What forked workers inherit: the work that their pool was opened for.
_work = None


def _call(item):
    return _work(item)


def end_with(parent):
    """Ends this worker once the process that forked it is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


class Workers:
    """Forked processes over pieces of work, or this process alone if there is one job."""

    def __init__(self, jobs, threads):
        self.jobs, self.threads = jobs, threads
        # A process that forks must not have started threads of its own.
        torch.set_num_threads(1 if jobs > 1 else threads)
        torch.set_flush_denormal(True)

    def start(self, parent):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        torch.set_num_threads(self.threads)
        torch.set_flush_denormal(True)
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()

    @contextmanager
    def open(self, work):
        """A function that applies `work` to items, in order, yielding results as they come."""
        global _work
        _work = work
        if self.jobs == 1:
            yield lambda items: map(work, items)
            return
        context = multiprocessing.get_context("fork")
        # Unlike `multiprocessing.Pool`, it says so when a worker dies.
        pool = ProcessPoolExecutor(self.jobs, context, self.start, (os.getpid(),))
        try:
            yield lambda items: pool.map(_call, items)
        except BaseException:
            # Nothing waits for what the others are at.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def prepare(settings, assets, backbone, workers, seed=None):
    """Rendered images, labels and features of every split; `seed` as in `plans`."""
    preparation = Preparation(settings, assets, backbone, seed)
    with workers.open(preparation.make) as apply:
        made = list(apply(preparation.chunks()))
    return preparation.collect(settings, made)


def run_study(settings, data, workers):
    """The cells that count, and the ones of the tuning: `(cells, tried)`."""
    with workers.open(lambda spec: run_cell(settings, data, *spec)) as apply:
        first, *others = settings.seeds
        rates = settings.learning_rates
        specs = [(arm, first, rate) for arm in settings.arms for rate in rates]
        tried = watched("tuning", apply(specs), len(specs))
        chosen = choose(tried)
        specs = [
            (cell.arm, seed, cell.learning_rate)
            for cell in chosen
            for seed in others
            if not cell.failure
        ]
        return chosen + watched("seeds", apply(specs), len(specs)), tried


def watched(stage, outcomes, total):
    """The outcomes as a list, each announced when it comes."""
    done = []
    for outcome in outcomes:
        done.append(outcome)
        print(
            f"{stage} {len(done)}/{total} {outcome.arm.name} seed {outcome.seed} rate "
            f"{outcome.learning_rate:g}: {outcome.seconds:.1f} s, validation CER "
            f"{outcome.validation_cer:.4f} {outcome.failure}",
            file=sys.stderr,
        )
    return done


def write_metrics(folder, settings, cells, tried):
    """`metrics.csv`, `history.csv` and `tuning.csv`, as the study in Rust names its columns."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def table(name, header, rows):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

    header = "arm seed learning_rate density condition mode metric value n".split()
    rows = []
    for cell in cells:
        key = (cell.arm.name, cell.seed, cell.learning_rate)
        rows.append((*key, "", "", "", "validation_cer", cell.validation_cer, ""))
        for density, content, mode, scores in cell.tests:
            rows += [(*key, density, content, mode, name, *pair) for name, pair in scores.items()]
    table("metrics.csv", header, rows)
    points = "step train_loss validation_cer token_entropy_bits codes_used perplexity".split()
    rows = [
        (cell.arm.name, cell.seed, *(point.get(name) for name in points))
        for cell in cells
        for point in cell.history
    ]
    table("history.csv", ["arm", "seed", *points], rows)
    rows = [(cell.arm.name, cell.learning_rate, cell.validation_cer) for cell in tried]
    table("tuning.csv", ["arm", "learning_rate", "validation_cer"], rows)


def mean_cer(cells):
    """Mean test CER over seeds on random strings, by arm, density and mode."""
    values = defaultdict(list)
    for cell in cells:
        for density, content, mode, scores in cell.tests:
            if content == "random" and "cer" in scores:
                values[cell.arm.name, density, mode].append(float(scores["cer"][0]))
    return {key: sum(value) / len(value) for key, value in values.items()}


def published_cer(path):
    """The same means from a `summary.csv` of the study in Rust."""
    with open(path, newline="", encoding="utf-8") as file:
        return {
            (row["arm"], float(row["density"]), row["mode"]): float(row["mean"])
            for row in csv.DictReader(file)
            if row["metric"] == "cer" and row["condition"] == "random"
        }


def cer_table(means, published):
    """Lines of text: CER in per cent by arm and density, the published one in brackets."""
    densities = sorted({density for _, density, _ in means})
    lines = [f"{'CER in %, random strings':40}" + "".join(f"{d:>8g}/token    " for d in densities)]
    for arm, mode in dict.fromkeys((arm, mode) for arm, _, mode in means):
        line = f"{arm} {'' if mode == 'deterministic' else mode}".ljust(40)
        for density in densities:
            ours, other = means[arm, density, mode], published.get((arm, density, mode))
            note = f"({100 * other:.2f})" if other is not None else ""
            line += f"{100 * ours:>8.2f} {note:<9}"
        lines.append(line.rstrip())
    return lines
