"""Which incidents count: a reporter once per place and time, so that nobody paints a map alone."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo import grid
from geo.grid import Cells, Ints, Neighbourhoods, parents

PLACE_RESOLUTION = 7
"""H3 resolution of the places in which a reporter counts once: about 5 square kilometres."""

DENSE = 32
"""Numbers whose range is at most so many times as long as their list stay what they are."""


@dataclass(frozen=True)
class Incidents:
    """What was reported: a row each.

    `cells` are of one resolution; `days` are ordinals (`datetime.date.toordinal`); equal
    `reporters` are the same reporter.
    """

    cells: Cells
    days: Ints
    reporters: Ints

    def only(self, rows: NDArray[Any]) -> "Incidents":
        """These rows: a mask, or their positions."""
        return Incidents(self.cells[rows], self.days[rows], self.reporters[rows])

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True)
class Counted(Incidents):
    """Incidents that count. `repeated` are those that stand for several of the same reporter."""

    repeated: NDArray[np.bool_]


@dataclass(frozen=True)
class Arranged:
    """Incidents by reporter, place and day: of what one sent from a place, the latest comes last.

    Made once, it is good for every period, and for every resolution not finer than its own.
    """

    names: Cells
    """The different cells, in order."""
    cells: Ints
    """Positions among `names`."""
    days: Ints
    reporters: Ints
    places: Ints

    def only(self, rows: NDArray[np.bool_]) -> "Arranged":
        """These rows."""
        if rows.all():
            return self
        columns = (self.cells, self.days, self.reporters, self.places)
        return Arranged(self.names, *(column[rows] for column in columns))

    def by(self, resolution: int) -> "Arranged":
        """The same by cells of a resolution."""
        names, at = grid.distinct(grid.parents(self.names, resolution))
        return replace(self, names=names, cells=at[self.cells])

    def within(self, cells: Cells) -> Ints:
        """Where the cell of each row stands among these, which are in order; else -1."""
        return grid.positions(cells, self.names)[self.cells]

    def latest(self, *, last: int, days: int) -> NDArray[np.intp]:
        """The rows that count, when time is cut into periods of so many days up to `last`."""
        return changed(self.reporters, self.places, (last - self.days) // days)

    def counted(self, *, last: int, days: int) -> Counted:
        """The incidents that count, by cell and day."""
        ends = self.latest(last=last, days=days)
        first, lowest = self.days.min(initial=last), self.reporters.min(initial=0)
        cell, day, who, times = ordered(
            self.cells[ends],
            self.days[ends] - first,
            self.reporters[ends] - lowest,
            np.diff(ends, prepend=-1),
        )
        return Counted(self.names[cell], day + first, who + lowest, times > 1)


def arranged(incidents: Incidents) -> Arranged:
    """These incidents in order."""
    names, cell = grid.distinct(incidents.cells)
    place = grid.distinct(parents(names, PLACE_RESOLUTION))[1]
    starts = np.searchsorted(place, np.arange(place.max(initial=-1) + 1))
    first, lowest = incidents.days.min(initial=0), incidents.reporters.min(initial=0)
    who, where, day, inside = ordered(
        incidents.reporters - lowest,
        place[cell],
        incidents.days - first,
        cell - starts[place[cell]],
    )
    return Arranged(names, starts[where] + inside, day + first, who + lowest, where)


def counted(incidents: Incidents, *, last: int, days: int) -> Counted:
    """The incidents that count, when time is cut into periods of so many days up to `last`.

    Of what a reporter sent from one place within a period only the latest counts: so a longer
    period that ends on the same day counts no report that a shorter one leaves out. They come
    back by cell and day, so that sums over them do not depend on the order given.
    """
    return arranged(incidents).counted(last=last, days=days)


def ordered(*columns: Ints) -> list[Ints]:
    """The rows of these columns in order: by the first, then by the second and so on.

    None is negative. Numbers that are small enough together are sorted as one, which is faster.
    """
    sizes = [int(column.max(initial=0)) + 1 for column in columns]
    if math.prod(sizes) >= 2**63:
        order = np.lexsort(columns[::-1])
        return [column[order] for column in columns]
    rows = np.zeros(len(columns[0]), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        rows = rows * size + column
    rows.sort()
    found: list[Ints] = []
    for size in reversed(sizes):
        rows, column = np.divmod(rows, size)
        found.append(column)
    return found[::-1]


def changed(*columns: Ints) -> NDArray[np.intp]:
    """The last of each run of equal rows."""
    last = np.ones(len(columns[0]), bool)
    last[:-1] = columns[0][1:] != columns[0][:-1]
    for column in columns[1:]:
        last[:-1] |= column[1:] != column[:-1]
    return np.flatnonzero(last)


def numbered(values: NDArray[Any]) -> Ints:
    """A number for each value from 0 on, the same for equal ones, in their order."""
    if not len(values):
        return np.zeros(0, np.int64)
    low = values.min()
    if int(values.max()) - int(low) < DENSE * len(values):
        return np.asarray(values - low, np.int64)
    return grid.distinct(values)[1]


def different(values: NDArray[Any]) -> int:
    """How many different values there are."""
    return int(np.count_nonzero(np.bincount(numbered(values))))


def reporters_around(at: Ints, reporters: Ints, neighbourhoods: Neighbourhoods) -> Ints:
    """How many different reporters each neighbourhood has; `at` are their cells' positions."""
    missing, who = len(neighbourhoods.members), numbered(reporters)
    often = np.bincount(who)[who] > 1
    once = np.bincount(at[~often], minlength=missing).astype(np.int64)
    reached = neighbourhoods.members[at[often]].astype(np.int64)
    pairs = (who[often][:, None] * (missing + 1) + reached)[reached < missing]
    pairs.sort()
    others = pairs[np.diff(pairs, prepend=-1) != 0] % (missing + 1)
    return np.asarray(neighbourhoods.sums(once) + np.bincount(others, minlength=missing))
