"""Which incidents count: a reporter once per place and time, so that nobody paints a map alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.grid import Cells, Ints, Neighbourhoods, parents

PLACE_RESOLUTION = 7
"""H3 resolution of the places in which a reporter counts once: about 5 square kilometres."""


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
    incidents = incidents.only(np.lexsort((incidents.days, incidents.cells)))
    where = numbered(parents(incidents.cells, PLACE_RESOLUTION))
    when = (last - incidents.days) // days
    who = numbered(incidents.reporters)
    whose = (who * (where.max(initial=0) + 1) + where) * (when.max(initial=0) + 1) + when
    order = np.argsort(incidents.days, kind="stable")
    order = order[np.argsort(whose[order], kind="stable")]
    latest = np.ones(len(order), bool)
    latest[:-1] = np.diff(whose[order]) != 0
    repeated = np.zeros(len(order), bool)
    repeated[order[latest]] = np.diff(np.flatnonzero(latest), prepend=-1) > 1
    rows = np.sort(order[latest])
    kept = incidents.only(rows)
    return Counted(kept.cells, kept.days, kept.reporters, repeated[rows])


def numbered(values: NDArray[Any]) -> Ints:
    """A number for each value from 0 on, the same for equal ones."""
    return np.asarray(np.unique(values, return_inverse=True)[1], np.int64)


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
