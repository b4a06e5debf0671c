"""Polygons of whole wards: making them valid, and measuring them on the ellipsoid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[Any]
"""A numpy array of shapely geometries, EPSG:4326, longitude first."""

SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
E2 = FLATTENING * (2 - FLATTENING)
E = float(np.sqrt(E2))
"""The WGS84 ellipsoid."""

AT_ONCE = 128
"""Geometries measured at a time: keeps the copies of their coordinates small."""


def equal_area(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lambert's cylindrical equal-area projection of the WGS84 ellipsoid: degrees -> metres.

    True in area everywhere, in shape nowhere but at the equator.
    """
    sine: NDArray[np.float64] = np.sin(np.radians(lonlat[:, 1]))
    q = (1 - E2) * (sine / (1 - E2 * sine**2) + np.arctanh(E * sine) / E)
    return np.column_stack([SEMI_MAJOR_M * np.radians(lonlat[:, 0]), SEMI_MAJOR_M * q / 2])


def area_m2(shapes: Shapes) -> NDArray[np.float64]:
    """The area of each shape in m2 on the ellipsoid; 0 for what is no polygon."""
    areas: NDArray[np.float64] = np.zeros(len(shapes))
    for start in range(0, len(shapes), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        areas[some] = shapely.area(shapely.transform(shapes[some], equal_area))
    return areas


def width_m(shapes: Shapes, areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """How wide each narrow shape is, in metres: twice its area over its perimeter.

    Meant for shapes small enough for one scale of longitude; exact for a long rectangle.
    """
    degree = np.radians(SEMI_MAJOR_M)

    def metres(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        scale = np.array([degree * np.cos(np.radians(lonlat[:, 1].mean())), degree])
        scaled: NDArray[np.float64] = lonlat * scale
        return scaled

    perimeters = np.array([shapely.length(shapely.transform(shape, metres)) for shape in shapes])
    widths: NDArray[np.float64] = np.zeros(len(shapes))
    np.divide(2 * areas, perimeters, out=widths, where=perimeters > 0)
    return widths


def as_multipolygon(shape: Any) -> Any:
    """The same area as a MultiPolygon."""
    return shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])


@dataclass(frozen=True, slots=True)
class Repair:
    """What was wrong with a shape, and what mending it did to its area."""

    reason: str
    """GEOS's own words, with the place in brackets: `Self-intersection[105.8 21.0]`."""
    rings: list[str]
    """Which rings cross themselves, counted from 0: `part 2 ring 0`."""
    area_change_m2: float


def repair(shape: Any) -> tuple[Any, Repair]:
    """An invalid shape made valid by the structure method, which keeps only its areas.

    The default (linework) method would leave GeometryCollections with stray lines.
    """
    crossing = [
        f"part {part} ring {ring}"
        for part, polygon in enumerate(shapely.get_parts(shape))
        for ring, line in enumerate(shapely.get_rings(polygon))
        if not line.is_simple
    ]
    mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    before, after = area_m2(np.array([shape, mended], dtype=object))
    return mended, Repair(shapely.is_valid_reason(shape), crossing, float(after - before))
