"""The station's queue: its own cases and those it is informed of, in one order, page by page."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Result,
    Row,
    Select,
    and_,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.reports.tables import CaseInformed, Report
from api.triage.filters import QueueFilter, conditions
from api.triage.queries import LISTED, colleague_named, owned_by

QUEUED = (
    *LISTED,
    Report.due_at,
    Report.claimed_until,
    colleague_named(Report.claimed_by).label("claimed_by"),
    colleague_named(Report.assignee_id).label("assignee"),
)
"""What the queue shows of a case."""

Columns = tuple[ColumnElement[Any], ColumnElement[Any], ColumnElement[Any]]


class Position(NamedTuple):
    """Where a case stands in the queue."""

    urgency: int
    received_at: dt.datetime
    case_id: uuid.UUID


def behind(
    position: Position | None, columns: Columns, *, newest: bool
) -> list[ColumnElement[bool]]:
    """The cases after a position; the first condition bounds the index scan."""
    if position is None:
        return []
    urgency, received_at, case_id = columns
    here = (position.received_at, position.case_id)
    if newest:
        return [received_at <= position.received_at, tuple_(received_at, case_id) < here]
    later = tuple_(received_at, case_id) > here
    return [
        urgency <= position.urgency,
        or_(urgency < position.urgency, and_(urgency == position.urgency, later)),
    ]


def in_order(columns: Columns, *, newest: bool) -> tuple[ColumnElement[Any], ...]:
    """Most urgent first, then oldest; or, looking back, simply the newest first."""
    urgency, received_at, case_id = columns
    if newest:
        return received_at.desc(), case_id.desc()
    return urgency.desc(), received_at, case_id


def place_of(table: type[Report] | type[CaseInformed]) -> Columns:
    """The columns that a case's place in the queue comes from, in the case or copied beside it."""
    return table.urgency, table.received_at, table.case_id  # type: ignore[return-value]


def queue_statement(
    officer: OfficerIdentity,
    wanted: QueueFilter,
    *,
    now: dt.datetime,
    after: Position | None,
    limit: int,
) -> CompoundSelect[Any]:
    """The queue: most urgent first, then oldest; with closed cases in it, the newest first.

    Open cases are served by `ix_reports_queue` and `ix_case_informed_queue`, others by
    `ix_reports_station` and `ix_case_informed_station`; a small box by `ix_reports_map`.
    """
    newest = wanted.newest_first
    asked = conditions(wanted, officer, now)
    own, told = place_of(Report), place_of(CaseInformed)
    owned = (
        select(*QUEUED, literal("owner").label("relation"))
        .where(owned_by(officer), *asked, *behind(after, own, newest=newest))
        .order_by(*in_order(own, newest=newest))
    )
    informed = (
        select(*QUEUED, literal("informed").label("relation"))
        .join(CaseInformed, CaseInformed.case_id == Report.case_id)
        .where(CaseInformed.station_id == officer.station_id, ~owned_by(officer), *asked)
        .where(*behind(after, told, newest=newest))
        .order_by(*in_order(told, newest=newest))
    )
    if not newest:
        informed = informed.where(CaseInformed.open)
    both = union_all(*(page_of(part, limit) for part in (owned, informed)))
    columns = both.selected_columns
    place = (columns.urgency, columns.received_at, columns.case_id)
    return both.order_by(*in_order(place, newest=newest)).limit(limit)


def page_of(part: Select[Any], limit: int) -> Select[Any]:
    """The first rows of one part of the queue."""
    return part.limit(limit).subquery().select()


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
    statement = queue_statement(officer, wanted, now=now, after=after, limit=limit)
    found: Result[Any] = await session.execute(statement)
    return found.all()
