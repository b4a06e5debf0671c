"""Each night: what has changed in every province, told to its commander, once for each change.

A province's night is one transaction: that it was looked at, which alerts are new, go on or are
over, and the notices. A worker that dies leaves all of it or nothing, and two that meet at one
province do it once. A change is told again only when it was over for `QUIET_DAYS` in between.
"""

import datetime as dt
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.dialects import postgresql

from api.accounts.tables import StaffRole
from api.clock import VIETNAM
from api.clocks.notices import Audience, Notice, values_of
from api.clocks.tables import StaffNotice
from api.hotspots.significance import LEVEL
from api.trends import keeping
from api.trends.analysis import Analysis, Change
from api.trends.answers import Asked, answer_of, change_of
from api.trends.keeping import COUNTRY, Key
from api.trends.reading import analysis_of, codes_of, earlier, numbers
from api.trends.series import ALL, GROUPS, as_one, together
from api.trends.tables import Direction, TrendAlert, TrendRun
from geo.atlas import Atlas, edition_in_force, load_atlas

RISING = text("""
select distinct on (place ->> 'ward_code', category_group)
    place ->> 'ward_code' as ward_code, category_group, days, as_of,
    place ->> 'count_band' as count_band
from hotspot_layers,
    jsonb_path_query(answer, '$.features[*].properties ? (@.is_rising == true)') as place
where scope = :province and as_of between :as_of and :begun and edition_id = :edition
order by place ->> 'ward_code', category_group, as_of desc, days
""")
"""Layers of the day that is over, or of the one that had just begun when they were made."""

MANY_SILENT = 10
QUIET_DAYS = 7
"""A change that was not found for so many nights is over."""


def look(engine: Engine, folder: Path | None, stop: threading.Event, now: dt.datetime) -> int:
    """Look at yesterday's end in every province and the country; how many alerts were told."""
    as_of = now.astimezone(VIETNAM).date() - dt.timedelta(1)
    with engine.connect() as connection:
        edition = edition_in_force(connection, now)
        if edition is None:
            return 0
        atlas = load_atlas(connection, edition.id, folder)
        done = set(
            connection.scalars(select(TrendRun.province_code).where(TrendRun.as_of == as_of))
        )
    if COUNTRY in done:
        return 0
    before = earlier(engine, atlas.edition_id, folder)
    told, parts = 0, []
    for province in codes_of(atlas, None):
        if stop.is_set():
            return told
        with engine.connect() as connection:
            found = numbers(connection, atlas, province, as_of)
        analysis = analysis_of(found, atlas, province, before)
        parts.append(as_one(province, analysis.series))
        if province not in done:
            told += finish(engine, atlas, province, as_of, analysis, now)
    if not parts:
        return told
    return told + finish(engine, atlas, COUNTRY, as_of, Analysis(together(parts)), now)


def finish(
    engine: Engine,
    atlas: Atlas,
    province: str,
    as_of: dt.date,
    analysis: Analysis,
    now: dt.datetime,
) -> int:
    """Keep a province's answers at the end of a week, and tell of its changes."""
    if keeping.last_sunday(as_of) == as_of:
        keep_answers(engine, atlas, province, as_of, analysis)
    with engine.begin() as connection:
        mine = (
            postgresql.insert(TrendRun)
            .values(province_code=province, as_of=as_of)
            .on_conflict_do_nothing()
            .returning(TrendRun.as_of)
        )
        if connection.execute(mine).first() is None:
            return 0
        changes = [each for each in analysis.changes if province != COUNTRY or each.ward is None]
        alerts = [facts_of(each, analysis, atlas, province) for each in once(changes)]
        alerts += rising(connection, atlas, province, as_of)
        return tell(connection, alerts, province, as_of, now)


def keep_answers(
    engine: Engine, atlas: Atlas, province: str, as_of: dt.date, analysis: Analysis
) -> None:
    """Keep what will be asked for most: the area's weeks for every group, and its wards' weeks."""
    wanted: list[tuple[str, int | None, int]] = [
        (province, None, number) for number in range(len(GROUPS))
    ]
    if province != COUNTRY:
        wanted += [(code, place, ALL) for place, code in enumerate(analysis.series.codes)]
    for scope, place, group in wanted:
        key = Key(scope, GROUPS[group], "week", atlas.edition_id, as_of)
        answer = answer_of(analysis, Asked(place, group, "week"))
        with engine.begin() as connection:
            keeping.keep(connection, key, answer)


def once(changes: Iterable[Change]) -> list[Change]:
    """Each change once: its surest window, and its own group rather than all of them together.

    Where the area and many wards have fallen silent at once, the area says it for them.
    """
    surest: dict[tuple[str | None, str, str], Change] = {}
    for each in sorted(changes, key=lambda change: change.q):
        surest.setdefault((each.ward, each.direction, each.group), each)
    silent = [each for each in surest.values() if each.direction == Direction.FEWER]
    if len(silent) > MANY_SILENT and any(each.ward is None for each in silent):
        for each in silent:
            if each.ward is not None:
                del surest[each.ward, each.direction, each.group]
    named = {(each.ward, each.direction) for each in surest.values() if each.group != GROUPS[0]}
    return [
        each
        for each in surest.values()
        if each.group != GROUPS[0] or (each.ward, each.direction) not in named
    ]


def facts_of(change: Change, analysis: Analysis, atlas: Atlas, province: str) -> dict[str, Any]:
    """What is kept of a change, and said of it."""
    ward = None if change.ward is None else atlas.wards[change.ward]
    place = atlas.provinces.get(province) if ward is None else ward.name
    told = change_of(change, analysis)
    return told | {"scope": change.ward or province, "place": place}


def rising(
    connection: Connection, atlas: Atlas, province: str, as_of: dt.date
) -> list[dict[str, Any]]:
    """The hotspots that the province's layers of the day call rising, by ward and group."""
    begun = as_of + dt.timedelta(1)
    asked = {"province": province, "as_of": as_of, "begun": begun, "edition": atlas.edition_id}
    return [
        {
            "scope": row.ward_code,
            "place": atlas.wards[row.ward_code].name,
            "direction": Direction.RISING,
            "group": row.category_group,
            "days": row.days,
            "last": str(row.as_of),
            "count_band": row.count_band,
            "expected": None,
            "q": LEVEL,
        }
        for row in connection.execute(RISING, asked)
        if row.ward_code in atlas.wards
    ]


def tell(
    connection: Connection,
    alerts: Sequence[dict[str, Any]],
    province: str,
    as_of: dt.date,
    now: dt.datetime,
) -> int:
    """Write what is new and tell of it; note what goes on, and what is over."""
    end(connection, province, as_of)
    told = 0
    for facts in alerts:
        if goes_on(connection, facts, as_of):
            continue
        added = (
            postgresql.insert(TrendAlert)
            .values(
                scope=facts["scope"],
                province_code=province,
                direction=facts["direction"],
                category_group=facts["group"],
                began_on=as_of,
                last_on=as_of,
                data=facts,
                told_at=now,
            )
            .on_conflict_do_nothing()
            .returning(TrendAlert.id)
        )
        alert = connection.execute(added).scalar_one_or_none()
        if alert is not None:
            notice = Notice(f"trend.{facts['direction']}", None, data=facts | {"alert": alert})
            connection.execute(insert(StaffNotice), [values_of(audience(province), notice, now)])
            told += 1
    return told


def audience(province: str) -> Audience:
    """Who commands there."""
    if province == COUNTRY:
        return Audience(role=StaffRole.STATION_CHIEF, station_id=COUNTRY)
    return Audience(role=StaffRole.PROVINCE_COMMANDER, province_code=province)


def goes_on(connection: Connection, facts: dict[str, Any], as_of: dt.date) -> bool:
    """Whether somebody was told of it, and it has not been over since."""
    found = connection.execute(
        update(TrendAlert)
        .where(
            TrendAlert.scope == facts["scope"],
            TrendAlert.direction == facts["direction"],
            TrendAlert.category_group == facts["group"],
            TrendAlert.ended_on.is_(None),
            TrendAlert.last_on >= as_of - dt.timedelta(QUIET_DAYS),
        )
        .values(last_on=as_of)
        .returning(TrendAlert.id)
    )
    return found.first() is not None


def end(connection: Connection, province: str, as_of: dt.date) -> None:
    """Close what was not found any more."""
    connection.execute(
        update(TrendAlert)
        .where(
            TrendAlert.province_code == province,
            TrendAlert.ended_on.is_(None),
            TrendAlert.last_on < as_of - dt.timedelta(QUIET_DAYS),
        )
        .values(ended_on=as_of)
    )
