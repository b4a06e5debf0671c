"""Which incidents count: a reporter once per place and time, so that nobody paints a map alone."""

import math
from dataclasses import dataclass
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


def counted(incidents: Incidents, *, last: int, days: int) -> Counted:
    """The incidents that count, when time is cut into periods of so many days up to `last`.

    Of what a reporter sent from one place within a period only the latest counts: so a longer
    period that ends on the same day counts no report that a shorter one leaves out. They come
    back by cell and day, so that sums over them do not depend on the order given.
    """
    if not len(incidents):
        return Counted(incidents.cells, incidents.days, incidents.reporters, np.zeros(0, bool))
    cells, cell = grid.distinct(incidents.cells)
    first, lowest = incidents.days.min(), incidents.reporters.min()
    who, where, day, cell = ordered(
        incidents.reporters - lowest,
        numbered(parents(cells, PLACE_RESOLUTION))[cell],
        incidents.days - first,
        cell,
    )
    ends = changed(who, where, (last - first - day) // days)
    times = np.diff(ends, prepend=-1)
    cell, day, who, times = ordered(cell[ends], day[ends], who[ends], times)
    return Counted(cells[cell], day + first, who + lowest, times > 1)


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
    last[:-1] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
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
