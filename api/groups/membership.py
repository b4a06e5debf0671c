"""Who belongs to a group: joining, leaving, handing over. A member is a keyed hash and a role."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Result, Row, func, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.staff import grouped
from api.audit import audited
from api.groups.registry import QR_PREFIX, end_invitations
from api.groups.tables import Group, GroupRole, Invitation, Membership
from api.secrets import CROCKFORD, Keys
from geo.tables import Station

HANDOVER_HOLDS = dt.timedelta(days=7)

Position = tuple[dt.datetime, uuid.UUID]
"""Where somebody stands in the list of members."""


def is_present(key: bytes) -> ColumnElement[bool]:
    """The part somebody has in a group now; served by `ix_memberships_present`."""
    return (Membership.member_key == key) & Membership.left_at.is_(None)


async def my_groups(session: AsyncSession, key: bytes) -> Sequence[Row[Any]]:
    """The groups somebody belongs to."""
    found: Result[Any] = await session.execute(
        select(
            Group.id,
            Group.name,
            Group.type,
            Group.ward_code,
            Group.disbanded_at,
            Membership.role,
            Membership.joined_at,
            Station.id.label("station_id"),
            Station.name.label("station_name"),
            Station.phone.label("station_phone"),
            Station.kind.label("station_kind"),
        )
        .join(Membership, Membership.group_id == Group.id)
        .join(Station, Station.id == Group.station_id)
        .where(is_present(key))
        .order_by(Group.name, Group.id)
    )
    return found.all()


async def find_membership(
    session: AsyncSession, key: bytes, group_id: uuid.UUID, *, leading: bool = False
) -> Membership:
    """Somebody's part in a group; `NotFound` for who has none.

    With `leading`, `RoleNotAllowed` for who is no leader of it.
    """
    found = await session.scalar(
        select(Membership)
        .where(is_present(key), Membership.group_id == group_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise problems.NotFound
    if leading and found.role != GroupRole.LEADER:
        raise problems.RoleNotAllowed
    return found


async def wards_of_groups(
    session: AsyncSession, key: bytes, group_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Of these groups those that somebody may report as now, and their wards."""
    found = await session.execute(
        select(Group.id, Group.ward_code)
        .join(Membership, Membership.group_id == Group.id)
        .where(is_present(key), Group.id.in_(group_ids), Group.disbanded_at.is_(None))
    )
    return {row.id: row.ward_code for row in found}


async def join(
    session: AsyncSession, keys: Keys, key: bytes, *, code: str, now: dt.datetime
) -> uuid.UUID | None:
    """Join a group by the code of an invitation; its id, or None when the code opens none.

    Who has joined by it already is told the same again: an answer may have been lost on its way.
    """
    typed = code.strip().upper().removeprefix(QR_PREFIX)
    invitation = await session.scalar(
        select(Invitation)
        .join(Group, Group.id == Invitation.group_id)
        .where(Invitation.code_hash == keys.invitation_hash(typed), Group.disbanded_at.is_(None))
        .with_for_update(of=Invitation)
        .execution_options(populate_existing=True)
    )
    if invitation is None:
        return None
    mine = await own_part(session, key, invitation.group_id)
    if mine is not None and mine.invitation_id == invitation.id:
        return mine.group_id
    if invitation.ended_at or invitation.uses_left < 1 or invitation.expires_at <= now:
        return None
    if mine is not None and (mine.role, invitation.role) != (GroupRole.MEMBER, GroupRole.LEADER):
        return mine.group_id
    await take_part(session, key, invitation, mine, now)
    return invitation.group_id


async def own_part(session: AsyncSession, key: bytes, group_id: uuid.UUID) -> Membership | None:
    """Somebody's present part in a group, to be changed."""
    found: Membership | None = await session.scalar(
        select(Membership)
        .where(is_present(key), Membership.group_id == group_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


async def take_part(
    session: AsyncSession,
    key: bytes,
    invitation: Invitation,
    mine: Membership | None,
    now: dt.datetime,
) -> None:
    """Use an invitation: become a member, or a leader who was one; whoever handed over steps back.

    The invitation is locked. Of two codes used at once by one phone, the second changes nothing.
    """
    if mine is not None:
        mine.role, mine.invitation_id = GroupRole.LEADER, invitation.id
    else:
        joined = await session.execute(
            postgresql.insert(Membership)
            .values(
                id=uuid.uuid4(),
                group_id=invitation.group_id,
                member_key=key,
                role=invitation.role,
                invitation_id=invitation.id,
                joined_at=now,
            )
            .on_conflict_do_nothing()
            .returning(Membership.id)
        )
        if joined.first() is None:
            return
    invitation.uses_left -= 1
    await session.flush()
    if invitation.replaces is not None:
        await session.execute(
            update(Membership)
            .where(Membership.id == invitation.replaces, Membership.left_at.is_(None))
            .values(role=GroupRole.MEMBER)
            .execution_options(synchronize_session=False)
        )
    step = "group.joined" if invitation.replaces is None else "group.handed_over"
    await session.execute(about_members(step, invitation.group_id, change=invitation.role))


async def hand_over(
    session: AsyncSession, keys: Keys, key: bytes, group_id: uuid.UUID, now: dt.datetime
) -> tuple[Invitation, str]:
    """A leader's invitation to whoever takes their place; earlier ones of theirs end."""
    mine = await find_membership(session, key, group_id, leading=True)
    await refuse_disbanded(session, group_id)
    await session.execute(
        update(Invitation)
        .where(Invitation.replaces == mine.id, Invitation.ended_at.is_(None))
        .values(ended_at=now)
        .execution_options(synchronize_session=False)
    )
    code = grouped(CROCKFORD, 4, 4)
    made = Invitation(
        id=uuid.uuid4(),
        group_id=group_id,
        code_hash=keys.invitation_hash(code),
        role=GroupRole.LEADER,
        uses_left=1,
        expires_at=now + HANDOVER_HOLDS,
        replaces=mine.id,
    )
    session.add(made)
    await session.flush()
    await session.execute(about_members("group.handover_begun", group_id))
    return made, code


async def refuse_disbanded(session: AsyncSession, group_id: uuid.UUID) -> None:
    """Raise `GroupDisbanded` for a group that is no more."""
    disbanded = await session.scalar(select(Group.disbanded_at).where(Group.id == group_id))
    if disbanded is not None:
        raise problems.GroupDisbanded


async def leave(session: AsyncSession, key: bytes, group_id: uuid.UUID, now: dt.datetime) -> None:
    """Belong to a group no longer, and read nothing of it from the next request on."""
    mine = await find_membership(session, key, group_id)
    await end_part(session, mine.id, now)
    await session.execute(about_members("group.left", group_id))


async def remove(
    session: AsyncSession,
    key: bytes,
    group_id: uuid.UUID,
    membership_id: uuid.UUID,
    now: dt.datetime,
) -> None:
    """A leader ends somebody else's part in the group.

    With it every open invitation ends, or the code that let them in would do so again.
    """
    mine = await find_membership(session, key, group_id, leading=True)
    found = await session.scalar(
        select(Membership.id).where(
            Membership.id == membership_id,
            Membership.group_id == group_id,
            Membership.left_at.is_(None),
            Membership.id != mine.id,
        )
    )
    if found is None:
        raise problems.NotFound
    await end_invitations(session, group_id, now)  # first, as who joins locks theirs first
    await end_part(session, found, now)
    await session.execute(about_members("group.member_removed", group_id))


async def end_part(session: AsyncSession, membership_id: uuid.UUID, now: dt.datetime) -> None:
    """End a part in a group. A handover that was begun holds: whoever has the code may join."""
    await session.execute(
        update(Membership)
        .where(Membership.id == membership_id, Membership.left_at.is_(None))
        .values(left_at=now)
        .execution_options(synchronize_session=False)
    )


async def position_of(
    session: AsyncSession, group_id: uuid.UUID, membership_id: uuid.UUID
) -> Position | None:
    """Where a page of members goes on; None when they are none of the group."""
    found = await session.execute(
        select(Membership.joined_at, Membership.id).where(
            Membership.id == membership_id, Membership.group_id == group_id
        )
    )
    row = found.one_or_none()
    return None if row is None else (row.joined_at, row.id)


async def members(
    session: AsyncSession, group_id: uuid.UUID, *, after: Position | None, limit: int
) -> Sequence[Membership]:
    """A page of a group's members, in the order in which they joined."""
    query = (
        select(Membership)
        .where(Membership.group_id == group_id, Membership.left_at.is_(None))
        .order_by(Membership.joined_at, Membership.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(Membership.joined_at, Membership.id) > after)
    return (await session.scalars(query)).all()


async def counts(session: AsyncSession, group_id: uuid.UUID) -> dict[str, int]:
    """How many have which role in a group."""
    found = await session.execute(
        select(Membership.role, func.count().label("present"))
        .where(Membership.group_id == group_id, Membership.left_at.is_(None))
        .group_by(Membership.role)
    )
    return {row.role: row.present for row in found}


def about_members(action: str, group_id: uuid.UUID, *, change: str | None = None) -> Insert:
    """The audit row of something a member did: never which one."""
    return audited(
        action, actor_kind="reporter", object_kind="group", object_id=str(group_id), reason=change
    )
