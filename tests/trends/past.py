"""Two years of made-up reports in the town, with a known truth."""

import datetime as dt
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from h3.api import basic_int as h3
from sqlalchemy import Engine, text

from tests.town import IN_NORTH, IN_SOUTH

LAST = dt.date(2026, 11, 15)
"""A Sunday."""

INSERT = text("""
insert into reports (id, case_id, state, kind, category, text, about_station, language, location,
    accuracy_m, place_source, cell_r9, received_at, urgency, station_id, ward_code, province_code,
    confidence, routing, reporter_kind, reporter_key, body_sha256, receipt_hash, receipt_key_id,
    receipt_signature, acknowledgement_id, channel)
values (:id, :id, :state, :kind, :category, 'x', :about_station, 'vi',
    case when cast(:lon as float8) is null then null
        else ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) end,
    :accuracy_m, :source, :cell, :received_at, 1, :station, :ward, :province, :confidence, '{}',
    case when cast(:reporter as bytea) is null then 'anonymous' else 'device' end, :reporter,
    :hash, :hash, 'key', :hash, :id, :channel)
""")


@dataclass(frozen=True)
class Sent:
    """A report of the past."""

    day: dt.date
    where: tuple[float, float] | None = IN_SOUTH
    category: str = "theft"
    reporter: bytes | None = b""
    """Empty for somebody who reports nothing else; None for the anonymous."""
    more: tuple[tuple[str, Any], ...] = ()


def sent(engine: Engine, reports: Iterable[Sent], **facts: Any) -> None:
    """Put them into the database as they would have come."""
    rows = [row(each) | facts | dict(each.more) for each in reports]
    with engine.begin() as connection:
        for at in range(0, len(rows), 1000):
            connection.execute(INSERT, rows[at : at + 1000])


def row(report: Sent) -> dict[str, Any]:
    """One of them."""
    place = report.where
    ward = "00002" if place is not None and place[1] >= IN_NORTH[1] - 0.01 else "00001"
    noon = dt.datetime.combine(report.day, dt.time(5), dt.UTC)
    return {
        "id": uuid.uuid4(),
        "state": "received",
        "kind": "tip",
        "category": report.category,
        "about_station": False,
        "lon": None if place is None else place[0],
        "lat": None if place is None else place[1],
        "accuracy_m": None if place is None else 20.0,
        "source": "unknown" if place is None else "gps",
        "cell": None if place is None else h3.latlng_to_cell(place[1], place[0], 9),
        "received_at": noon,
        "station": "vn",
        "ward": ward,
        "province": "01",
        "confidence": "certain",
        "reporter": os.urandom(32) if report.reporter == b"" else report.reporter,
        "hash": os.urandom(32),
        "channel": "app",
    }


def ordinary(
    rng: np.random.Generator, *, weeks: int, south: float, north: float, last: dt.date = LAST
) -> list[Sent]:
    """Weeks as they are as a rule: so many reports a day in each ward."""
    days = [last - dt.timedelta(back) for back in range(7 * weeks)]
    return [
        Sent(day, where)
        for day in days
        for where, mean in ((IN_SOUTH, south), (IN_NORTH, north))
        for _ in range(rng.poisson(mean))
    ]
