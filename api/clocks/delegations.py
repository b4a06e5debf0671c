"""A chief who is absent lets an officer of the station approve in their place, until a day."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.staff import normalised
from api.accounts.tables import Staff, StaffRole
from api.audit import audited
from api.clocks.calendar import DAY, LOCAL
from api.clocks.extensions import standing
from api.clocks.tables import Delegation
from api.i18n import Language


def end_of(day: dt.date) -> dt.datetime:
    """24:00 of a day in Vietnam."""
    return dt.datetime.combine(day + DAY, dt.time(), LOCAL)


async def delegate(
    session: AsyncSession,
    chief: OfficerIdentity,
    *,
    username: str,
    until: dt.date,
    now: dt.datetime,
    language: Language,
) -> uuid.UUID:
    """Let a duty officer of the chief's station approve, in place of what they were let before.

    The officer is locked: of two at once the second replaces the first. Raises `InvalidRequest`.
    """
    if not now < end_of(until) < now + dt.timedelta(days=366):
        raise problems.unfit("until", "delegation_until", language)
    staff_id = await session.scalar(
        select(Staff.id)
        .where(
            Staff.username == normalised(username),
            Staff.station_id == chief.station_id,
            Staff.role == StaffRole.DUTY_OFFICER,
            Staff.disabled_at.is_(None),
        )
        .with_for_update()
    )
    if staff_id is None:
        raise problems.unfit("username", "delegate", language)
    replaced = await session.execute(
        update(Delegation)
        .where(
            Delegation.staff_id == staff_id,
            Delegation.station_id == chief.station_id,
            Delegation.until > now,
            Delegation.ended_at.is_(None),
        )
        .values(ended_at=now)
        .returning(Delegation.id)
        .execution_options(synchronize_session=False)
    )
    for _ in replaced.all():
        await session.execute(about(chief, "delegation.ended", staff_id))
    delegation_id = uuid.uuid4()
    await session.execute(
        insert(Delegation).values(
            id=delegation_id,
            station_id=chief.station_id,
            chief_id=chief.staff_id,
            staff_id=staff_id,
            until=end_of(until),
            created_at=now,
        )
    )
    await session.execute(about(chief, "delegation.created", staff_id))
    return delegation_id


async def end_delegation(
    session: AsyncSession, chief: OfficerIdentity, delegation_id: uuid.UUID, *, now: dt.datetime
) -> None:
    """End a delegation of the chief's station; `NotFound` for any other."""
    found = await session.execute(
        update(Delegation)
        .where(
            Delegation.id == delegation_id,
            Delegation.station_id == chief.station_id,
            Delegation.ended_at.is_(None),
        )
        .values(ended_at=now)
        .returning(Delegation.staff_id)
        .execution_options(synchronize_session=False)
    )
    staff_id = found.scalar_one_or_none()
    if staff_id is None:
        raise problems.NotFound
    await session.execute(about(chief, "delegation.ended", staff_id))


async def delegations_at(
    session: AsyncSession, chief: OfficerIdentity, now: dt.datetime
) -> Sequence[Row[Any]]:
    """The delegations that hold at the chief's station."""
    found: Result[Any] = await session.execute(
        select(Delegation.id, Staff.username, Delegation.until, Delegation.created_at)
        .join(Staff, Staff.id == Delegation.staff_id)
        .where(standing(chief, now))
        .order_by(Delegation.created_at, Delegation.id)
    )
    return found.all()


def about(chief: OfficerIdentity, action: str, staff_id: uuid.UUID) -> Any:
    """The audit row: who may approve now, or no longer."""
    return audited(
        action,
        actor_kind="staff",
        actor_id=str(chief.staff_id),
        object_kind="staff",
        object_id=str(staff_id),
        scope=chief.scope,
    )
