"""What has been filed as a group, and what of it a member reads."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Result, Row, Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.groups.tables import GroupRole, Membership
from api.reports.routing import OFFICER_CONDUCT
from api.reports.tables import Report, ReportKind
from api.triage.tables import CaseOutcome
from geo.tables import Station, StationKind

Position = tuple[dt.datetime, uuid.UUID]

NOT_ABOUT_POLICE = and_(
    Report.kind != ReportKind.COMPLAINT_ABOUT_POLICE,
    Report.category != OFFICER_CONDUCT,
    ~Report.about_station,
    Report.station_id.not_in(select(Station.id).where(Station.kind == StationKind.OVERSIGHT)),
)
"""A complaint about the police, or what came to be oversight's, is its reporter's alone, whatever
it was filed as: who leads a group may work beside the people it is about."""

LISTED: tuple[Any, ...] = (
    Report.id,
    Report.state,
    Report.kind,
    Report.category,
    Report.text,
    Report.received_at,
    Report.observed_at,
    Report.reporter_kind,
    Report.register_number,
    Report.register_year,
    Report.closed_at,
    Station.id.label("station_id"),
    Station.name.label("station_name"),
    Station.phone.label("station_phone"),
    Station.kind.label("station_kind"),
)


def readable_as(member: Membership) -> ColumnElement[bool]:
    """Which reports a member reads of their group: the only place that says so.

    Only what was filed as the group; a leader all of it, a member their own.
    """
    own = Report.reporter_key == member.member_key
    mine = own if member.role != GroupRole.LEADER else or_(own, NOT_ABOUT_POLICE)
    return and_(Report.group_id == member.group_id, mine)


def reports_statement(member: Membership, *, after: Position | None, limit: int) -> Select[Any]:
    """What was filed as the group, newest first; served by `ix_reports_group`.

    A closed report has the public text of its last outcome (`ix_case_outcomes_case`).
    """
    ended = (
        select(CaseOutcome.public_text)
        .where(CaseOutcome.case_id == Report.case_id, CaseOutcome.state == Report.state)
        .order_by(CaseOutcome.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    own = (Report.reporter_key == member.member_key).label("is_mine")
    query: Select[Any] = (
        select(*LISTED, own, ended.label("public_text"))
        .join(Station, Station.id == Report.station_id)
        .where(readable_as(member))
        .order_by(Report.received_at.desc(), Report.id.desc())
        .limit(limit)
    )
    return query if after is None else query.where(tuple_(Report.received_at, Report.id) < after)


async def reports(
    session: AsyncSession, member: Membership, *, after: Position | None, limit: int
) -> Sequence[Row[Any]]:
    """A page of what was filed as the group (see `reports_statement`)."""
    found: Result[Any] = await session.execute(reports_statement(member, after=after, limit=limit))
    return found.all()


async def position_of(
    session: AsyncSession, member: Membership, stored_id: uuid.UUID
) -> Position | None:
    """Where a page goes on after this report; None when the member does not read it."""
    found = await session.execute(
        select(Report.received_at, Report.id).where(Report.id == stored_id, readable_as(member))
    )
    row = found.one_or_none()
    return None if row is None else (row.received_at, row.id)
