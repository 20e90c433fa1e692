"""Timing of one piece of work, and the JSON line that says how long it took."""

import json
import os
import statistics
import time

WARM_UP_SHARE = 0.2
FEWEST_SAMPLES = 3
# One sample is enough of calls that take longer.
LONG_MS = 2000.0


def measure(fn, seconds=3.0):
    """Calls `fn` for about `seconds` and returns `(median_ms, samples)`.

    A fifth of the time, and one call at least, warms up: memory, caches and kernel choice. The
    environment variable `VERSUS_SECONDS` overrides `seconds`, for a smoke pass of everything.
    """
    seconds = float(os.environ.get("VERSUS_SECONDS", seconds))
    warm_up = _repeat(fn, WARM_UP_SHARE * seconds, fewest=1)
    fewest = 1 if min(warm_up) > LONG_MS else FEWEST_SAMPLES
    samples = _repeat(fn, seconds, fewest)
    return statistics.median(samples), len(samples)


def _repeat(fn, seconds, fewest):
    samples = []
    end = time.perf_counter() + seconds
    while len(samples) < fewest or time.perf_counter() < end:
        start = time.perf_counter()
        fn()
        samples.append(1e3 * (time.perf_counter() - start))
    return samples


def report(work, threads, median_ms, samples, flop=None, **fields):
    """Prints a measurement as one JSON line; `flop` are the operations of one call."""
    row = {"work": work, "impl": "pytorch", "threads": threads, "ms": round(median_ms, 5)}
    if flop is not None:
        row["gflops"] = round(flop / median_ms / 1e6, 2)
    print(json.dumps({**row, "samples": samples, **fields}), flush=True)


def report_peak(work, threads, peak_mib, **fields):
    """Prints the most memory that a call took, as one JSON line without a time."""
    row = {"work": work, "impl": "pytorch", "threads": threads, "ms": None, "peak_mib": peak_mib}
    print(json.dumps({**row, **fields}), flush=True)
