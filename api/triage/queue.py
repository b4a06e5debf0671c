"""The station's queue: its own cases and those it is informed of, in one order, page by page."""

import datetime as dt
import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from fastapi import Depends
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Result,
    Row,
    Select,
    SmallInteger,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.db import Session
from api.groups.tables import Group
from api.reports.tables import CaseInformed, Report
from api.triage.filters import NAMES, QueueFilter, conditions, nearby
from api.triage.queries import LISTED, CaseOfficer, colleague_named

AS_READER = text(
    "select set_config('role', 'tinbao_officer', true),"
    " set_config('tinbao.station', :station, true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true)"
)
"""An officer's rights, and one plan for everybody: planning a page takes longer than reading it."""


async def as_reader(session: Session, officer: CaseOfficer) -> AsyncSession:
    """The request's transaction, from here on to read a station's cases in the usual ways."""
    await session.execute(AS_READER, {"station": officer.station_id})
    return session


ReaderSession = Annotated[AsyncSession, Depends(as_reader)]

QUEUED = (
    *(each for each in LISTED if each.name != "group_name"),
    Report.due_at,
    Report.claimed_until,
    Report.claimed_by,
    Report.assignee_id,
)
"""What the queue shows of a case, but for names."""

Columns = Sequence[Any]
"""Urgency, time of arrival, case id."""


class Position(NamedTuple):
    """Where a case stands in the queue."""

    urgency: Any
    received_at: Any
    case_id: Any


STATION: ColumnElement[str] = bindparam("station", None, Text)
ME: ColumnElement[uuid.UUID] = bindparam("me", None, Uuid)
NOW: ColumnElement[dt.datetime] = bindparam("now", None, DateTime(timezone=True))
HERE = Position(
    bindparam("urgency", None, SmallInteger),
    bindparam("received_at", None, DateTime(timezone=True)),
    bindparam("case_id", None, Uuid),
)
"""What a statement leaves open: who asks, when, and behind which position."""
KEPT_STATEMENTS = 256


def behind(columns: Columns, *, newest: bool) -> list[ColumnElement[bool]]:
    """The cases after a position; the first condition bounds the index scan."""
    urgency, received_at, case_id = columns
    here = tuple_(HERE.received_at, HERE.case_id)
    if newest:
        return [received_at <= HERE.received_at, tuple_(received_at, case_id) < here]
    later = tuple_(received_at, case_id) > here
    return [
        urgency <= HERE.urgency,
        or_(urgency < HERE.urgency, and_(urgency == HERE.urgency, later)),
    ]


def in_order(columns: Columns, *, newest: bool) -> tuple[ColumnElement[Any], ...]:
    """Most urgent first, then oldest; or, looking back, simply the newest first."""
    urgency, received_at, case_id = columns
    if newest:
        return received_at.desc(), case_id.desc()
    return urgency.desc(), received_at, case_id


def place_of(table: type[Report] | type[CaseInformed]) -> Columns:
    """The columns that a case's place in the queue comes from, in the case or copied beside it."""
    return [table.urgency, table.received_at, table.case_id]


@lru_cache(KEPT_STATEMENTS)
def blank_statement(wanted: QueueFilter, *, on: bool, limit: int) -> Select[Any]:
    """The queue, whoever asks (`asked_by` says it); `on` when it goes on behind a position.

    To write it takes longer than to read a page, so what is asked often is kept.
    """
    newest = wanted.newest_first
    asked = conditions(wanted, ME, NOW)
    own, told = place_of(Report), place_of(CaseInformed)
    owned = (
        select(*QUEUED, literal("owner").label("relation"))
        .where(Report.station_id == STATION, *asked, *nearby(wanted))
        .where(*(behind(own, newest=newest) if on else ()))
        .order_by(*in_order(own, newest=newest))
    )
    informed = (
        select(*QUEUED, literal("informed").label("relation"))
        .join(CaseInformed, CaseInformed.case_id == Report.case_id)
        .where(CaseInformed.station_id == STATION, Report.station_id != STATION, *asked)
        .where(*(behind(told, newest=newest) if on else ()))
        .order_by(*in_order(told, newest=newest))
    )
    if not newest:
        informed = informed.where(CaseInformed.open)
    # The number itself: a plan that serves any number expects far more rows than a page has.
    most: ColumnElement[int] = literal_column(str(limit))
    both = union_all(*(part.limit(most).subquery().select() for part in (owned, informed)))
    page = both.subquery("page")
    place = [page.c.urgency, page.c.received_at, page.c.case_id]
    return named(page).order_by(*in_order(place, newest=newest)).limit(most)


def asked_by(
    officer: OfficerIdentity, now: dt.datetime, after: Position | None = None
) -> dict[str, Any]:
    """What `queue_statement` leaves open."""
    who = {"station": officer.station_id, "me": officer.staff_id, "now": now}
    return who if after is None else who | after._asdict()


def named(page: Subquery) -> Select[Any]:
    """Rows of `QUEUED` with the names of colleagues and groups, looked up where there are any."""
    given = page.c
    group = select(Group.name).where(Group.id == given.group_id).scalar_subquery()
    names = (
        case((given.claimed_by.is_not(None), colleague_named(given.claimed_by))),
        case((given.assignee_id.is_not(None), colleague_named(given.assignee_id))),
        case((given.group_id.is_not(None), group)),
    )
    labels = ("claimed_by", "assignee", "group_name")
    facts = [each for each in given if each.name not in ("claimed_by", "assignee_id")]
    return select(*facts, *(name.label(label) for name, label in zip(names, labels, strict=True)))


def queue_statement(
    officer: OfficerIdentity,
    wanted: QueueFilter,
    *,
    now: dt.datetime,
    after: Position | None,
    limit: int,
) -> Select[Any]:
    """The queue: most urgent first, then oldest; with closed cases in it, the newest first.

    Open cases are served by `ix_reports_queue` and `ix_case_informed_queue`, others by
    `ix_reports_station` and `ix_case_informed_station`; a small box by `ix_reports_map`.
    """
    blank = blank_statement(bare(wanted), on=after is not None, limit=limit)
    return blank.params(asked_by(officer, now, after))


def bare(wanted: QueueFilter) -> QueueFilter:
    """The filter without what a route may have added to it."""
    return QueueFilter.model_validate(wanted.model_dump(include=set(NAMES)))


async def queue(
    session: AsyncSession,
    officer: OfficerIdentity,
    wanted: QueueFilter,
    *,
    now: dt.datetime,
    after: Position | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """A page of the station's queue (see `queue_statement`)."""
    statement = blank_statement(bare(wanted), on=after is not None, limit=limit)
    found: Result[Any] = await session.execute(statement, asked_by(officer, now, after))
    return found.all()
