"""What officers read. Scope twice: here in every statement, and in row-level security below.

A case is read column by column: `tinbao_officer` may not read the reporter's side of the row.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from fastapi import Depends
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Result,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.db import AS_OFFICER, Session
from api.reports.tables import OPEN, CaseEvent, CaseInformed, Report, State

CaseOfficer = Annotated[
    OfficerIdentity,
    Depends(require(StaffRole.DUTY_OFFICER, StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT)),
]


async def as_officer(session: Session, officer: CaseOfficer) -> AsyncSession:
    """The request's transaction, from here on with an officer's rights and station only."""
    await session.execute(AS_OFFICER, {"station": officer.station_id})
    return session


OfficerSession = Annotated[AsyncSession, Depends(as_officer)]

LISTED = (
    Report.case_id,
    Report.state,
    Report.version,
    Report.kind,
    Report.category,
    Report.category_word,
    Report.urgency,
    Report.text,
    Report.language,
    func.ST_X(Report.location).label("lon"),
    func.ST_Y(Report.location).label("lat"),
    Report.accuracy_m,
    Report.place_source,
    Report.place_note,
    Report.claimed_ward_code,
    Report.claimed_province_code,
    Report.ward_code,
    Report.received_at,
    Report.observed_at,
    Report.confidence,
    Report.flags,
    Report.register_year,
    Report.register_number,
    Report.reporter_kind,
)


def owned_by(officer: OfficerIdentity) -> ColumnElement[bool]:
    """Which cases are the officer's station's own: the only ones they may change."""
    return Report.station_id == officer.station_id


def visible_to(officer: OfficerIdentity) -> ColumnElement[bool]:
    """Which cases an officer may see: their station's own, and those it is informed of."""
    informed = exists().where(
        CaseInformed.case_id == Report.case_id, CaseInformed.station_id == officer.station_id
    )
    return or_(owned_by(officer), informed)


def relation_to(officer: OfficerIdentity) -> ColumnElement[str]:
    """`owner` or `informed`."""
    return case((owned_by(officer), "owner"), else_="informed").label("relation")


@dataclass(frozen=True)
class QueueFilter:
    """What of the queue is asked for; without a state, every open case."""

    state: State | None = None
    category: str | None = None
    urgency: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on a case."""
        wanted = OPEN if self.state is None else (self.state,)
        found: list[ColumnElement[bool]] = [Report.state.in_(wanted)]
        if self.category is not None:
            found.append(Report.category == self.category)
        if self.urgency is not None:
            found.append(Report.urgency == self.urgency)
        return found


class Position(NamedTuple):
    """Where a case stands in the queue."""

    urgency: int
    received_at: dt.datetime
    case_id: uuid.UUID


def behind(position: Position | None) -> list[ColumnElement[bool]]:
    """The cases after a position; the first condition bounds the index scan."""
    if position is None:
        return []
    later = tuple_(Report.received_at, Report.case_id) > (position.received_at, position.case_id)
    return [
        Report.urgency <= position.urgency,
        or_(Report.urgency < position.urgency, and_(Report.urgency == position.urgency, later)),
    ]


def queue_statement(
    officer: OfficerIdentity, wanted: QueueFilter, *, after: Position | None, limit: int
) -> CompoundSelect[Any]:
    """The queue: most urgent first, then oldest first.

    The station's own cases are served by `ix_reports_queue` (closed ones by `ix_reports_station`),
    those it is informed of by `ix_case_informed_station_id`.
    """
    conditions = [*wanted.conditions(), *behind(after)]
    order = (Report.urgency.desc(), Report.received_at, Report.case_id)
    owned = select(*LISTED, literal("owner").label("relation")).where(owned_by(officer))
    informed = (
        select(*LISTED, literal("informed").label("relation"))
        .join(CaseInformed, CaseInformed.case_id == Report.case_id)
        .where(CaseInformed.station_id == officer.station_id, ~owned_by(officer))
    )
    parts = [
        part.where(*conditions).order_by(*order).limit(limit).subquery().select()
        for part in (owned, informed)
    ]
    both = union_all(*parts)
    columns = both.selected_columns
    return both.order_by(columns.urgency.desc(), columns.received_at, columns.case_id).limit(limit)


async def queue(
    session: AsyncSession,
    officer: OfficerIdentity,
    wanted: QueueFilter,
    *,
    after: Position | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """A page of the station's queue (see `queue_statement`)."""
    statement = queue_statement(officer, wanted, after=after, limit=limit)
    found: Result[Any] = await session.execute(statement)
    return found.all()


def case_statement(officer: OfficerIdentity, case_id: uuid.UUID) -> Select[Any]:
    """One case the officer may see; served by the unique index of `case_id`."""
    return select(*LISTED, Report.routing, Report.station_id, relation_to(officer)).where(
        Report.case_id == case_id, visible_to(officer)
    )


async def find_case(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID
) -> Row[Any] | None:
    """The case, or None when there is none in the officer's scope."""
    found: Result[Any] = await session.execute(case_statement(officer, case_id))
    return found.one_or_none()


async def events_of(session: AsyncSession, case_id: uuid.UUID) -> Sequence[Row[Any]]:
    """What happened to a case, oldest first; served by `ix_case_events_case`."""
    found = await session.execute(
        select(
            CaseEvent.kind, CaseEvent.at, CaseEvent.actor_kind, CaseEvent.actor_id, CaseEvent.data
        )
        .where(CaseEvent.case_id == case_id)
        .order_by(CaseEvent.id)
    )
    return found.all()
