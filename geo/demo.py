"""An approximate edition for a machine without boundary files: cells around ward centres.

The centres come from the PyPI package `vietnamadminunits`. A ward's cell is what lies nearer to its
centre than to any other, no farther than twice the radius of a circle of its declared area. Against
the real boundaries about three of four points get the right ward, and most of the others a
neighbour of it; it is marked approximate, and routing never calls it more than likely.
"""

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Engine

from geo.features import PREFIXES, Reading, WardShape
from geo.findings import ImportReport
from geo.load import Progress, Recorded, import_reading, silent, unrecorded
from geo.shapes import as_multipolygon
from geo.tables import WardType

PACKAGE = "vietnamadminunits"

ATTRIBUTION = (
    "Approximate cells around ward centres of vietnamadminunits"
    " (MIT, Copyright (c) 2025 Tran Ngoc Minh Hieu): not the real boundaries"
)

REFORM = dt.date(2025, 7, 1)
"""The day the units of the package came into force."""

KM_PER_DEGREE = 111.2
SQUEEZE = float(np.cos(np.radians(16)))
"""Longitude is scaled by this to make a plane of the country: at most 5 % off at its ends."""

CAP = 2.0
"""Cells end at so many radii of a circle of the ward's declared area. At 1.2 a ninth of the land
is in no cell, at 2 a fortieth; beyond, only sea and foreign land are added."""

UNDECLARED_KM = {WardType.WARD: 3.0, WardType.COMMUNE: 15.0, WardType.SPECIAL_ZONE: 15.0}
"""Where a cell ends whose ward has no area declared (four of them)."""

FAR_KM = 5.0
NEIGHBOURS = 8
"""See `mended`."""


@dataclass(slots=True)
class Unit:
    """A ward of the package, its centre, and the units before 2025-07-01 it was made of."""

    code: str
    name: str
    province_code: str
    province_name: str
    lat: float
    lon: float
    area_km2: float
    districts: set[str] = field(default_factory=set)
    old_centres: list[tuple[float, float]] = field(default_factory=list)

    @property
    def type(self) -> WardType:
        """By the prefix of its name."""
        return next(kind for prefix, kind in PREFIXES.items() if self.name.startswith(prefix))


def import_demo(
    engine: Engine, *, progress: Progress = silent, recorded: Recorded = unrecorded
) -> ImportReport:
    """Import the demo edition; it still has to be activated."""
    progress("draw", 0, 1)
    wards = demo_wards()
    progress("draw", 1, 1)
    return import_reading(
        engine,
        Reading(wards=wards, crs="EPSG:4326", features=len(wards)),
        source=f"{PACKAGE} {version(PACKAGE)}, approximate",
        attribution=ATTRIBUTION,
        approximate=True,
        effective_from=REFORM,
        progress=progress,
        recorded=recorded,
    )


def demo_wards() -> list[WardShape]:
    """Every ward of the package with its cell, by code; the same on every machine."""
    units = sorted(read_units(), key=lambda unit: unit.code)
    cells = draw_cells(units, mended(units))
    return [
        WardShape(
            code=unit.code,
            name=unit.name,
            name_en=None,
            type=unit.type,
            province_code=unit.province_code,
            province_name=unit.province_name,
            boundary=as_multipolygon(cell),
        )
        for unit, cell in zip(units, cells, strict=True)
    ]


def read_units() -> list[Unit]:
    """The package's wards, read from its files: importing it would take a second."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"The demo edition needs the package {PACKAGE}.")
    data = Path(spec.submodule_search_locations[0]) / "data"
    with closing(sqlite3.connect(f"{(data / 'dataset.db').as_uri()}?mode=ro", uri=True)) as tables:
        units = {
            (province, ward): Unit(*facts)
            for province, ward, *facts in tables.execute(
                "select provinceKey, wardKey, wardCode, ward, provinceCode, province,"
                " wardLat, wardLon, coalesce(wardAreaKm2, 0) from admin_units"
            )
        }
        old_centres = {
            f"{district}_{ward}": (lat, lon)
            for district, ward, lat, lon in tables.execute(
                "select provinceKey || '_' || districtKey, wardKey, wardLat, wardLon"
                " from admin_units_legacy where wardLat is not null"
            )
        }
    for key, old in successions(json.loads((data / "converter_2025.json").read_bytes())):
        if key in units and old in old_centres:
            units[key].districts.add(old.rpartition("_")[0])
            units[key].old_centres.append(old_centres[old])
    return list(units.values())


def successions(converter: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """A ward's key (province, ward), and the key of an old unit that went into it."""
    for province, wards in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, olds in wards.items():
            for old in olds:
                yield (province, ward), old
    for province, divided in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
        for old, parts in divided.items():
            for part in parts:
                yield (province, part["newWardKey"]), old


def plane(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees -> a plane in which distances are nearly right, in degrees of latitude."""
    return np.column_stack([lon * SQUEEZE, lat])


def mended(units: list[Unit]) -> NDArray[np.float64]:
    """The centres in the plane, those that are grossly wrong replaced.

    Where two wards share a name, the package sometimes gives one the centre of the other. Such a
    centre gives itself away without knowing the boundaries: it is farther than 5 km from the
    centre of every old unit the ward was made of, and none of the 8 nearest wards shares an old
    district with it, while around the old units some do. It is moved to the median of the old
    centres. That catches the nine that are 18 to 99 km off, and none that are right.
    """
    centres = plane(np.array([u.lat for u in units]), np.array([u.lon for u in units]))
    better = centres.copy()
    for i, unit in enumerate(units):
        if not unit.old_centres:
            continue
        olds = plane(*np.array(unit.old_centres).T)
        off = np.hypot(*(olds - centres[i]).T).min() * KM_PER_DEGREE
        if off > FAR_KM and not relatives(units, centres, i, centres[i]):
            median = np.median(olds, axis=0)
            if relatives(units, centres, i, median):
                better[i] = median
    return better


def relatives(
    units: list[Unit], centres: NDArray[np.float64], of: int, at: NDArray[np.float64]
) -> int:
    """How many of the wards nearest to a place share an old district with a ward."""
    distance = np.hypot(*(centres - at).T)
    distance[of] = np.inf
    nearest = np.argsort(distance, kind="stable")[:NEIGHBOURS]
    return sum(bool(units[i].districts & units[of].districts) for i in nearest)


def draw_cells(units: list[Unit], centres: NDArray[np.float64]) -> NDArray[np.object_]:
    """Voronoi cells cut at their caps, in degrees; neighbours share their vertices exactly."""
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(centres), ordered=True))
    declared = np.array([unit.area_km2 for unit in units])
    undeclared = np.array([UNDECLARED_KM[unit.type] for unit in units])
    reach = np.where(declared > 0, CAP * np.sqrt(declared / np.pi), undeclared)
    capped = shapely.intersection(
        cells, shapely.buffer(shapely.points(centres), reach / KM_PER_DEGREE)
    )
    drawn: NDArray[np.object_] = shapely.transform(capped, lambda plane: plane / [SQUEEZE, 1])
    return drawn
