"""Two editions of a row of wards, and reports that the second one may move."""

import datetime as dt
import secrets
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb
from sqlalchemy import Engine, text

from api.reports.routing import stored_routing
from geo.atlas import load_atlas
from geo.load import import_edition
from geo.routing import Place, route
from tests.geo.squares import SIDE, SOUTH, WEST, square, ward, write

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = dt.datetime(2026, 1, 1, 8, tzinfo=HANOI)
FIRST, SECOND = dt.date(2025, 7, 1), dt.date(2025, 12, 1)
REGISTERED = {"register_year": 2025, "register_number": 7}


def redrawn() -> list[dict[str, Any]]:
    """The three wards, the second grown over the right half of the first."""
    return [
        ward("00001", square(1, width=0.5)),
        ward("00002", square(1.5, width=1.5)),
        ward("00003", square(3)),
    ]


def make(engine: Engine, path: Path, day: dt.date, features: list[dict[str, Any]]) -> int:
    """Import an edition; its id."""
    file = write(path / "wards.geojson", features)
    report = import_edition(engine, file, effective_from=day)
    assert report.edition_id is not None
    return report.edition_id


def routed(
    engine: Engine, edition: int | None, *, lon: float, accuracy_m: float | None
) -> dict[str, Any]:
    """The decision of an edition about a place in the row of squares, as intake stores it."""
    atlas = None
    if edition is not None:
        with engine.connect() as connection:
            atlas = load_atlas(connection, edition)
    place = Place(lon, SOUTH + 0.5 * SIDE, accuracy_m, "pin")
    return stored_routing(atlas, route(atlas, place))


def add_report(engine: Engine, edition: int | None, column: float, **facts: Any) -> uuid.UUID:
    """A report in the middle of a row of squares, owned by the ward of that column; its case id."""
    case_id, code = uuid.uuid4(), f"0000{int(column)}"
    accuracy_m = facts.get("accuracy_m")
    row: dict[str, Any] = {
        "id": uuid.uuid4(),
        "case_id": case_id,
        "state": "received",
        "version": 1,
        "kind": "tip",
        "category": "theft",
        "text": "Mất xe đạp",
        "about_station": False,
        "language": "vi",
        "place_source": "pin",
        "accuracy_m": None,
        "lon": WEST + column * SIDE,
        "lat": SOUTH + 0.5 * SIDE,
        "received_at": NOW,
        "urgency": 1,
        "station_id": f"w-{code}",
        "edition_id": edition,
        "ward_code": code,
        "province_code": "01",
        "confidence": "certain",
        "routing": routed(engine, edition, lon=WEST + column * SIDE, accuracy_m=accuracy_m),
        "flags": [],
        "register_year": None,
        "register_number": None,
        "reporter_kind": "device",
        "reporter_key": secrets.token_bytes(32),
        "body_sha256": b"",
        "receipt_hash": secrets.token_bytes(32),
        "receipt_key_id": "k",
        "receipt_signature": b"",
        "acknowledgement_id": uuid.uuid4(),
    } | facts
    row["routing"] = Jsonb(row["routing"])
    columns = [name for name in row if name not in {"lon", "lat"}]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"insert into reports ({', '.join(columns)}, location)"  # noqa: S608
            f" values ({', '.join(f'%({name})s' for name in columns)},"
            " ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326))",
            row,
        )
    return case_id


def case(engine: Engine, case_id: uuid.UUID) -> Any:
    """The report's row, with who is informed."""
    with engine.connect() as connection:
        return connection.execute(
            text("""
                select *, array(select station_id from case_informed i
                                 where i.case_id = r.case_id order by 1) as informed
                  from reports r where case_id = :id
            """),
            {"id": case_id},
        ).one()


def events(engine: Engine, case_id: uuid.UUID) -> list[Any]:
    """The case's history."""
    with engine.connect() as connection:
        query = text("select kind, actor_kind, data from case_events where case_id = :id")
        return list(connection.execute(query, {"id": case_id}))


def inbox(engine: Engine, case_id: uuid.UUID) -> list[Any]:
    """What the case's reporter was told."""
    with engine.connect() as connection:
        query = text("""
            select kind, data, recipient from acknowledgements
             where subject = (select id from reports where case_id = :id)
        """)
        return list(connection.execute(query, {"id": case_id}))


def audit(engine: Engine, action: str, object_id: object) -> int:
    """How many audit events there are of an act on an object."""
    with engine.connect() as connection:
        query = text("select from audit_events where action = :action and object_id = :id")
        return connection.execute(query, {"action": action, "id": str(object_id)}).rowcount
