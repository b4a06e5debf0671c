"""The numbers of cards: those a night has found, or else counted now by the same statement."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.clocks.tables import OverdueClock
from api.scorecards.measures import (
    AT_EASE,
    CONDITIONS,
    IDLE,
    OF_ALL,
    OF_PROVINCE,
    OF_STATION,
    PROVINCES,
    STATIONS,
    numbers,
)
from api.scorecards.scopes import Scope
from api.scorecards.tables import ScorecardLine, StaysProgress
from api.scorecards.windows import Window
from geo.tables import Province, Station, StationKind

Numbers = Mapping[str, Any]

COUNTED_OF_ALL = numbers(OF_ALL)
COUNTED_OF_PROVINCE = numbers(OF_PROVINCE, f"{STATIONS}, {PROVINCES}")
COUNTED_OF_STATION = numbers(OF_STATION, STATIONS)


@dataclass(frozen=True)
class Found:
    """Numbers by level and scope."""

    counted_until: dt.datetime | None
    by_scope: Mapping[tuple[str, str], Numbers] = field(default_factory=dict)
    kept: bool = False
    """Whether a night wrote them down."""


async def numbers_in(session: AsyncSession, scope: Scope, window: Window) -> Found:
    """The numbers of a scope and of what it is made of, or compared with."""
    kept = await kept_lines(session, scope, window)
    if kept is not None:
        return kept
    until = await session.scalar(select(StaysProgress.counted_until))
    given: dict[str, Any] = {"begins": window.begins_at, "ends": window.ends_at}
    statement, given = counting(scope, given)
    await session.execute(AT_EASE)
    rows = await session.execute(statement, given)
    return Found(until, {(row.level, row.scope): row.numbers for row in rows})


def counting(scope: Scope, given: dict[str, Any]) -> tuple[TextClause, dict[str, Any]]:
    """The statement for a scope; a station is counted among its province, its peers."""
    if scope.level == "country":
        return COUNTED_OF_ALL, given
    if scope.oversight or scope.province_code is None:
        return COUNTED_OF_STATION, given | {"station": scope.code}
    return COUNTED_OF_PROVINCE, given | {"province": scope.province_code}


async def kept_lines(session: AsyncSession, scope: Scope, window: Window) -> Found | None:
    """What a night wrote down for these days; None when none did."""
    line = ScorecardLine
    days = (line.days == window.name, line.ends == window.ends)
    until = await session.scalar(
        select(line.counted_until).where(*days, line.level == "country", line.scope == "vn")
    )
    if until is None:
        return None
    which = line.province_code == scope.province_code
    if scope.level == "country":
        which = (line.level != "station") | line.province_code.is_(None)
    elif scope.oversight or scope.province_code is None:
        which = (line.level == "station") & (line.scope == scope.code)
    rows = await session.execute(select(line.level, line.scope, line.numbers).where(*days, which))
    return Found(until, {(row.level, row.scope): row.numbers for row in rows}, kept=True)


async def parts_of(session: AsyncSession, scope: Scope) -> list[Scope]:
    """What a card has lines of, in the order of their codes: stations, or provinces."""
    if scope.level == "country":
        rows = await session.execute(select(Province.code, Province.name).order_by(Province.code))
        desk = await session.scalar(select(Station.name).where(Station.id == scope.code))
        provinces = [Scope("province", row.code, row.name, row.code) for row in rows]
        return [*provinces, Scope("station", scope.code, desk or scope.code)]
    if scope.oversight or scope.province_code is None:
        return [scope]
    rows = await session.execute(
        select(Station.id, Station.name)
        .where(Station.province_code == scope.province_code, Station.kind != StationKind.OVERSIGHT)
        .order_by(Station.id)
    )
    return [Scope("station", row.id, row.name, scope.province_code) for row in rows]


async def overdue_now(session: AsyncSession, scope: Scope) -> Mapping[str, int]:
    """How many cases are overdue at this moment, by station, or by province for the country."""
    told = OverdueClock
    by = Station.province_code if scope.level == "country" else told.station_id
    query = (
        select(func.coalesce(by, scope.code), func.count(told.case_id.distinct()))
        .join(Station, Station.id == told.station_id)
        .where(told.settled_at.is_(None))
        .group_by(by)
    )
    if scope.level == "country":
        query = query.where(Station.kind != StationKind.OVERSIGHT)
    elif scope.oversight or scope.province_code is None:
        query = query.where(told.station_id == scope.code)
    else:
        query = query.where(told.province_code == scope.province_code)
    return {row[0]: row[1] for row in await session.execute(query)}


async def cases_of(
    session: AsyncSession,
    station_id: str,
    window: Window,
    measure: str,
    *,
    after: uuid.UUID | None,
    limit: int,
) -> Sequence[uuid.UUID]:
    """A page of the cases that a measure counts, as far as the officer may see them.

    Runs with the officer's rights: the policies of cases and of stays both hold.
    """
    rows = await session.execute(
        drill(measure),
        {
            "station": station_id,
            "begins": window.begins_at,
            "ends": window.ends_at,
            "after": after or uuid.UUID(int=0),
            "limit": limit,
        },
    )
    return [row.case_id for row in rows]


def drill(measure: str) -> TextClause:
    """The statement that lists what a measure counts; its condition is the measure's own."""
    return text(f"""
select distinct s.case_id from case_stays as s join reports on reports.case_id = s.case_id
where s.station_id = :station and s.case_id > :after
    and s.ended_at >= cast(:begins as timestamptz) - {IDLE} and s.arrived_at < :ends
    and {CONDITIONS[measure]}
order by s.case_id
limit :limit
""")  # noqa: S608 - made of our own constants
