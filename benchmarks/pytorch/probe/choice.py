"""Which learning rate an arm is trained with, and which is tried next.

As in `crates/probe/src/tuning.rs`, which looks at the validation loss too where errors are equal.
"""

import math
from collections import defaultdict


def choose(tried):
    """Of every arm the cell at the best rate."""
    arms = defaultdict(list)
    for cell in tried:
        arms[cell.arm.name].append(cell)
    return [best_rate(cells) for cells in arms.values()]


def best_rate(cells):
    """Of cells that differ in their rate the one with the lowest validation CER.

    Of equal ones that farthest from the ends of the grid, then that at the lowest rate; failed
    ones come last.
    """
    rates = sorted(cell.learning_rate for cell in cells)

    def badness(cell):
        place = rates.index(cell.learning_rate)
        from_end = min(place, len(rates) - 1 - place)
        failed = math.isnan(cell.validation_cer)
        error = math.inf if failed else cell.validation_cer
        return failed, error, -from_end, cell.learning_rate

    return min(cells, key=badness)


def beyond(cells):
    """The rate to try next where the best one lies on the edge, as far out as its neighbour is in.

    None for a best rate within the grid, and where every cell failed.
    """
    best = best_rate(cells)
    rates = sorted(cell.learning_rate for cell in cells)
    if best.failure or len(rates) < 2 or best.learning_rate not in (rates[0], rates[-1]):
        return None
    neighbour = rates[1] if best.learning_rate == rates[0] else rates[-2]
    return best.learning_rate * (best.learning_rate / neighbour)
