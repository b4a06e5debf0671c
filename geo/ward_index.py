"""Which wards a point, or a disc round it, lies in.

Wards are known by their position in the order of their codes, so the lowest position is the lowest
code. Polygons are closed: a point on a border belongs to every ward it borders. Degrees, EPSG:4326,
longitude first; lengths in metres on the ellipsoid.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from geo.borders import Borders, Geometries
from geo.plane import Floats

NOWHERE = -1
"""The position of a point that no ward covers."""

SMALLEST_SHARE = 1e-9
"""Parts of a disc below this are rounding noise."""


class WardIndex(Protocol):
    """The wards of one edition, without their names. Never changes; safe in many threads."""

    def ward_at(self, lon: float, lat: float) -> int:
        """The first ward that covers the point, or -1."""

    def wards_at(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        """`ward_at` of many points at once."""

    def covering(self, lon: float, lat: float) -> list[int]:
        """Every ward that covers the point, in order: several on borders and overlaps."""

    def shares(self, lon: float, lat: float, radius_m: float) -> list[tuple[int, float]]:
        """Which part of the disc lies in which ward, in order of the wards.

        An overlap counts once, for the first ward. Radius up to 100 km. The sum is less than 1
        where the disc reaches beyond the wards.
        """

    def distance_to_border_m(
        self, ward: int, lon: float, lat: float, limit: float = 500
    ) -> float | None:
        """Metres to the border of a ward, holes included; None beyond `limit`."""

    def nearest(self, lon: float, lat: float, within_m: float) -> list[tuple[int, float]]:
        """Wards within so many metres and how far they are, nearest first; of equals the first.

        Up to 22 km. A ward that covers the point is 0 metres away.
        """

    def in_gap(self, lon: float, lat: float) -> bool:
        """Whether the point is in an enclosed hole of the coverage."""


class StrTreeIndex:
    """A tree of boxes, prepared polygons with their original coordinates, and their borders.

    `wards` are valid (multi)polygons in order of their codes; `gaps` the enclosed holes between
    them. `overlaps` are all pairs of positions that claim the same land; without it every pair of
    neighbours is tried, which takes a millisecond or two each.
    """

    def __init__(
        self,
        wards: Sequence[shapely.Geometry] | Geometries,
        gaps: Sequence[shapely.Geometry] | Geometries = (),
        overlaps: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        self._wards = np.array(wards, dtype=np.object_)
        self._tree = STRtree(self._wards)
        self._gaps = np.array(gaps, dtype=np.object_)
        self._gap_tree = STRtree(self._gaps)
        for polygons in (self._wards, self._gaps):
            _prepare(polygons)
        self._borders = Borders(self._wards)
        if overlaps is None:
            overlaps = _neighbours(self._wards)
        self._ceding, ceded = _ceded(self._wards, overlaps)
        self._cedes = frozenset(self._ceding.tolist())
        self._ceded = Borders(ceded)

    def ward_at(self, lon: float, lat: float) -> int:
        found = self._covering(lon, lat)
        return int(found.min()) if len(found) else NOWHERE

    def wards_at(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        point, ward = self._tree.query(shapely.points(lons, lats))
        covers = shapely.intersects_xy(self._wards[ward], lons[point], lats[point])
        found = np.full(len(lons), len(self._wards), dtype=np.int32)
        np.minimum.at(found, point[covers], ward[covers].astype(np.int32))
        found[found == len(self._wards)] = NOWHERE
        return found

    def covering(self, lon: float, lat: float) -> list[int]:
        return sorted(self._covering(lon, lat).tolist())

    def _covering(self, lon: float, lat: float) -> NDArray[np.int64]:
        near = self._tree.query(shapely.Point(lon, lat))
        return np.asarray(near[shapely.intersects_xy(self._wards[near], lon, lat)])

    def shares(self, lon: float, lat: float, radius_m: float) -> list[tuple[int, float]]:
        ward = self.ward_at(lon, lat)
        if ward != NOWHERE and ward not in self._cedes:
            border_m = self._borders.distance(ward, lon, lat, radius_m * 1.01)
            if border_m is None:
                return [(ward, 1.0)]
        wards, areas = self._borders.disc(lon, lat, radius_m)
        lands, ceded = self._ceded.disc(lon, lat, radius_m)
        areas[np.searchsorted(wards, self._ceding[lands])] -= ceded
        parts = np.clip(areas / (np.pi * radius_m**2), 0.0, 1.0)
        kept = parts > SMALLEST_SHARE
        return list(zip(wards[kept].tolist(), parts[kept].tolist(), strict=True))

    def distance_to_border_m(
        self, ward: int, lon: float, lat: float, limit: float = 500
    ) -> float | None:
        return self._borders.distance(ward, lon, lat, limit)

    def nearest(self, lon: float, lat: float, within_m: float) -> list[tuple[int, float]]:
        covering = self.covering(lon, lat)
        others = self._borders.nearest(lon, lat, within_m)
        return [(ward, 0.0) for ward in covering] + [
            (ward, metres) for ward, metres in others if ward not in covering
        ]

    def in_gap(self, lon: float, lat: float) -> bool:
        near = self._gap_tree.query(shapely.Point(lon, lat))
        return bool(shapely.intersects_xy(self._gaps[near], lon, lat).any())


def _prepare(polygons: Geometries) -> None:
    """Prepare polygons and have them build all they build on first use, so that threads can share.

    GEOS looks for a point simply the first time, builds an index the second and reads it after.
    """
    shapely.prepare(polygons)
    west, south, east, north = shapely.bounds(polygons).T if len(polygons) else np.empty((4, 0))
    for _ in range(3):
        shapely.intersects_xy(polygons, (west + east) / 2, (south + north) / 2)


def _neighbours(wards: Geometries) -> list[tuple[int, int]]:
    one, other = STRtree(wards).query(wards)
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
