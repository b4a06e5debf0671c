"""What kind of day a day is in Vietnam, and how many reports such days bring.

The calendar's part of what is expected: a factor for each weekday, one for public holidays and one
for each stretch of days round Tết, wherever the moon puts it. A factor that was seen seldom stays
near its prior, and one that was never seen is that prior: no effect, and a wide margin.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.clocks.calendar import public_days

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ORDINARY, HOLIDAY = 0, 1
TET = "Tết Nguyên Đán"
"""What the calendar calls the first day of the first lunar month."""
STRETCHES = ((-14, -8), (-7, -2), (-1, 3), (4, 7), (8, 14))
"""Days from that day, first and last: the rush before it, the feast, and the slow return."""
KINDS = 2 + len(STRETCHES)

WEEKDAY_SPREAD, SPECIAL_SPREAD = 0.2, 0.3
"""How far such factors lie from no effect as a rule: the standard deviations of their priors."""
YEARLY = 0.1
"""How far one year's feast differs from another's, whatever was seen."""
SMOOTH_DAYS = 21
ROUNDS = 8


def tet(year: int) -> dt.date:
    """The first day of the lunar year that begins in a year."""
    return next(day for day, name in public_days(year).off.items() if TET in name.split("; "))


def kinds_of(first: dt.date, count: int, announced: Mapping[dt.date, bool] | None = None) -> Ints:
    """The kind of each of so many days: ordinary, a holiday, or a stretch round Tết.

    `announced` says of single days whether they are worked (see `calendar_days`).
    """
    days = [first + dt.timedelta(n) for n in range(count)]
    found = np.zeros(count, dtype=np.int64)
    for at, day in enumerate(days):
        worked = (announced or {}).get(day, day not in public_days(day.year).off)
        found[at] = ORDINARY if worked else HOLIDAY
    for year in {day.year for day in days}:
        start = (tet(year) - first).days
        for kind, (begin, end) in enumerate(STRETCHES, start=2):
            found[max(start + begin, 0) : max(start + end + 1, 0)] = kind
    return found


def weekdays_of(first: dt.date, count: int) -> Ints:
    """The weekday of each day, Monday being 0."""
    return (first.weekday() + np.arange(count)) % 7


@dataclass(frozen=True)
class Season:
    """Factors of the days, and how unsure those of special days are (relative variances)."""

    weekday: Floats
    special: Floats
    unsure: Floats

    def exposure(self, weekdays: Ints, kinds: Ints) -> Floats:
        """How many ordinary days each day is worth."""
        return self.weekday[weekdays] * self.special[kinds]


FLAT = Season(np.ones(7), np.ones(KINDS), np.zeros(KINDS))


def season_of(counts: Floats, weekdays: Ints, kinds: Ints, prior: Season = FLAT) -> Season:
    """The factors that fit a series of daily counts, drawn towards a prior's.

    Gamma priors on Poisson counts, each factor fitted in turn over a level that moves slowly;
    what varies more than Poisson counts draws less.
    """
    found, dispersion = prior, 1.0
    ordinary = kinds == ORDINARY
    for _ in range(ROUNDS):
        level = smooth(counts) / np.maximum(smooth(found.exposure(weekdays, kinds)), 1e-9)
        weight = dispersion / WEEKDAY_SPREAD**2
        weekday = drawn(
            weekdays[ordinary], counts[ordinary], level[ordinary], prior.weekday, weight
        )
        weekday /= weekday.mean()
        usual = level * weekday[weekdays]
        weight = dispersion / SPECIAL_SPREAD**2
        special = drawn(kinds, counts, usual, prior.special, weight)
        special[ORDINARY] = 1.0
        seen = np.bincount(kinds, weights=usual * special[kinds], minlength=KINDS)
        unsure = np.asarray(dispersion / (weight + seen) + YEARLY**2, dtype=np.float64)
        unsure[ORDINARY] = 0.0
        found = Season(weekday, special, unsure)
        dispersion = dispersion_of(counts, usual * special[kinds])
    return found


def drawn(groups: Ints, counts: Floats, usual: Floats, prior: Floats, weight: float) -> Floats:
    """The factor of each group over what is usual, drawn to the prior by so many counts."""
    seen = np.bincount(groups, weights=counts, minlength=len(prior))
    expected = np.bincount(groups, weights=usual, minlength=len(prior))
    return np.asarray((seen + weight * prior) / (expected + weight))


def leaning(counts: Floats, province: Floats, weekdays: Ints) -> Floats:
    """How wards lean from their province's weekdays: ward by weekday, drawn to 1.

    `counts` is ward by day; `province` is what the province expects of each day.
    """
    of_day = np.eye(7)[weekdays]
    seen = counts @ of_day
    share = counts.sum(axis=1, keepdims=True) / max(province.sum(), 1e-9)
    weight = 1 / WEEKDAY_SPREAD**2
    lean = (seen + weight) / (share * (province @ of_day) + weight)
    return np.asarray(lean / lean.mean(axis=1, keepdims=True))


def smooth(values: Floats) -> Floats:
    """Moving sums with Gaussian weights."""
    reach = 3 * SMOOTH_DAYS
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTH_DAYS) ** 2)
    return np.convolve(values, weights)[reach : reach + len(values)]


def dispersion_of(counts: Floats, expected: Floats) -> float:
    """How much more than Poisson counts they vary, at least 1."""
    return max(1.0, float(np.mean((counts - expected) ** 2 / np.maximum(expected, 0.1))))
