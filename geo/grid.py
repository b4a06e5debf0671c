"""Hexagonal cells (H3) that places are counted in.

A cell is an unsigned 64-bit number; as text it is H3's hexadecimal name. A cell belongs to an area
when its centre lies in it. Coordinates are degrees, EPSG:4326, longitude first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import h3.api.numpy_int as h3
import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = TypeVar("Number", np.uint64, np.int64)

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the earth (IUGG)."""

METRES_PER_DEGREE = np.pi / 180 * EARTH_RADIUS_M

FINEST = 15
"""H3 stores one digit of three bits for each of so many resolutions."""

RING = 7
"""A cell and the six round it."""


@dataclass(frozen=True)
class Neighbourhoods:
    """Each cell with the cells round it, as far as they are among the given ones.

    A row holds the positions of a neighbourhood's cells, its own first; the number of cells stands
    where there is no such neighbour.
    """

    members: NDArray[np.int32]

    @property
    def sizes(self) -> Ints:
        """How many cells each neighbourhood has, itself included."""
        return np.asarray((self.members < len(self.members)).sum(axis=1), np.int64)

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """What each neighbourhood holds, given what each cell holds (a row for each cell)."""
        padded = np.concatenate([values, np.zeros_like(values[:1])], axis=0, dtype=values.dtype)
        if not len(values):
            return padded
        return np.asarray(sum(padded[self.members[:, each]] for each in range(RING)))


def mean_area(resolution: int) -> float:
    """Of a cell, in square metres."""
    return float(h3.average_hexagon_area(resolution, "m^2"))


def cells_of(area: Any, resolution: int) -> Cells:
    """The cells whose centre lies in the area, in order; where there is none, those it touches.

    `area` is a polygon or multipolygon: a GeoJSON geometry or anything that offers itself as one.
    """
    found = h3.geo_to_cells(area, resolution)
    if not len(found):
        shape = h3.geo_to_h3shape(area)
        found = h3.h3shape_to_cells_experimental(shape, resolution, contain="overlap")
    return in_order(np.asarray(found, np.uint64))


def cells_at(
    lon: Sequence[float] | Floats, lat: Sequence[float] | Floats, resolution: int
) -> Cells:
    """The cell of each point."""
    find = h3.latlng_to_cell
    points = zip(np.asarray(lat).tolist(), np.asarray(lon).tolist(), strict=True)
    return np.fromiter((find(*point, resolution) for point in points), np.uint64, len(lon))


def parents(cells: Cells, resolution: int) -> Cells:
    """The coarser cells these belong to; of the same resolution, themselves."""
    finer = np.uint64((1 << 3 * (FINEST - resolution)) - 1)
    level = np.uint64(resolution << 52)
    return np.asarray((cells & ~np.uint64(0xF << 52)) | level | finer, np.uint64)


def centres(cells: Cells) -> Floats:
    """Longitude and latitude of each cell's centre, a row each."""
    numbers = chain.from_iterable(map(h3.cell_to_latlng, cells.tolist()))
    return np.fromiter(numbers, np.float64, 2 * len(cells)).reshape(-1, 2)[:, ::-1]


def neighbourhoods(cells: Cells) -> Neighbourhoods:
    """Each cell with those of its first ring that are among `cells`, which are in order."""
    missing = len(cells)
    rings = np.zeros((missing, RING), np.uint64)
    for row, cell in enumerate(cells.tolist()):
        ring = h3.grid_disk(cell, 1)
        rings[row, : len(ring)] = ring
        rings[row, len(ring) :] = 0
    at = positions(cells, rings.reshape(-1)).reshape(rings.shape)
    at = np.where(at < 0, missing, at).astype(np.int32)
    own = np.arange(missing, dtype=np.int32)[:, None]
    others = np.sort(np.where(at == own, missing, at), axis=1)[:, : RING - 1]
    return Neighbourhoods(np.concatenate([own, others], axis=1))


def positions(cells: Cells, wanted: Cells) -> Ints:
    """Where each wanted cell stands among `cells`, which are in order; -1 where it does not."""
    if not len(cells):
        return np.full(len(wanted), -1, np.int64)
    at = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
    return np.where(cells[at] == wanted, at, -1)


def in_order(values: NDArray[Number]) -> NDArray[Number]:
    """The different values in order. (NumPy's own `unique` hashes them, which takes far longer.)"""
    return distinct(np.sort(values))[0]


def distinct(values: NDArray[Number]) -> tuple[NDArray[Number], Ints]:
    """The different values in order, and where each value stands among them.

    Quick where the values are in order, as the parents of cells in order are.
    """
    if not len(values):
        return values, np.zeros(0, np.int64)
    new = values[1:] != values[:-1]
    if (values[1:] >= values[:-1]).all():
        first = np.concatenate([[0], np.flatnonzero(new) + 1])
        return values[first], np.concatenate([[0], np.cumsum(new)]).astype(np.int64)
    found, where = np.unique(values, return_inverse=True)
    return found, np.asarray(where, np.int64)


def names(cells: Cells) -> list[str]:
    """H3's hexadecimal names."""
    return [f"{cell:x}" for cell in cells.tolist()]


def outline(cell: int) -> list[list[float]]:
    """A cell's border as a closed ring, counter-clockwise."""
    ring = [[lon, lat] for lat, lon in h3.cell_to_boundary(cell)]
    return [*ring, ring[0]]


def polygons_in(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The polygons and multipolygons of a GeoJSON document, whatever they are wrapped in."""
    match document.get("type"):
        case "Polygon" | "MultiPolygon":
            return [document]
        case "Feature":
            return polygons_in(document.get("geometry") or {})
        case "FeatureCollection":
            inside = document.get("features") or []
        case "GeometryCollection":
            inside = document.get("geometries") or []
        case _:
            return []
    return [each for part in inside if isinstance(part, Mapping) for each in polygons_in(part)]
