"""The wards of an edition in plain arrays, which may be a file that all processes share."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.borders import Arrays, Borders, Geometries, outline
from geo.cells import Cells
from geo.packing import pack_cells
from geo.plane import Floats
from geo.small_discs import parts_of
from geo.ward_index import NOWHERE

SMALLEST_SHARE = 1e-9
"""Parts of a disc below this are rounding noise."""
SMALLEST_M = 1e-3
"""A smaller disc is taken for this one: that near, doubles are about as fine, and squares of much
smaller numbers are nothing at all."""


class PackedIndex:
    """A `WardIndex` of the arrays that `pack` makes. Holds nothing else."""

    def __init__(self, arrays: Arrays) -> None:
        wards, gaps = _part(arrays, "wards"), _part(arrays, "gaps")
        self._cells = Cells(wards, wards["xy"])
        self._borders = Borders(wards)
        self._gaps = Cells(gaps, gaps["xy"])
        self._ceding: NDArray[np.int64] = arrays["ceding"]
        self._cedes = frozenset(self._ceding.tolist())
        self._ceded = Borders(_part(arrays, "ceded"))

    @classmethod
    def of(
        cls,
        wards: Sequence[shapely.Geometry] | Geometries,
        gaps: Sequence[shapely.Geometry] | Geometries = (),
        overlaps: Sequence[tuple[int, int]] | None = None,
    ) -> Self:
        """An index in this process's memory, of what `pack` takes."""
        return cls(pack(wards, gaps, overlaps))

    def ward_at(self, lon: float, lat: float) -> int:
        """The first ward that covers the point, or -1."""
        return self._cells.first(lon, lat)

    def wards_at(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        """`ward_at` of many points at once."""
        return self._cells.many(lons, lats)

    def covering(self, lon: float, lat: float) -> list[int]:
        """Every ward that covers the point, in order."""
        return self._cells.every(lon, lat)

    def shares(
        self, lon: float, lat: float, radius_m: float, covering: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """Which part of the disc lies in which ward, in order of the wards.

        `covering` is what the method of that name says, where it has been asked already.
        """
        known = self.covering(lon, lat) if covering is None else covering
        radius_m = max(radius_m, SMALLEST_M)
        parts = parts_of(self._cells, lon, lat, radius_m, known, self._cedes)
        if parts is not None:
            found = ((ward, min(part, 1.0)) for ward, part in sorted(parts.items()))
            return [(ward, part) for ward, part in found if part > SMALLEST_SHARE]
        wards, areas = self._borders.disc(lon, lat, radius_m)
        lands, ceded = self._ceded.disc(lon, lat, radius_m)
        areas[np.searchsorted(wards, self._ceding[lands])] -= ceded
        of_disc = np.clip(areas / (np.pi * radius_m**2), 0.0, 1.0)
        kept = of_disc > SMALLEST_SHARE
        return list(zip(wards[kept].tolist(), of_disc[kept].tolist(), strict=True))

    def distance_to_border_m(
        self, ward: int, lon: float, lat: float, limit: float = 500
    ) -> float | None:
        """Metres to the border of a ward, holes included; None beyond `limit`."""
        return self._cells.border_within(ward, lon, lat, limit)

    def nearest(self, lon: float, lat: float, within_m: float) -> list[tuple[int, float]]:
        """Wards within so many metres and how far they are, nearest first; of equals the first."""
        covering = self.covering(lon, lat)
        others = self._borders.nearest(lon, lat, within_m)
        return [(ward, 0.0) for ward in covering] + [
            (ward, metres) for ward, metres in others if ward not in covering
        ]

    def in_gap(self, lon: float, lat: float) -> bool:
        """Whether the point is in an enclosed hole of the coverage."""
        return self._gaps.first(lon, lat) != NOWHERE


def pack(
    wards: Sequence[shapely.Geometry] | Geometries,
    gaps: Sequence[shapely.Geometry] | Geometries = (),
    overlaps: Sequence[tuple[int, int]] | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of `PackedIndex`.

    `wards` are valid (multi)polygons in order of their codes; `gaps` the enclosed holes between
    them. `overlaps` are all pairs of positions that claim the same land; without it every pair of
    neighbours is tried, which takes a millisecond or two each.
    """
    shapes = np.array(wards, dtype=np.object_)
    ceding, ceded = _ceded(shapes, _neighbours(shapes) if overlaps is None else overlaps)
    packed: dict[str, NDArray[Any]] = {"ceding": ceding}
    for name, areas in (("wards", shapes), ("gaps", np.array(gaps, dtype=np.object_))):
        part = outline(areas)
        part |= pack_cells(part["xy"], part["ring_ends"], part["ring_owner"], len(areas))
        packed |= {f"{name}.{key}": array for key, array in part.items()}
    return packed | {f"ceded.{key}": array for key, array in outline(ceded).items()}


def _part(arrays: Arrays, name: str) -> Arrays:
    prefix = name + "."
    return {key[len(prefix) :]: array for key, array in arrays.items() if key.startswith(prefix)}


def _neighbours(wards: Geometries) -> list[tuple[int, int]]:
    one, other = shapely.STRtree(wards).query(wards)
    return [(int(a), int(b)) for a, b in zip(one, other, strict=True) if a < b]


def _ceded(
    wards: Geometries, overlaps: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], Geometries]:
    """Which wards claim land of an earlier one, in order, and that land."""
    lost: dict[int, list[shapely.Geometry]] = {}
    for one, other in overlaps:
        first, later = sorted((one, other))
        shared = shapely.intersection(wards[first], wards[later])
        if shapely.area(shared) > 0:
            parts = shapely.get_parts(shared)
            lost.setdefault(later, []).extend(parts[shapely.area(parts) > 0])
    ceding = sorted(lost)
    land = [shapely.union_all(lost[ward]) for ward in ceding]
    return np.array(ceding, dtype=np.int64), np.array(land, dtype=np.object_)
