"""The whole table of an area, a window and a day: the one place that makes it.

The service and `tinbao hotspots rank` both ask here. What the columns mean: docs/hotspots.md.
"""

import datetime as dt
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from api.hotspots import ranking
from api.hotspots.counting import Arranged, Incidents, arranged, ordered, reporters_around
from api.hotspots.gi_star import gi_star, moments
from api.hotspots.patterns import FEWEST_STEPS, STEP_DAYS, STEPS, Pattern, Steps, classify
from api.hotspots.significance import LEVEL, REPORTERS, adjusted, at_least
from geo import grid
from geo.grid import Cells, Floats, Ints, Neighbourhoods

METHOD = "tinbao-hotspots"
VERSION = "2"
"""Raised with every change that changes a number."""

BEFORE = {7: 56, 28: 364, 90: 364}
"""A window in days, and the days before it that it is compared with."""

INSISTENT = 3
"""No flag hangs on so many reporters who report again and again in one place."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Area:
    """The cells of an area in order, and how they lie. Good for any number of analyses."""

    cells: Cells
    centres: Floats
    neighbourhoods: Neighbourhoods


@dataclass(frozen=True)
class Table:
    """A row for every cell of the area, in the order of the cells.

    A neighbourhood is a cell and those of the six round it that are of the area.
    """

    cells: Cells
    score: Floats
    counts: Ints
    """In the cell, in the window."""
    around: Ints
    """In the neighbourhood, in the window."""
    reporters: Ints
    """Different ones, in the neighbourhood, in the window."""
    expected: Floats
    """In the neighbourhood, had the window's reports fallen evenly over the cells."""
    p: Floats
    q: Floats
    is_hotspot: Flags
    p_emergence: Floats
    q_emergence: Floats
    is_rising: Flags
    gi_z: Floats
    pattern: NDArray[np.str_]


@dataclass(frozen=True)
class Rounding:
    """Counts as the tests may know them: `low` and `high` are the ends of bands of equal width.

    With a width of 1 both are the count itself.
    """

    width: int

    def low(self, counts: Ints) -> Ints:
        """The smallest count of the band."""
        return counts // self.width * self.width

    def high(self, counts: Ints) -> Ints:
        """The largest count of the band."""
        return self.low(counts) + (self.width - 1)


@dataclass(frozen=True)
class Found:
    """Incidents that count, a row each."""

    at: Ints
    """Positions of their cells in the area."""
    reporters: Ints
    repeated: Flags

    def only(self, rows: Flags | slice) -> "Found":
        """These rows."""
        return Found(self.at[rows], self.reporters[rows], self.repeated[rows])


@dataclass(frozen=True)
class Counts:
    """What counts in a span of days, cell by cell and by neighbourhood."""

    cells: Ints
    around: Ints
    reporters: Ints
    voices: Ints
    """Reporters, without up to `INSISTENT` of those who repeat themselves."""

    @property
    def total(self) -> Ints:
        """In all cells."""
        return np.asarray(self.cells.sum(axis=0))


def area_of(cells: Cells) -> Area:
    """The area that consists of these cells, which are in order."""
    return Area(cells, grid.centres(cells), grid.neighbourhoods(cells))


def analyse(
    incidents: Incidents | Arranged,
    area: Area,
    *,
    as_of: dt.date,
    window: int,
    floor_to: int = 1,
) -> Table:
    """Count, rank and test. `window` is in days and ends with `as_of`.

    Incidents outside the area or after `as_of` are left out; all before is history. With
    `floor_to` the tests know counts only in bands of that width, and take whichever end of a band
    makes a flag harder. `score`, `counts`, `around` and `reporters` are exact even then.
    """
    last, rounding = as_of.toordinal(), Rounding(floor_to)
    sent = incidents if isinstance(incidents, Arranged) else arranged(incidents)
    sent = sent.only((sent.within(area.cells) >= 0) & (sent.days <= last))
    kept = sent.counted(last=last, days=window)
    ages = last - kept.days
    found = Found(grid.positions(area.cells, kept.cells), kept.reporters, kept.repeated)

    now = count(found.only(ages < window), area)
    before = count(found.only((ages >= window) & (ages < window + BEFORE[window])), area)
    decayed = np.bincount(found.at, ranking.weights(ages), len(area.cells)).astype(float)
    p = concentration(now, now.around, area, rounding)
    p_emergence = emergence(now, now.around, before, rounding)
    enough = rounding.low(now.reporters) >= REPORTERS
    return Table(
        cells=area.cells,
        score=ranking.scores(decayed, area.centres),
        counts=now.cells,
        around=now.around,
        reporters=now.reporters,
        expected=rounding.high(now.total) * share_of(area),
        p=p,
        q=adjusted(p),
        is_hotspot=enough & stands(p, concentration(now, now.voices, area, rounding)),
        p_emergence=p_emergence,
        q_emergence=adjusted(p_emergence),
        is_rising=enough & stands(p_emergence, emergence(now, now.voices, before, rounding)),
        gi_z=gi_star_of(now.cells, now.around, area, rounding),
        pattern=patterns_of(sent, area, last, rounding),
    )


def count(found: Found, area: Area) -> Counts:
    """What these rows hold."""
    cells = np.bincount(found.at, minlength=len(area.cells)).astype(np.int64)
    near, again = area.neighbourhoods, found.repeated
    reporters = reporters_around(found.at, found.reporters, near)
    insistent = reporters_around(found.at[again], found.reporters[again], near)
    voices = reporters - np.minimum(insistent, INSISTENT)
    return Counts(cells, near.sums(cells), reporters, voices)


def share_of(area: Area) -> Floats:
    """The share of the area's cells that each neighbourhood is."""
    return area.neighbourhoods.sizes / max(len(area.cells), 1)


def concentration(now: Counts, found: Ints, area: Area, rounding: Rounding) -> Floats:
    """The chance of so many in a neighbourhood, had the area's reports fallen evenly."""
    return at_least(rounding.low(found), rounding.high(now.total), share_of(area))


def emergence(now: Counts, found: Ints, before: Counts, rounding: Rounding) -> Floats:
    """The chance of so many in the window, had the neighbourhood kept its share of the area.

    Of the neighbourhood's reports, then and now, each is of the window with the same chance as
    any report of the area.
    """
    found, earlier = rounding.low(found), rounding.high(before.around)
    total = rounding.high(now.total)
    both = total + rounding.low(before.total)
    return at_least(found, found + earlier, total / np.maximum(both, 1))


def stands(p: Floats, of_voices: Floats) -> Flags:
    """Whether it is significant, and still is when only voices count.

    A reporter counts once in a place, but a neighbourhood may touch up to three of them; and where
    there are few reports, three who insist and two by chance would be five.
    """
    flagged = adjusted(p) <= LEVEL
    if flagged.any() and not np.array_equal(p, of_voices):
        flagged &= adjusted(of_voices) <= LEVEL
    return flagged


def gi_star_of(cells: Ints, around: Ints, area: Area, rounding: Rounding) -> Floats:
    """Gi* of the counts. From banded ones the spread is at least that of complete chance."""
    mean, deviation = moments(cells)
    if rounding.width > 1:
        mean = float(rounding.high(cells.sum())) / max(len(cells), 1)
        deviation = max(moments(rounding.low(cells))[1], mean**0.5)
    return gi_star(rounding.low(around), area.neighbourhoods.sizes, mean=mean, deviation=deviation)


def patterns_of(sent: Arranged, area: Area, last: int, rounding: Rounding) -> NDArray[np.str_]:
    """What the last twelve weeks say of each cell, or as many as passed since the first report."""
    history = last - sent.days.min(initial=last) + 1
    steps = min(STEPS, int(history) // STEP_DAYS)
    if steps < FEWEST_STEPS:
        return np.full(len(area.cells), Pattern.NONE.value)
    weeks = [count(week, area) for week in weekly(sent, area, last, steps)]
    found = np.stack([rounding.low(week.voices) for week in weeks], axis=1)
    most = np.stack([rounding.high(week.around) for week in weeks], axis=1)
    totals = np.array([week.total for week in weeks])
    q = adjusted(at_least(found, rounding.high(totals), share_of(area)[:, None]))
    z = np.stack([gi_star_of(week.cells, week.around, area, rounding) for week in weeks], axis=1)
    hot = (q <= LEVEL) & (found >= REPORTERS)
    return classify(Steps(hot, z, found, most, rounding.low(totals), rounding.high(totals)))


def weekly(sent: Arranged, area: Area, last: int, steps: int) -> list[Found]:
    """What counts in each of so many weeks up to a day, the oldest first."""
    told = sent.only(last - sent.days < steps * STEP_DAYS)
    ends = told.latest(last=last, days=STEP_DAYS)
    week, at, who, repeated = ordered(
        steps - 1 - (last - told.days[ends]) // STEP_DAYS,
        told.within(area.cells)[ends],
        told.reporters[ends] - told.reporters.min(initial=0),
        (np.diff(ends, prepend=-1) > 1).astype(np.int64),
    )
    found = Found(at, who, repeated > 0)
    starts = np.searchsorted(week, np.arange(steps + 1)).tolist()
    return [found.only(slice(*span)) for span in pairwise(starts)]
