"""Intervals of error rates by a bootstrap over seeds and fonts."""

from statistics import NormalDist

import numpy as np

DRAWS = 10_000
LEVELS = (0.025, 0.975)
# With fewer fonts than this, images are drawn.
FEWEST_FONTS = 5


def fonts_of(faces):
    """Number of the unit that is drawn as a whole, for each image."""
    names, unit = np.unique(faces, return_inverse=True)
    return unit if len(names) >= FEWEST_FONTS else np.arange(len(faces))


def rate_with_interval(edits, faces, characters):
    """Error rate of all seeds together, and the ends of its 95% interval.

    `edits` has a row per seed and a column per image (or differences of two arms, paired), each
    image has so many `characters`. Every draw takes seeds, and fonts with all of their images;
    the ends are bias-corrected and accelerated (BCa), as in the study in Rust.
    """
    unit = fonts_of(faces)
    errors = np.array([np.bincount(unit, row.astype(float)) for row in edits])
    sizes = characters * np.bincount(unit).astype(float)
    rate = errors.sum() / (len(errors) * sizes.sum())
    return rate, *bca_ends(rate, errors, sizes)


def bca_ends(rate, errors, sizes):
    """Ends of the interval of `rate`: errors `[seeds, fonts]` in so many characters `[fonts]`."""
    draws = drawn_rates(errors, sizes)
    normal = NormalDist()
    below = ((draws < rate).mean() + (draws <= rate).mean()) / 2
    bias = normal.inv_cdf(min(max(below, 0.5 / DRAWS), 1 - 0.5 / DRAWS))
    rest = errors - rate * sizes
    influence = np.concatenate([rest.sum(1), rest.sum(0)])
    squares = (influence**2).sum()
    skew = (influence**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0

    def level(nominal):
        z = bias + normal.inv_cdf(nominal)
        return normal.cdf(bias + z / (1 - skew * z))

    return [float(end) for end in np.quantile(draws, [level(nominal) for nominal in LEVELS])]


def drawn_rates(errors, sizes):
    """The error rate in every draw of seeds and fonts."""
    rng, (seeds, fonts) = np.random.default_rng(1), errors.shape
    seed_weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS)
    font_weights = rng.multinomial(fonts, np.full(fonts, 1 / fonts), DRAWS)
    drawn = ((seed_weights @ errors) * font_weights).sum(1)
    return drawn / (seeds * (font_weights @ sizes))
