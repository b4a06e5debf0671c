"""What may be said of counts: rounded down to fives, and nothing of fewer than five.

Whoever knows the rules must not be able to work out that one to four reporters stand somewhere:
not from one figure, and not from what an area and its parts differ by.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STEP = 5
"""Figures are multiples of this, and the least that is told; a hidden count is below it."""

Floats = NDArray[np.float64]


def floored(counts: Floats) -> Floats:
    """Rounded down to fives; 0 is all that is told of fewer."""
    return np.asarray(np.floor(counts / STEP) * STEP)


def at_most(floor: Floats) -> Floats:
    """The most that a rounded count can stand for."""
    return floor + (STEP - 1)


def shown(floor: float) -> int | None:
    """A figure as answers have it: none for fewer than five."""
    return int(floor) if floor >= STEP else None


def lowered(whole: Floats, parts: Sequence[Floats], *, hidden: Floats) -> Floats:
    """The rounded figure of a whole, such that its parts betray nobody.

    `whole` and `parts` are counts as they are, `hidden` what of the whole is in no part that is
    told. Where fewer than five are hidden and the figures would prove that somebody is, the whole
    is told lower.
    """
    found = floored(whole)
    most = np.zeros_like(found)
    for part in parts:
        told = floored(part)
        most += np.where(told > 0, at_most(told), 0)
    betrayed = (hidden > 0) & (hidden < STEP) & (found > most)
    return np.asarray(np.where(betrayed, np.minimum(found, floored(most)), found))


def nearest(value: float) -> int:
    """An expected number as it is told: to fives, as it is made of counts of single weeks."""
    return STEP * round(value / STEP)


def band(count: float) -> str:
    """The bands in which hotspots are told, too."""
    for least, name in ((50, "50+"), (20, "20-49"), (10, "10-19"), (STEP, "5-9")):
        if count >= least:
            return name
    return "<5"


def chance(p: float) -> float:
    """A probability to two decimals; what is smaller than can be told is told as 0.01."""
    return max(0.01, round(float(p), 2))
