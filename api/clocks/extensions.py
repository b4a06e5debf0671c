"""More time for a clock: asked for before its end, decided by the chief or whoever stands in."""

import datetime as dt
import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import Staff, StaffRole
from api.clock import VIETNAM
from api.clocks import notices
from api.clocks.deadlines import Clock, LastDay
from api.clocks.history import read
from api.clocks.notices import Audience, Notice
from api.clocks.schemas import DecisionIn, ExtensionIn
from api.clocks.steps import book_of
from api.clocks.tables import Delegation
from api.triage import steps
from api.triage.lifecycle import Act, Case, Done, take, with_service_rights

APPROVERS = (StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT)
"""Who decides by their office. Oversight has no chiefs: a colleague decides there."""


async def request_extension(session: AsyncSession, act: Act, asked: ExtensionIn) -> None:
    """Ask for more time; who may approve is told. Raises `ExtensionNotAllowed`."""

    async def ask(_: Case) -> Done:
        async with with_service_rights(session, act.officer):
            clock = await find_clock(session, act.case_id, asked.clock)
            why = against(clock, asked.until, act.now)
            if clock is None or why is not None:
                raise not_allowed(clock, why or "no-such-clock")
            notice = Notice(notices.REQUESTED, act.case_id, asked.clock, clock.deadline)
            audiences = await approvers(session, act)
            await notices.tell(session, audiences, notice, now=act.now)
        return Done(
            {"clock": asked.clock, "until": asked.until.isoformat(), "reason": asked.reason}
        )

    await take(session, act, steps.EXTENSION_REQUESTED, then=ask)


async def decide_extension(session: AsyncSession, act: Act, decision: DecisionIn) -> None:
    """Grant or refuse what was asked for. Nobody decides about their own request."""

    async def decide(_: Case) -> Done:
        async with with_service_rights(session, act.officer):
            if not await may_approve(session, act.officer, act.now):
                raise problems.RoleNotAllowed
            clock = await find_clock(session, act.case_id, decision.clock)
            if clock is None or clock.request is None:
                raise problems.NothingToDecide
            if clock.request.asked_by == str(act.officer.staff_id):
                raise problems.OwnRequest
            if decision.approved and act.now > clock.deadline:
                raise not_allowed(clock, "too-late")
            asker = [Audience(staff_id=uuid.UUID(clock.request.asked_by))]
            data = {"approved": decision.approved}
            notice = Notice(notices.DECIDED, act.case_id, decision.clock, clock.deadline, data)
            await notices.tell(session, asker, notice, now=act.now)
        until = clock.request.until.isoformat()
        return Done({"clock": decision.clock, "until": until, "reason": decision.reason})

    step = steps.EXTENSION_GRANTED if decision.approved else steps.EXTENSION_REFUSED
    await take(session, act, step, then=decide, past_claims=True)


async def find_clock(session: AsyncSession, case_id: uuid.UUID, name: str) -> Clock | None:
    """One clock of a case, with the service's rights."""
    book = await book_of(session)
    connection = await session.connection()
    found = await connection.run_sync(read, book, [case_id])
    return next((each for each in found[0].clocks if each.rule.clock == name), None)


def against(clock: Clock | None, until: dt.date, now: dt.datetime) -> str | None:
    """What stands against an extension that is asked for now; None when nothing does."""
    if clock is None or clock.stopped_at is not None:
        return "no-such-clock"
    limit = clock.limit()
    if limit is None or not isinstance(clock.term, LastDay):
        return "not-extensible"
    if clock.request is not None:
        return "asked-already"
    if now > clock.deadline or now.astimezone(VIETNAM).date() > clock.last_day_to_ask():
        return "too-late"
    if until <= clock.term.day:
        return "not-later"
    return "too-far" if until > limit else None


def not_allowed(clock: Clock | None, why: str) -> problems.Problem:
    """Why not, and what would be possible."""
    limit = clock.limit() if clock is not None and clock.stopped_at is None else None
    return problems.ExtensionNotAllowed(
        why=why,
        extensible_until=limit and limit.isoformat(),
        ask_until=limit and clock and clock.last_day_to_ask().isoformat(),
    )


def standing(officer: OfficerIdentity, now: dt.datetime) -> ColumnElement[bool]:
    """The delegations at an officer's station that hold: their chief still is one there."""
    chief = aliased(Staff)
    return and_(
        Delegation.station_id == officer.station_id,
        Delegation.until > now,
        Delegation.ended_at.is_(None),
        exists().where(
            chief.id == Delegation.chief_id,
            chief.station_id == Delegation.station_id,
            chief.role == StaffRole.STATION_CHIEF,
            chief.disabled_at.is_(None),
        ),
    )


async def may_approve(session: AsyncSession, officer: OfficerIdentity, now: dt.datetime) -> bool:
    """Whether somebody may decide at their station: by their office, or for an absent chief."""
    if officer.role in APPROVERS:
        return True
    delegated = standing(officer, now) & (Delegation.staff_id == officer.staff_id)
    return bool(await session.scalar(select(exists().where(delegated))))


async def approvers(session: AsyncSession, act: Act) -> Sequence[Audience]:
    """Who is told that a decision is wanted."""
    officer = act.officer
    if officer.role == StaffRole.OVERSIGHT:
        return [Audience(role=StaffRole.OVERSIGHT, station_id=officer.station_id)]
    found = await session.scalars(
        select(Delegation.staff_id).where(standing(officer, act.now)).distinct()
    )
    others = [Audience(staff_id=each) for each in found if each != officer.staff_id]
    return [Audience(role=StaffRole.STATION_CHIEF, station_id=officer.station_id), *others]
