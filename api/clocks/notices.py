"""What staff are told, each in their own inbox: case numbers, clocks, trends, never content."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Result, Row, and_, insert, literal, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.clocks.tables import StaffNotice, StaffNoticeRead

OVERDUE = "clock.overdue"
REQUESTED, DECIDED = "extension.requested", "extension.decided"
URGED, ANSWERED = "case.urged", "urging.answered"
KINDS = (OVERDUE, REQUESTED, DECIDED, URGED, ANSWERED)


@dataclass(frozen=True)
class Audience:
    """Who is told: one person, or everyone of a role at a station or in a province."""

    staff_id: uuid.UUID | None = None
    role: str | None = None
    station_id: str | None = None
    province_code: str | None = None


@dataclass(frozen=True)
class Notice:
    """What they are told."""

    kind: str
    case_id: uuid.UUID | None
    """None where it is about no case."""
    clock: str | None = None
    due_at: dt.datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def values_of(audience: Audience, notice: Notice, now: dt.datetime) -> dict[str, Any]:
    """The row of a notice."""
    return {
        "created_at": now,
        "staff_id": audience.staff_id,
        "role": audience.role,
        "station_id": audience.station_id,
        "province_code": audience.province_code,
        "kind": notice.kind,
        "case_id": notice.case_id,
        "clock": notice.clock,
        "due_at": notice.due_at,
        "data": dict(notice.data),
    }


async def tell(
    session: AsyncSession, audiences: Sequence[Audience], notice: Notice, *, now: dt.datetime
) -> None:
    """Tell each of them, in this transaction and with the service's rights."""
    if audiences:
        rows = [values_of(each, notice, now) for each in audiences]
        await session.execute(insert(StaffNotice), rows)


def meant_for(officer: OfficerIdentity) -> ColumnElement[bool]:
    """The notices for a member of staff, by who they are and where they work today."""
    whole = [StaffNotice.staff_id == officer.staff_id]
    if officer.station_id is not None:
        whole.append(
            and_(StaffNotice.station_id == officer.station_id, StaffNotice.role == officer.role)
        )
    elif officer.role == StaffRole.PROVINCE_COMMANDER:
        whole.append(
            and_(
                StaffNotice.province_code == officer.province_code,
                StaffNotice.role == officer.role,
            )
        )
    return or_(*whole)


async def inbox(
    session: AsyncSession,
    officer: OfficerIdentity,
    *,
    before: int | None,
    unread: bool,
    limit: int,
) -> Sequence[Row[Any]]:
    """A page of somebody's notices, newest first."""
    read = and_(
        StaffNoticeRead.notice_id == StaffNotice.id,
        StaffNoticeRead.staff_id == officer.staff_id,
    )
    query = (
        select(
            StaffNotice.id,
            StaffNotice.kind,
            StaffNotice.created_at,
            StaffNotice.case_id,
            StaffNotice.clock,
            StaffNotice.due_at,
            StaffNotice.step,
            StaffNotice.data,
            StaffNoticeRead.read_at,
        )
        .join(StaffNoticeRead, read, isouter=True)
        .where(meant_for(officer))
    )
    if before is not None:
        query = query.where(StaffNotice.id < before)
    if unread:
        query = query.where(StaffNoticeRead.read_at.is_(None))
    found: Result[Any] = await session.execute(query.order_by(StaffNotice.id.desc()).limit(limit))
    return found.all()


async def mark_read(
    session: AsyncSession, officer: OfficerIdentity, ids: Sequence[int], *, now: dt.datetime
) -> None:
    """Remember that they were read; those of others, and those already read, stay as they are."""
    mine = select(
        literal(officer.staff_id).label("staff_id"), StaffNotice.id, literal(now).label("read_at")
    ).where(StaffNotice.id.in_(ids), meant_for(officer))
    await session.execute(
        postgresql.insert(StaffNoticeRead)
        .from_select(["staff_id", "notice_id", "read_at"], mine)
        .on_conflict_do_nothing()
    )
