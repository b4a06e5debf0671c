"""Reading an area's reports into an analysis, and making answers of it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from api.trends.analysis import Analysis
from api.trends.answers import Asked, answer_of
from api.trends.keeping import Area, Key
from api.trends.series import (
    GROUPS,
    HISTORY_WEEKS,
    WEEK,
    Counted,
    Drawn,
    one_to_one,
    read,
    series_of,
    sources,
    wards_of,
)
from geo.atlas import Atlas, load_atlas

EARLIER = text("""
select id from boundary_editions
where state = 'activated' and activation < (
    select activation from boundary_editions where id = :edition)
order by activation
""")
ANNOUNCED = text("select day, working from calendar_days")
DAYS = HISTORY_WEEKS * WEEK


@dataclass(frozen=True)
class Numbers:
    """What the database says of an area: the reports, and what they are counted by."""

    first: dt.date
    counted: Counted
    became: Mapping[str, str]
    announced: Mapping[dt.date, bool]


def earlier(engine: Engine, edition_id: int, folder: Path | None) -> list[Atlas]:
    """Editions activated before one: their figures may have been told. May take seconds."""
    with engine.connect() as connection:
        ids = connection.scalars(EARLIER, {"edition": edition_id}).all()
        return [load_atlas(connection, each, folder) for each in ids]


def numbers(
    connection: Connection, atlas: Atlas, province_code: str | None, through: dt.date
) -> Numbers:
    """Read a province (or the country) up to a day, in whole weeks that end with it."""
    first = through - dt.timedelta(DAYS - 1)
    where = None
    if province_code is not None:
        where = sources(connection, atlas.edition_id, province_code)
    counted, became = read(connection, first, through, where), one_to_one(connection)
    announced = {row.day: row.working for row in connection.execute(ANNOUNCED)}
    return Numbers(first, counted, became, announced)


def drawn(counted: Counted, atlas: Atlas, became: Mapping[str, str]) -> Drawn:
    """Where the reports lie as an edition draws it."""
    wards = wards_of(counted, atlas, became)
    return wards, provinces_of(wards, atlas)


def analysis_of(
    found: Numbers, atlas: Atlas, province_code: str | None, before: Sequence[Atlas]
) -> Analysis:
    """The analysis of what was read: a province by its wards, or the country by its provinces.

    `before` are the editions whose figures may have been told (see `earlier`).
    """
    wards = wards_of(found.counted, atlas, found.became)
    others = [drawn(found.counted, each, found.became) for each in before]
    if province_code is None:
        wards = provinces_of(wards, atlas)
        others = [(provinces, provinces) for _, provinces in others]
    codes = codes_of(atlas, province_code)
    series = series_of(found.counted, wards, codes, found.first, DAYS, others)
    return Analysis(series, found.announced)


def provinces_of(wards: NDArray[np.object_], atlas: Atlas) -> NDArray[np.object_]:
    """The province of each ward."""
    known = {code: ward.province_code for code, ward in atlas.wards.items()}
    return np.array([known.get(code) for code in wards.tolist()], dtype=np.object_)


def codes_of(atlas: Atlas, province_code: str | None) -> list[str]:
    """The parts of an area: a province's wards, or all provinces."""
    if province_code is None:
        return sorted({ward.province_code for ward in atlas.wards.values()})
    return [ward.code for ward in atlas.wards.values() if ward.province_code == province_code]


def made(
    found: Numbers, atlas: Atlas, area: Area, key: Key, before: Sequence[Atlas]
) -> dict[str, Any]:
    """The answer to a question, made of what was read."""
    analysis = analysis_of(found, atlas, area.province_code, before)
    place = analysis.series.codes.index(area.scope) if area.is_ward else None
    return answer_of(analysis, Asked(place, GROUPS.index(key.group), key.step))
