"""What may be told of a count: bands, and never so much that somebody behind it stands alone.

A cell with fewer than five reporters is hidden, and a hidden cell may be empty: nobody can tell.
A place that consists of several cells is told of only as far as even that leaves it open where in
it the reports are: its lower end is at most four for each of its cells but one. Whatever else is
told of the cells, of this window or another, no cell is then forced to hold one to four.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from api.hotspots.counting import changed, ordered
from geo.grid import Floats, Ints

Pairs = tuple[Ints, Ints]

K = 5
"""The fewest reporters that are ever told of."""
EDGES = (5, 10, 20, 50)
SENSITIVE_EDGES = (10, 20, 50)
STEP = 5
"""What counts of whole scopes are rounded to."""


@lru_cache(10_000)
def band(count: int, edges: Sequence[int] = EDGES, *, at_most: float | None = None) -> str | None:
    """The band of a count, None below the first; with `at_most` the lower end goes no higher."""
    lows = [edge for edge in edges if edge <= count]
    fitting = [edge for edge in lows if at_most is None or edge <= at_most]
    if not fitting:
        return None
    low = fitting[-1]
    following = next((edge for edge in edges if edge > low), None)
    if following is None or low != lows[-1]:
        return f"{low}+"
    return f"{low}-{following - 1}"


def ends(told: str) -> tuple[int, float]:
    """The smallest and the largest count that a band may stand for."""
    if told.endswith("+"):
        return int(told[:-1]), np.inf
    low, _, high = told.partition("-")
    return int(low), float(high)


def of_cells(number: int) -> int | None:
    """How high the lower end of a place of so many cells may be; None: as high as it is."""
    return None if number == 1 else (K - 1) * (number - 1)


def most(counts: Ints, hidden: NDArray[np.bool_], fewest: int = K) -> float:
    """The highest lower end of a sum of cells by which no hidden one must hold anything.

    That is what the others hold, less than `fewest` each where they are hidden, too: so it holds
    for whoever knows all that is told of exactly.
    """
    if not hidden.any():
        return np.inf
    return float(counts[~hidden].sum() + (fewest - 1) * (hidden.sum() - 1))


def too_few(counts: Ints, parts: Ints) -> NDArray[np.bool_]:
    """Which places nothing is told of; `parts` are the fine cells that each consists of."""
    limits = np.where(parts == 1, np.inf, (K - 1) * (parts - 1))
    return np.asarray(np.minimum(counts, limits) < K)


def floored(count: float, step: int = STEP) -> int:
    """A count of a whole scope, down to a five."""
    return int(count // step * step)


def rounded(counts: Floats) -> Ints:
    """Numbers to the nearest five."""
    return np.asarray(STEP * np.floor(counts / STEP + 0.5), np.int64)


def two_digits(value: float) -> float:
    """To two significant digits."""
    return float(f"{value:.2g}")


def came_and_went(now: Pairs, before: Pairs, places: int) -> Ints:
    """How many reporters each place has that it had not, or had and has no more.

    Pairs are of a place's position and a reporter, each once.
    """
    lowest = min(reporters.min(initial=0) for _, reporters in (now, before))
    place, who = (np.concatenate(columns) for columns in zip(now, before, strict=True))
    place, who = ordered(place, who - lowest)
    ends = changed(place, who)
    return np.bincount(place[ends[np.diff(ends, prepend=-1) == 1]], minlength=places)
