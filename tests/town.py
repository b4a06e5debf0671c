"""A made-up town on the coast of Hà Nội's province code: two wards, and the sea to the east."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import Engine

from api.reports.sealing import create_sealing_keys
from geo.editions import activate
from geo.features import Reading, WardShape
from geo.load import import_reading
from geo.tables import WardType

SIDE = 0.02
WEST, SOUTH = 105.80, 21.00
IN_SOUTH = (WEST + SIDE / 2, SOUTH + SIDE / 2)
IN_NORTH = (WEST + SIDE / 2, SOUTH + SIDE * 1.5)
ON_BORDER = (WEST + SIDE / 2, SOUTH + SIDE)
AT_SEA = (WEST + SIDE * 1.2, SOUTH + SIDE)


@dataclass(frozen=True)
class Town:
    """Codes of the edition in force."""

    edition_id: int
    province: str = "01"
    south: str = "00001"
    north: str = "00002"


def report(
    where: tuple[float, float] | None, *, accuracy_m: float | None = None, **changed: Any
) -> dict[str, Any]:
    """A report's body; place facts and other fields as the test wants them."""
    place: dict[str, Any] = {"source": "unknown"}
    if where is not None:
        place = {"lon": where[0], "lat": where[1], "source": "gps"}
    if accuracy_m is not None:
        place["accuracy_m"] = accuracy_m
    for name in ("ward_code", "province_code", "note"):
        if name in changed:
            place[name] = changed.pop(name)
    made = {"kind": "tip", "category": "noise", "text": "Karaoke sau nửa đêm.", "place": place}
    return made | changed


def load_town(engine: Engine, keys: Path) -> Town:
    """Import the town's two wards, let them hold, and make keys to seal contacts with."""
    south = shapely.box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE)
    north = shapely.box(WEST, SOUTH + SIDE, WEST + SIDE, SOUTH + 2 * SIDE)
    wards = [
        WardShape(
            code=code,
            name=f"Phường Thử {code}",
            name_en=None,
            type=WardType.WARD,
            province_code="01",
            province_name="Thành phố Hà Nội",
            boundary=shapely.MultiPolygon([shape]),
        )
        for code, shape in (("00001", south), ("00002", north))
    ]
    report = import_reading(
        engine,
        Reading(wards=wards, crs="EPSG:4326", features=len(wards)),
        source="town",
        attribution="made up",
        approximate=False,
        effective_from=dt.date(2025, 7, 1),
    )
    assert report.edition_id is not None
    with engine.begin() as connection:
        activate(connection, report.edition_id, dt.datetime.now(dt.UTC))
    create_sealing_keys(engine, keys / "unsealer")
    return Town(report.edition_id)
