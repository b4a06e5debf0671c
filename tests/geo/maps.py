"""Small made-up editions in memory: coverages, the stations that answer for them, and an atlas."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import shapely

from geo.atlas import Atlas, build_atlas
from geo.directory import Directory, StationInfo
from geo.editions import Edition
from geo.plane import Floats
from geo.stored import WardInfo
from geo.tables import NATIONAL_DESK_ID, StationKind, WardType
from tests.geo.squares import SIDE, SOUTH, WEST, square

Shapes = Mapping[str, Any]
"""Ward codes and their polygons. The first two digits of a code are its province."""


def at(column: float, row: float) -> tuple[float, float]:
    """The point so many squares east and north of the lower left corner of `square(0)`."""
    return WEST + column * SIDE, SOUTH + row * SIDE


def grid(columns: int, rows: int, province: str = "01") -> dict[str, shapely.Polygon]:
    """Squares 01000, 01001 … in rows from the south-west; neighbours share their corners."""
    return {
        f"{province}{row * columns + column:03}": square(column, row)
        for row in range(rows)
        for column in range(columns)
    }


def ring_of_eight() -> dict[str, shapely.Polygon]:
    """Three by three squares without the one in the middle, 01004: a gap."""
    return {code: shape for code, shape in grid(3, 3).items() if code != "01004"}


def difficult() -> dict[str, Any]:
    """A ward in the hole of another, one in several parts, three that overlap, a crooked border."""
    crooked = [(0, 3), (2, 3), (1.7, 3.61), (2.2, 4.13), (2, 5), (0, 5)]
    rest = [(2, 3), (4, 3), (4, 5), (2, 5), (2.2, 4.13), (1.7, 3.61)]
    return {
        "01001": square(0, 0, width=3, height=3) - square(1, 1),
        "01002": square(1, 1),
        "01003": shapely.MultiPolygon([square(4, 0), square(6, 0), square(5, 1)]),
        "01004": square(4, 1.5, height=2) - square(4, 2, width=0.5, height=0.5),
        "01005": square(4.4, 2, width=2),
        "01006": square(4.2, 2.4, width=2),
        "02001": shapely.Polygon([at(*corner) for corner in crooked]),
        "02002": shapely.Polygon([at(*corner) for corner in rest]),
    }


def ward_info(code: str) -> WardInfo:
    """A ward of the province that its code begins with."""
    return WardInfo(
        code=code,
        name=f"Phường {code}",
        name_en=None,
        type=WardType.WARD,
        province_code=code[:2],
        province_name=f"Tỉnh {code[:2]}",
        area_m2=1.0,
    )


def directory_of(codes: Iterable[str], **more: Any) -> Directory:
    """A station for each ward, a desk and an oversight office for each province, and `vn`."""
    wards = sorted(codes)
    provinces = sorted({code[:2] for code in wards})
    stations = [StationInfo(NATIONAL_DESK_ID, StationKind.NATIONAL_DESK, "vn", None, None)]
    for code in provinces:
        stations += [
            StationInfo(f"p-{code}", StationKind.PROVINCE_DESK, f"p-{code}", None, code),
            StationInfo(f"o-{code}", StationKind.OVERSIGHT, f"o-{code}", None, code),
        ]
    for code in wards:
        stations.append(StationInfo(f"w-{code}", StationKind.WARD, f"w-{code}", None, code[:2]))
    made: dict[str, Any] = {
        "provinces": {code: f"Tỉnh {code}" for code in provinces},
        "stations": {station.id: station for station in stations},
        "jurisdictions": {code: f"w-{code}" for code in wards},
        "aliases": {},
        "successions": {},
    }
    return Directory(**made | more)


def atlas_of(
    shapes: Shapes,
    *,
    gaps: Iterable[Any] = (),
    approximate: bool = False,
    directory: Directory | None = None,
) -> Atlas:
    """An atlas of these wards, in the order given."""
    return build_atlas(
        Edition(7, dt.date(2025, 7, 1), approximate, "made up", "", 1),
        [(ward_info(code), shape) for code, shape in shapes.items()],
        directory or directory_of(shapes),
        gaps=gaps,
    )


def spots(shapes: Iterable[Any], seed: int, count: int = 2000) -> tuple[Floats, Floats]:
    """Places where it matters: vertices, middles of edges, points beside them and anywhere near."""
    pick = np.random.default_rng(seed)
    rings = [shapely.get_coordinates(ring) for shape in shapes for ring in edges_of(shape)]
    corners = np.concatenate([ring[:-1] for ring in rings])
    middles = np.concatenate([(ring[:-1] + ring[1:]) / 2 for ring in rings])
    exact = np.concatenate([corners, middles])
    exact = exact[pick.permutation(len(exact))[:count]]
    beside = exact + pick.normal(0, 1, exact.shape) * pick.choice(
        [1e-9, 1e-6, 1e-4], (len(exact), 1)
    )
    low, high = exact.min(axis=0), exact.max(axis=0)
    anywhere = pick.uniform(low - 0.001, high + 0.001, (count, 2))
    lons, lats = np.concatenate([exact, beside, anywhere]).T
    return lons, lats


def edges_of(shape: Any) -> list[Any]:
    """The rings of a polygon or multipolygon."""
    return list(shapely.get_rings(shapely.get_parts(shape)))
