"""Where reports concentrate: an order of the cells. It always has an answer, and tests nothing.

Reports lose half their weight in `HALF_LIFE` days. A cell with few of them is drawn to what its
surroundings say: the mean of a gamma-Poisson model whose prior is the smoothed map.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from geo.grid import EARTH_RADIUS_M, Floats, Ints

HALF_LIFE, HALF_LIFE_OF_A_SHORT_HISTORY = 180.0, 60.0
YEAR = 365

STRENGTH = 3.0
"""How many reports' worth the surroundings count beside a cell's own."""

BANDWIDTHS_M, CUT = (1000.0, 500.0, 250.0), 3.0
"""Standard deviations of the smoothing to choose from, the first of equals, and how many of them
it reaches."""
ANYWHERE = 0.05
"""The share of the reports of which smoothed maps are taken to know nothing, when compared."""
AT_ONCE = 20_000
"""Of how many cells the neighbours are in memory together."""

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
    expected = surroundings(decayed, centres)
    some = expected > 0
    score = np.zeros(len(decayed))
    score[some] = (decayed[some] + STRENGTH) / (1 + STRENGTH / expected[some])
    return score


def surroundings(values: Floats, centres: Floats) -> Floats:
    """What is expected of each cell by those round it: the map smoothed, with the same total.

    The bandwidth is the one at which each report is told best by all others (leave-one-out
    likelihood: Habbema, Hermans and van den Broek 1974; Duin 1976).
    """
    if not values.any():
        return np.zeros(len(values))
    best = max(smoothed(values, centres), key=lambda each: likelihood(values, each))
    return np.asarray(best.spread * (values.sum() / best.spread.sum()))


class Smooth(NamedTuple):
    """A map smoothed with one bandwidth."""

    spread: Floats
    """The sum of Gaussians over the cells, each as high as its cell's value."""
    reach: Floats
    """By cell with a value: the sum over all cells of a Gaussian over it, of height 1."""


def smoothed(values: Floats, centres: Floats) -> list[Smooth]:
    """The values spread over the given cells, with each bandwidth."""
    n = len(values)
    maps = [Smooth(np.zeros(n), np.zeros(n)) for _ in BANDWIDTHS_M]
    sources = np.flatnonzero(values)
    for source, target, apart in pairs_within(centres, sources, CUT * max(BANDWIDTHS_M)):
        for metres, smooth in zip(BANDWIDTHS_M, maps, strict=True):
            near = apart <= CUT * metres
            height, of = np.exp(-0.5 * (apart[near] / metres) ** 2), source[near]
            smooth.spread[:] += np.bincount(target[near], height * values[of], n)
            smooth.reach[:] += np.bincount(of, height, n)
    return maps


def likelihood(values: Floats, smooth: Smooth) -> float:
    """How well each report is told by all others; a logarithm."""
    some = values > 0
    value, spread, reach = values[some], smooth.spread[some], smooth.reach[some]
    one = np.minimum(value, 1)
    others, everywhere = np.maximum(spread - one, 0), smooth.spread.sum() - one * reach
    share = np.divide(others, everywhere, out=np.zeros(len(value)), where=everywhere > 0)
    return float((value * np.log((1 - ANYWHERE) * share + ANYWHERE / len(values))).sum())


def pairs_within(
    centres: Floats, sources: NDArray[np.intp], metres: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], Floats]]:
    """Which points lie how near which sources (positions among `centres`): source, target, metres.

    In parts, because those of a country take a gigabyte. Metres are straight through the earth: of
    a few kilometres, shorter by less than 0.1 mm.
    """
    points = on_sphere(centres)
    everywhere = KDTree(points)
    for some in (sources[first : first + AT_ONCE] for first in range(0, len(sources), AT_ONCE)):
        near = KDTree(points[some]).sparse_distance_matrix(
            everywhere, metres, output_type="ndarray"
        )
        yield some[near["i"]], near["j"], near["v"]


def on_sphere(places: Floats) -> Floats:
    """Places (degrees) as points in space, in metres from the middle of the earth."""
    lon, lat = np.radians(places).T
    across = np.cos(lat)
    points = np.column_stack([across * np.cos(lon), across * np.sin(lon), np.sin(lat)])
    return np.asarray(EARTH_RADIUS_M * points)


def bands(score: Floats) -> NDArray[np.str_]:
    """The band of each cell by its place in the order; equal scores in the order of the cells."""
    band = np.full(len(score), "rest", dtype="<U5")
    order = np.argsort(-score, kind="stable")
    for name, share in reversed(BANDS.items()):
        band[order[: round(share * len(score))]] = name
    return band
