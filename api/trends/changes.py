"""Where there are more reports than usual, or fewer, and how sure that is.

Each series' last 7 and 28 days are held against what was expected before them. Of all wards of a
province and all groups together, no more than `FALSE_SHARE` of what is found is expected to be
chance (Benjamini-Hochberg); on a night when nothing has changed, finding anything at all is as
rare as that. What is counted is reporters, once for each week, so that nobody alone is a rise; and
what is tested is the count as it may be told, rounded to the side that finds less.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.trends import protection, tails
from api.trends.expected import BURN_IN, model_of

Floats = NDArray[np.float64]

FALSE_SHARE = 0.003
"""A change is told of when its q is at most this. Two directions of two families are looked at on
seven nights a week, and a false one should come in fewer than one week of twenty."""
LEAST_REPORTERS = 5
WINDOWS = (1, 4)
"""Weeks."""


@dataclass(frozen=True)
class Tested:
    """The last weeks of some series: how many there were, were expected, and by what chance."""

    weeks: int
    count: Floats
    expected: Floats
    more: Floats
    """The chance of so many or more."""
    fewer: Floats


def windows_of(counts: Floats, exposure: Floats, unsure: Floats) -> list[Tested]:
    """Every window of series that share their days: series by week, the last week is the newest.

    What is expected of a window is a forecast made before it; none where too little is known.
    """
    weeks = counts.shape[1]
    found = []
    for window in WINDOWS:
        begin = weeks - window
        if begin >= BURN_IN:
            before = model_of(counts[:, :begin], exposure[:, :weeks], unsure[:weeks])
            outlook = before.outlook(window)
            count = counts[:, begin:].sum(axis=1)
            mean, variance = outlook.mean[:, begin], outlook.variance[:, begin]
            found.append(tested(window, count, mean, variance))
    return found


def tested(weeks: int, count: Floats, mean: Floats, variance: Floats) -> Tested:
    """Counts against what was expected of them, as both may be told."""
    told = protection.floored(count)
    more = tails.at_least(told, mean, variance)
    return Tested(weeks, count, mean, more, tails.at_most(protection.at_most(told), mean, variance))
