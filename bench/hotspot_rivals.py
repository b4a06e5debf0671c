"""The classical ways to rank places, to compare ours with. All see only the past."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from api.hotspots import ranking
from api.hotspots.analysis import Area
from api.hotspots.counting import Incidents
from api.hotspots.gi_star import gi_star, moments
from geo import grid
from geo.grid import Floats, Ints

RECENT = 28
NEAR_REPEAT_DAYS = 14.0
"""How fast the raised risk near an incident fades; the literature says one to four weeks."""


@dataclass(frozen=True)
class Kernels:
    """Gaussian kernels between an area's cells, by their standard deviation in metres."""

    within: dict[int, sp.csr_matrix]

    @classmethod
    def of(cls, area: Area) -> "Kernels":
        """Those of 250 and 500 m, cut at three standard deviations."""
        n = len(area.cells)
        within = {}
        for metres in (250, 500):
            parts = ranking.pairs_within(area.centres, np.arange(n), 3.0 * metres)
            source, target, apart = map(np.concatenate, zip(*parts, strict=True))
            share = np.exp(-0.5 * (apart / metres) ** 2)
            within[metres] = sp.csr_matrix((share, (target, source)), shape=(n, n))
        return cls(within)


def rivals(past: Incidents, area: Area, kernels: Kernels, last: int) -> dict[str, Floats]:
    """Each rival's score of each cell, as of that day."""
    at, ages = grid.positions(area.cells, past.cells), last - past.days
    n = len(area.cells)
    recent = np.bincount(at[ages < RECENT], minlength=n).astype(np.int64)
    ever = np.bincount(at, minlength=n).astype(float)
    fresh = np.bincount(at, np.exp(-ages / NEAR_REPEAT_DAYS), n)
    near = {metres: np.asarray(kernel @ ever) for metres, kernel in kernels.within.items()}
    repeated = np.asarray(kernels.within[250] @ fresh)
    return {
        "counts 28 d": recent.astype(float),
        "KDE 250 m": near[250],
        "KDE 500 m": near[500],
        "Gi* 28 d": gi_star_of(recent, area),
        "decayed counts": np.bincount(at, np.exp2(-ages / 180), n),
        "near repeat": 0.7 * near[250] / max(ever.sum(), 1) + 0.3 * repeated / max(fresh.sum(), 1),
    }


def gi_star_of(counts: Ints, area: Area) -> Floats:
    """Gi* of counts."""
    mean, deviation = moments(counts)
    around = area.neighbourhoods
    return gi_star(around.sums(counts), around.sizes, mean=mean, deviation=deviation)


def pai(score: Floats, coming: Ints, share: float = 0.05) -> float:
    """The share of coming reports in the best `share` of the area, over that share."""
    best = np.argsort(-score, kind="stable")[: round(share * len(score))]
    return float(coming[best].sum() / coming.sum() / (len(best) / len(score)))
