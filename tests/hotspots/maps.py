"""Made-up maps of hexagons with a known truth."""

import datetime as dt
from functools import cache

import h3.api.numpy_int as h3
import numpy as np

from api.hotspots.analysis import Area, Table, analyse, area_of
from api.hotspots.counting import Incidents
from geo.grid import Cells, Ints

AS_OF = dt.date(2026, 11, 22)
LAST = AS_OF.toordinal()


def disc(rings: int, resolution: int = 9) -> Cells:
    """The cells within so many rings of a place in Hà Nội, in order."""
    return np.unique(h3.grid_disk(h3.latlng_to_cell(21.03, 105.85, resolution), rings))


@cache
def round_area(rings: int, resolution: int = 9) -> Area:
    """An area of 1 + 3 * rings * (rings + 1) cells."""
    return area_of(disc(rings, resolution))


def reports(
    cells: Cells, days: Ints | int = LAST, reporters: Ints | int | None = None
) -> Incidents:
    """A report in each of `cells`, by reporters of their own unless it is said whose they are."""
    n = len(cells)
    who = np.arange(n) + 1_000_000 if reporters is None else reporters
    return Incidents(cells, np.broadcast_to(days, n), np.broadcast_to(who, n))


def together(*parts: Incidents) -> Incidents:
    """All of them; reporters who have a number keep it."""
    return Incidents(
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.reporters for part in parts]),
    )


def by_chance(
    rng: np.random.Generator, area: Area, n: int, days: int = 28, risk: float = 1.0
) -> Incidents:
    """So many reports anywhere, at any time of so many days.

    With a `risk` the neighbourhood of the area's middle cell has so many times its share.
    """
    share = np.ones(len(area.cells))
    share[ring(area)] *= risk
    at = rng.choice(len(share), n, p=share / share.sum())
    return reports(area.cells[at], LAST - rng.integers(0, days, n))


def ring(area: Area) -> Ints:
    """The positions of the neighbourhood of the area's middle cell."""
    middle = h3.latlng_to_cell(21.03, 105.85, h3.get_resolution(int(area.cells[0])))
    members = area.neighbourhoods.members[np.searchsorted(area.cells, np.uint64(middle))]
    return np.asarray(members[members < len(area.cells)], np.int64)


def table(incidents: Incidents, area: Area, window: int = 28, floor_to: int = 1) -> Table:
    """The analysis as of the maps' last day."""
    return analyse(incidents, area, as_of=AS_OF, window=window, floor_to=floor_to)
