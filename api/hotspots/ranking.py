"""Where reports concentrate: an order of the cells. It always has an answer, and tests nothing.

Reports lose half their weight in `HALF_LIFE` days. A cell with few of them is drawn to what its
surroundings say: the mean of a gamma-Poisson model whose prior is the smoothed map.
"""

import numpy as np
from numpy.typing import NDArray

from geo.grid import METRES_PER_DEGREE, Floats, Ints

HALF_LIFE, HALF_LIFE_OF_A_SHORT_HISTORY = 180.0, 60.0
YEAR = 365

STRENGTH = 3.0
"""How many reports' worth the surroundings count beside a cell's own."""

BANDWIDTH_M, CUT = 500.0, 3.0
"""Standard deviation of the smoothing, and how many of them it reaches."""

BANDS = {"top1": 0.01, "top5": 0.05, "top10": 0.10}
"""What share of the area, from the highest score on, lies in a band or those before it."""


def weights(ages: Ints) -> Floats:
    """What a report of so many days ago still counts; all ages of the history together."""
    if not len(ages):
        return np.zeros(0)
    short = ages.max() - ages.min() < YEAR - 1
    half = HALF_LIFE_OF_A_SHORT_HISTORY if short else HALF_LIFE
    return np.asarray(np.exp2(-ages / half))


def scores(decayed: Floats, centres: Floats) -> Floats:
    """The score of each cell, given its decayed count and its centre (degrees)."""
    smooth = smoothed(decayed, centres)
    some = smooth > 0
    score = np.zeros(len(decayed))
    score[some] = (decayed[some] + STRENGTH) / (1 + STRENGTH / smooth[some])
    return score


def smoothed(values: Floats, centres: Floats) -> Floats:
    """The same total, spread with a Gaussian over the given cells."""
    sources = np.flatnonzero(values)
    if not len(sources):
        return np.zeros(len(values))
    source, target, metres = pairs_within(centres, sources, CUT * BANDWIDTH_M)
    share = np.exp(-0.5 * (metres / BANDWIDTH_M) ** 2) * values[source]
    spread = np.bincount(target, share, minlength=len(values))
    return np.asarray(spread * (values.sum() / spread.sum()))


def pairs_within(
    centres: Floats, sources: NDArray[np.intp], metres: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Which points lie how near which sources (positions among `centres`): source, target, metres.

    Points are sorted into boxes as wide as the distance; only those round a source are searched.
    """
    step = metres / METRES_PER_DEGREE
    narrowest = max(float(np.cos(np.radians(np.abs(centres[:, 1]).max() + step))), 0.01)
    steps = np.array([step / narrowest, step])
    box = np.floor((centres - centres.min(axis=0)) / steps).astype(np.int64) + 1
    across = box[:, 0].max() + 2
    key = box[:, 1] * across + box[:, 0]
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    found = []
    for row in (-1, 0, 1):
        near = key[sources] + row * across
        first = np.searchsorted(ordered, near - 1, "left")
        counts = np.searchsorted(ordered, near + 1, "right") - first
        source = np.repeat(sources, counts)
        offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        target = order[np.repeat(first, counts) + offset]
        apart = distances(centres[source], centres[target])
        close = apart <= metres
        found.append((source[close], target[close], apart[close]))
    source, target, apart = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return source, target, apart


def distances(one: Floats, other: Floats) -> Floats:
    """Metres between points a few kilometres apart (degrees)."""
    across = (one[:, 0] - other[:, 0]) * np.cos(np.radians((one[:, 1] + other[:, 1]) / 2))
    return np.asarray(np.hypot(across, one[:, 1] - other[:, 1]) * METRES_PER_DEGREE)


def bands(score: Floats) -> NDArray[np.str_]:
    """The band of each cell by its place in the order; equal scores in the order of the cells."""
    band = np.full(len(score), "rest", dtype="<U5")
    order = np.argsort(-score, kind="stable")
    for name, share in reversed(BANDS.items()):
        band[order[: round(share * len(score))]] = name
    return band
