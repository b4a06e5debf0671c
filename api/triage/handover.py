"""What the next shift must know: what nobody has read, who holds what, what is due soon."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Result, Row, Select, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.reports.tables import OPEN, Report, State
from api.triage.filters import has_state
from api.triage.queries import owned_by
from api.triage.queue import QUEUED, in_order, named, place_of

LISTED_MOST = 100


def parts(now: dt.datetime, until: dt.datetime) -> dict[str, ColumnElement[bool]]:
    """What the lists of a handover hold, of the station's own open cases."""
    return {
        "unacknowledged": Report.state == State.RECEIVED,
        "claimed": Report.claimed_until > now,
        "due": Report.due_at < until,
    }


def listed(officer: OfficerIdentity, condition: ColumnElement[bool], name: str) -> Select[Any]:
    """The cases of one list; served by `ix_reports_queue`."""
    order = in_order(place_of(Report), newest=False)
    by_deadline = name == "due"
    first: list[Any] = [Report.due_at] if by_deadline else []
    rows = (
        select(*QUEUED, literal("owner").label("relation"))
        .where(owned_by(officer), has_state(OPEN), condition)
        .order_by(*first, *order)
        .limit(LISTED_MOST)
    )
    page = rows.subquery("page")
    place = [page.c.urgency, page.c.received_at, page.c.case_id]
    first = [page.c.due_at] if by_deadline else []
    return named(page).order_by(*first, *in_order(place, newest=False))


def counts_statement(
    officer: OfficerIdentity, *, now: dt.datetime, since: dt.datetime, until: dt.datetime
) -> Select[Any]:
    """How many there are of each; open ones and arrivals by the station's indexes."""
    own = select(func.count()).where(owned_by(officer))
    opened = own.where(has_state(OPEN))
    counted = {"open": opened} | {
        name: opened.where(condition) for name, condition in parts(now, until).items()
    }
    counted["arrived"] = own.where(Report.received_at >= since)
    counted["closed"] = own.where(Report.closed_at >= since)
    return select(*(each.scalar_subquery().label(name) for name, each in counted.items()))


async def handover(
    session: AsyncSession,
    officer: OfficerIdentity,
    *,
    now: dt.datetime,
    since: dt.datetime,
    until: dt.datetime,
) -> tuple[dict[str, int], dict[str, Sequence[Row[Any]]]]:
    """The counts, and the lists."""
    found = await session.execute(counts_statement(officer, now=now, since=since, until=until))
    counts = dict(found.one()._mapping)
    lists: dict[str, Sequence[Row[Any]]] = {}
    for name, condition in parts(now, until).items():
        rows: Result[Any] = await session.execute(listed(officer, condition, name))
        lists[name] = rows.all()
    return counts, lists
