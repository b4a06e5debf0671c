"""What officers read. Scope twice: here in every statement, and in row-level security below.

A case is read column by column: `tinbao_officer` may not read the reporter's side of the row.
"""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Result,
    Row,
    Select,
    SQLColumnExpression,
    Text,
    Uuid,
    case,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.db import AS_OFFICER, Session
from api.groups.naming import group_name
from api.reports.tables import CaseEvent, CaseInformed, Report

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
    Report.channel,
    Report.group_id,
    group_name(),
)


Colleague = table(
    "colleagues",
    column("id", Uuid),
    column("username", Text),
    column("role", Text),
    column("active", Boolean),
)
"""The accounts of the officer's own station: a view, and all that officers know of accounts."""


def colleague_named(staff_id: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """The username of a colleague; null for somebody of another station."""
    return select(Colleague.c.username).where(Colleague.c.id == staff_id).scalar_subquery()


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


OF_ONE = (
    Report.routing,
    Report.station_id,
    Report.last_station_id,
    Report.closed_at,
    Report.duplicate_of,
    Report.merged_count,
    Report.claimed_until,
    colleague_named(Report.claimed_by).label("claimed_by"),
    colleague_named(Report.assignee_id).label("assignee"),
)
"""What is shown of one case besides `LISTED`."""


def case_statement(officer: OfficerIdentity, case_id: uuid.UUID) -> Select[Any]:
    """One case the officer may see; served by the unique index of `case_id`."""
    return select(*LISTED, *OF_ONE, relation_to(officer)).where(
        Report.case_id == case_id, visible_to(officer)
    )


async def find_case(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID
) -> Row[Any] | None:
    """The case, or None when there is none in the officer's scope."""
    found: Result[Any] = await session.execute(case_statement(officer, case_id))
    return found.one_or_none()


async def events_of(session: AsyncSession, case_id: uuid.UUID) -> Sequence[Row[Any]]:
    """What happened to a case, oldest first; served by `ix_case_events_case`.

    Whose task another station made it, is not told: `username` is the name of a colleague.
    """
    named = CaseEvent.data["username"].astext
    foreign = named.is_not(None) & ~exists().where(Colleague.c.username == named)
    data = case((foreign, CaseEvent.data.op("-")(literal("username", Text))), else_=CaseEvent.data)
    found = await session.execute(
        select(
            CaseEvent.kind,
            CaseEvent.at,
            CaseEvent.actor_kind,
            CaseEvent.actor_id,
            data.label("data"),
        )
        .where(CaseEvent.case_id == case_id)
        .order_by(CaseEvent.id)
    )
    return found.all()
