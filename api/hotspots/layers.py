"""A layer: the cells of a province or the country with all that is known of them, not yet told."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from api.hotspots import suppression
from api.hotspots.analysis import Area, Table, analyse, area_of
from api.hotspots.counting import changed, numbered, ordered
from api.hotspots.groups import Group
from api.hotspots.reading import Reports
from api.hotspots.suppression import K
from geo import grid
from geo.atlas import Atlas
from geo.cell_map import NOWHERE, CellMap
from geo.grid import Ints

FINE, COARSE = 8, 7
ENOUGH_SHOWN = 0.5
"""Fine cells are told of where they hold so much of the reports; else coarser ones."""


@dataclass(frozen=True)
class Land:
    """A province's cells (or the country's), at the resolutions that are told of."""

    atlas: Atlas
    fine: CellMap
    areas: Mapping[int, Area]
    wards: Mapping[int, NDArray[np.int32]]
    """By resolution: the position of each cell's ward."""

    def parts(self, resolution: int) -> Ints:
        """How many fine cells each cell consists of."""
        cells = self.areas[resolution].cells
        if resolution == FINE:
            return np.ones(len(cells), np.int64)
        at = grid.positions(cells, grid.parents(self.fine.cells, resolution))
        return np.bincount(at[at >= 0], minlength=len(cells)).astype(np.int64)

    @cached_property
    def cells_of_wards(self) -> Ints:
        """How many cells each ward touches, at the resolution at which these are fewest."""
        coarse = numbered(grid.parents(self.fine.cells, COARSE))
        ward, cell = ordered(self.fine.wards.astype(np.int64), coarse)
        return np.bincount(ward[changed(ward, cell)], minlength=len(self.atlas.codes))


def land_of(atlas: Atlas, fine: CellMap, resolutions: Sequence[int] = (FINE, COARSE)) -> Land:
    """The land that these cells are."""
    areas, wards = {}, {}
    for resolution in resolutions:
        cells = grid.distinct(grid.parents(fine.cells, resolution))[0]
        areas[resolution] = area_of(cells)
        wards[resolution] = wards_of(atlas, fine, areas[resolution], resolution)
    return Land(atlas, fine, areas, wards)


def wards_of(atlas: Atlas, fine: CellMap, area: Area, resolution: int) -> NDArray[np.int32]:
    """The ward of each cell: that of its centre, or of a part of it where that is elsewhere."""
    first = np.searchsorted(grid.parents(fine.cells, resolution), area.cells)
    own = fine.wards[np.minimum(first, len(fine.wards) - 1)]
    if resolution == FINE:
        return own
    lons, lats = area.centres.T
    found = atlas.index.wards_at(np.ascontiguousarray(lons), np.ascontiguousarray(lats))
    known = np.isin(found, fine.wards)
    return np.where(known & (found != NOWHERE), found, own).astype(np.int32)


@dataclass(frozen=True)
class Question:
    """Which layer it is."""

    scope: str
    days: int
    group: Group
    as_of: dt.date

    @property
    def last(self) -> int:
        """The window's last day."""
        return self.as_of.toordinal()


@dataclass(frozen=True)
class Layer:
    """A province's (or the country's) layer, before it is cut to a scope."""

    land: Land
    reports: Reports
    """Of the group."""
    wards: NDArray[np.int32]
    """The position of each report's ward."""
    asked: Question
    resolution: int
    table: Table

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self.table.cells)

    @cached_property
    def of_cells(self) -> NDArray[np.int32]:
        """The ward of each cell."""
        return self.land.wards[self.resolution]

    def codes(self, at: Ints) -> list[str]:
        """The codes of the wards of these cells."""
        return [self.land.atlas.codes[ward] for ward in self.of_cells[at].tolist()]

    @cached_property
    def in_window(self) -> NDArray[np.bool_]:
        """Which reports are of the window."""
        age = self.asked.last - self.reports.days
        return np.asarray((age >= 0) & (age < self.asked.days))

    def limit(self, mine: NDArray[np.bool_], bands: Mapping[int, str]) -> float:
        """How high a lower end may be that is told of these cells together.

        Whichever of them are hidden, none is forced by it to hold anything: neither as the cells
        are told of here nor as another window may tell of them.
        """
        hidden = ~np.isin(np.arange(self.cells), list(bands))
        limits = [suppression.most(self.table.counts[mine], hidden[mine])]
        wards = np.unique(self.of_cells[mine])
        for resolution in self.land.areas.keys() - {self.resolution}:
            here = np.isin(self.land.wards[resolution], wards)
            counts, parts = self.count(resolution)[here], self.land.parts(resolution)[here]
            limits.append(suppression.most(counts, suppression.too_few(counts, parts)))
        return min(limits)

    def neighbourhoods_open(self, bands: Mapping[int, str]) -> NDArray[np.bool_]:
        """Of which neighbourhoods more may be told: no hidden cell must then hold anything."""
        shown = np.isin(np.arange(self.cells), list(bands))
        near = self.land.areas[self.resolution].neighbourhoods
        hidden = near.sums((~shown).astype(np.int64))
        others = near.sums(np.where(shown, self.table.counts, 0)) + (K - 1) * (hidden - 1)
        return np.asarray((self.table.around // K * K <= others) | (hidden == 0))

    def count(self, resolution: int) -> Ints:
        """What each cell of a resolution holds in the window."""
        at, _ = self.counting(resolution, self.asked.last)
        cells = len(self.land.areas[resolution].cells)
        return np.bincount(at, minlength=cells).astype(np.int64)

    def pairs(self, last: int) -> suppression.Pairs:
        """Who counts in which cell in the window that ends with a day, each once."""
        return self.counting(self.resolution, last)

    def counting(self, resolution: int, last: int) -> suppression.Pairs:
        """The cells and the reporters that count in the window that ends with a day."""
        sent, days = self.reports.arranged.by(resolution), self.asked.days
        sent = sent.only((sent.days <= last) & (last - sent.days < days))
        ends = sent.latest(last=last, days=days)
        at = sent.within(self.land.areas[resolution].cells)[ends]
        return at[at >= 0], sent.reporters[ends][at >= 0]


@dataclass(frozen=True)
class Before:
    """What the layer of an earlier day told of cells."""

    resolution: int | None
    last: int
    bands: Mapping[str, str]
    since: Mapping[str, int]


def layer_of(land: Land, reports: Reports, wards: NDArray[np.int32], asked: Question) -> Layer:
    """The layer at the finest resolution that shows enough of the reports."""
    best: tuple[float, int, Table] | None = None
    for resolution, area in land.areas.items():
        sent = reports.arranged.by(resolution)
        table = analyse(sent, area, as_of=asked.as_of, window=asked.days, floor_to=K)
        shown = table.counts[table.counts >= K].sum() / max(table.counts.sum(), 1)
        if best is None or shown > best[0]:
            best = (float(shown), resolution, table)
        if shown >= ENOUGH_SHOWN:
            break
    assert best is not None  # noqa: S101 - there is a resolution
    return Layer(land, reports, wards, asked, best[1], best[2])
