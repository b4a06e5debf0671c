"""A station's register of groups, and the invitations by which people join them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Result,
    Row,
    Select,
    func,
    insert,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.staff import grouped
from api.accounts.tables import StaffRole
from api.audit import audited
from api.groups.schemas import GroupChangeIn, GroupIn, InvitationIn
from api.groups.tables import Group, GroupRole, Invitation, Membership
from api.i18n import Language
from api.secrets import CROCKFORD, Keys
from geo.atlas import Atlas

QR_PREFIX = "TINBAO:GROUP:"
"""Capitals, digits and a few signs: what a QR code holds most densely."""


def managed_by(officer: OfficerIdentity) -> ColumnElement[bool]:
    """Which groups an officer registers and changes: the only place that says so."""
    return true() if officer.role == StaffRole.ADMIN else Group.station_id == officer.station_id


def present(role: GroupRole) -> ColumnElement[int]:
    """How many have a role in a group now; served by `ix_memberships_group`."""
    count = select(func.count()).where(
        Membership.group_id == Group.id, Membership.left_at.is_(None), Membership.role == role
    )
    return count.scalar_subquery()


def groups_statement(
    officer: OfficerIdentity, *, after: tuple[str, uuid.UUID] | None, limit: int
) -> Select[Any]:
    """The officer's groups by name; a station's are served by `ix_groups_station`."""
    query = described().where(managed_by(officer)).order_by(Group.name, Group.id).limit(limit)
    return query if after is None else query.where(tuple_(Group.name, Group.id) > after)


def described() -> Select[Any]:
    """Groups, and how many belong to them."""
    return select(
        *Group.__table__.columns,
        present(GroupRole.LEADER).label("leaders"),
        present(GroupRole.MEMBER).label("members"),
    )


async def list_groups(
    session: AsyncSession,
    officer: OfficerIdentity,
    *,
    after: tuple[str, uuid.UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """A page of the officer's groups (see `groups_statement`)."""
    found: Result[Any] = await session.execute(groups_statement(officer, after=after, limit=limit))
    return found.all()


async def position_of(
    session: AsyncSession, officer: OfficerIdentity, group_id: uuid.UUID
) -> tuple[str, uuid.UUID] | None:
    """Where a page goes on after this group; None when it is not the officer's."""
    found = await session.execute(
        select(Group.name, Group.id).where(Group.id == group_id, managed_by(officer))
    )
    row = found.one_or_none()
    return None if row is None else (row.name, row.id)


async def find_group(
    session: AsyncSession, officer: OfficerIdentity, group_id: uuid.UUID
) -> Row[Any]:
    """One of the officer's groups; raises `NotFound`."""
    found: Result[Any] = await session.execute(
        described().where(Group.id == group_id, managed_by(officer))
    )
    row = found.one_or_none()
    if row is None:
        raise problems.NotFound
    return row


def ward_of(
    atlas: Atlas | None, officer: OfficerIdentity, code: str, language: Language
) -> tuple[str, str]:
    """A ward's present code and its station, when the officer may register groups there."""
    found = atlas.resolve(code) if atlas is not None else None
    if atlas is None or found is None:
        raise problems.unfit("ward_code", "ward", language)
    ward, _ = found
    station = atlas.station_of(ward)
    if officer.role != StaffRole.ADMIN and station != officer.station_id:
        raise problems.unfit("ward_code", "ward", language)
    return ward.code, station


async def create_group(
    session: AsyncSession,
    officer: OfficerIdentity,
    given: GroupIn,
    *,
    atlas: Atlas | None,
    language: Language,
) -> uuid.UUID:
    """Register a group of a ward."""
    ward_code, station_id = ward_of(atlas, officer, given.ward_code, language)
    group_id = uuid.uuid4()
    await session.execute(
        insert(Group).values(
            id=group_id,
            name=given.name,
            type=given.type,
            ward_code=ward_code,
            station_id=station_id,
            leader_office=given.leader_office,
            created_by=officer.staff_id,
        )
    )
    await session.execute(about_group("group.created", officer, group_id))
    return group_id


async def change_group(
    session: AsyncSession,
    officer: OfficerIdentity,
    group_id: uuid.UUID,
    given: GroupChangeIn,
    *,
    atlas: Atlas | None,
    language: Language,
    now: dt.datetime,
) -> None:
    """Change what is registered of a group. One that is disbanded has no invitations."""
    changes = given.model_dump(exclude_none=True, exclude={"ward_code", "disbanded"})
    if given.ward_code is not None:
        if officer.role != StaffRole.ADMIN:
            raise problems.RoleNotAllowed
        ward_code, station_id = ward_of(atlas, officer, given.ward_code, language)
        changes |= {"ward_code": ward_code, "station_id": station_id}
    if given.disbanded is not None:
        changes["disbanded_at"] = (
            func.coalesce(Group.disbanded_at, now) if given.disbanded else None
        )
    changed = await session.execute(
        update(Group)
        .where(Group.id == group_id, managed_by(officer))
        .values(changes)
        .returning(Group.id)
        .execution_options(synchronize_session=False)
    )
    if changed.first() is None:
        raise problems.NotFound
    if given.disbanded:
        await end_invitations(session, group_id, now)
    named = sorted(given.model_dump(exclude_none=True))
    await session.execute(about_group("group.changed", officer, group_id, change=", ".join(named)))


async def invite(
    session: AsyncSession,
    keys: Keys,
    officer: OfficerIdentity,
    group_id: uuid.UUID,
    given: InvitationIn,
    now: dt.datetime,
) -> tuple[Invitation, str]:
    """Make an invitation; it and its code, which is shown this once."""
    group = await find_group(session, officer, group_id)
    if group.disbanded_at is not None:
        raise problems.GroupDisbanded
    code = grouped(CROCKFORD, 4, 4)
    made = Invitation(
        id=uuid.uuid4(),
        group_id=group_id,
        code_hash=keys.invitation_hash(code),
        role=given.role,
        uses_left=given.uses,
        expires_at=now + dt.timedelta(hours=given.hours_valid),
        created_by=officer.staff_id,
    )
    session.add(made)
    await session.flush()
    await session.execute(
        about_group("group.invitation_made", officer, group_id, change=given.role)
    )
    return made, code


def open_invitations(group_id: uuid.UUID, now: dt.datetime) -> list[ColumnElement[bool]]:
    """Which invitations of a group still let somebody join."""
    return [
        Invitation.group_id == group_id,
        Invitation.ended_at.is_(None),
        Invitation.uses_left > 0,
        Invitation.expires_at > now,
    ]


async def list_invitations(
    session: AsyncSession, officer: OfficerIdentity, group_id: uuid.UUID, now: dt.datetime
) -> Sequence[Invitation]:
    """A group's open invitations, the newest first."""
    await find_group(session, officer, group_id)
    found = await session.scalars(
        select(Invitation)
        .where(*open_invitations(group_id, now))
        .order_by(Invitation.created_at.desc(), Invitation.id)
    )
    return found.all()


async def end_invitation(
    session: AsyncSession,
    officer: OfficerIdentity,
    group_id: uuid.UUID,
    invitation_id: uuid.UUID,
    now: dt.datetime,
) -> None:
    """Take an invitation back; who has joined by it stays."""
    await find_group(session, officer, group_id)
    ended = await session.execute(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.group_id == group_id)
        .values(ended_at=func.coalesce(Invitation.ended_at, now))
        .returning(Invitation.id)
        .execution_options(synchronize_session=False)
    )
    if ended.first() is None:
        raise problems.NotFound
    await session.execute(about_group("group.invitation_ended", officer, group_id))


async def end_invitations(session: AsyncSession, group_id: uuid.UUID, now: dt.datetime) -> None:
    """Take back every open invitation of a group."""
    await session.execute(
        update(Invitation)
        .where(*open_invitations(group_id, now))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )


def about_group(
    action: str, officer: OfficerIdentity, group_id: uuid.UUID, *, change: str | None = None
) -> Insert:
    """The audit row of something an officer did with a group."""
    return audited(
        action,
        actor_kind="staff",
        actor_id=str(officer.staff_id),
        object_kind="group",
        object_id=str(group_id),
        reason=change,
        scope=officer.scope,
    )
