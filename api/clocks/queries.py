"""What a commander reads of what is overdue: numbers and times, and nothing of what was said."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Row, lateral, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.clocks.cursors import OverduePlace
from api.clocks.tables import OverdueClock, Urging
from api.reports.tables import Report
from geo.tables import Station


async def overdue_in(
    session: AsyncSession, province_code: str | None, *, after: OverduePlace | None, limit: int
) -> Sequence[Row[Any]]:
    """A page of a province's overdue clocks, the longest first; `ix_overdue_clocks_province`."""
    last = lateral(
        select(Urging.created_at, Urging.answered_at)
        .where(Urging.case_id == OverdueClock.case_id, Urging.province_code == province_code)
        .order_by(Urging.created_at.desc())
        .limit(1)
    ).alias("last_urging")
    query = (
        select(
            OverdueClock.case_id,
            OverdueClock.clock,
            OverdueClock.rule_id,
            OverdueClock.station_id,
            Station.name.label("station_name"),
            OverdueClock.due_at,
            OverdueClock.step,
            Report.register_year,
            Report.register_number,
            last.c.created_at.label("urged_at"),
            last.c.answered_at.label("answered_at"),
        )
        .join(Report, Report.case_id == OverdueClock.case_id)
        .join(Station, Station.id == OverdueClock.station_id)
        .join(last, true(), isouter=True)
        .where(OverdueClock.settled_at.is_(None), OverdueClock.province_code == province_code)
    )
    place = (OverdueClock.due_at, OverdueClock.case_id, OverdueClock.clock)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    found: Result[Any] = await session.execute(query.order_by(*place).limit(limit))
    return found.all()
