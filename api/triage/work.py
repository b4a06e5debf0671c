"""What officers do with a case of their own station: take it up, claim it, give it to someone."""

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.tables import StaffRole
from api.clock import local
from api.i18n import Language
from api.reports.tables import Report
from api.triage import claims, steps
from api.triage.lifecycle import Act, Case, Done, Requirement, name_of, take
from api.triage.queries import Colleague
from api.triage.register import enter_into_register


async def acknowledge(session: AsyncSession, act: Act) -> None:
    """Take a case into the station's register, and tell the reporter its number."""

    async def enter(_: Case) -> Done:
        officer = act.officer
        number = await enter_into_register(session, officer, act.case_id, now=act.now)
        station = await name_of(session, officer.station_id)
        return Done(
            data={"register_number": number},
            told={"station": station, "register_number": number},
        )

    await take(session, act, steps.ACKNOWLEDGED, then=enter)


async def claim(session: AsyncSession, act: Act, *, reason: str | None) -> None:
    """Work on a case alone for a while, or a while longer; with a reason also past a colleague."""
    mine = claims.taken(act.officer, act.now)
    data = {"until": local(mine["claimed_until"])} | ({} if reason is None else {"reason": reason})
    await take(
        session,
        act,
        steps.CLAIMED,
        done=Done(data),
        values=mine,
        past_claims=reason is not None,
    )


async def release(session: AsyncSession, act: Act) -> None:
    """Give one's own claim back."""
    own = Requirement(claims.held_by(act.officer, act.now), problems.NotClaimed())
    await take(session, act, steps.RELEASED, values=claims.GIVEN_BACK, requires=[own])


async def assign(
    session: AsyncSession,
    act: Act,
    *,
    username: str | None,
    note: str | None,
    language: Language,
) -> None:
    """Say whose task a case is. A chief says it of anybody of the station, others of themselves."""
    officer, requires = act.officer, []
    if officer.role != StaffRole.STATION_CHIEF:
        if username not in (None, officer.username):
            raise problems.RoleNotAllowed
        if username is None:
            own = or_(Report.assignee_id.is_(None), Report.assignee_id == officer.staff_id)
            requires.append(Requirement(own, problems.RoleNotAllowed()))
    assignee = None
    if username is not None:
        assignee = await session.scalar(
            select(Colleague.c.id).where(Colleague.c.username == username, Colleague.c.active)
        )
        if assignee is None:
            raise problems.unfit("username", "colleague", language)
    data = {"username": username} | ({} if note is None else {"note": note})
    await take(
        session,
        act,
        steps.ASSIGNED,
        done=Done(data),
        values={"assignee_id": assignee},
        requires=requires,
    )


async def progress(
    session: AsyncSession, act: Act, *, public_text: str | None, note: str | None
) -> None:
    """Say that work has begun, or goes on; the reporter reads the public text only."""
    said = {"public_text": public_text, "note": note}
    station = await name_of(session, act.officer.station_id)
    await take(
        session,
        act,
        steps.PROGRESSED,
        done=Done(
            data={name: text for name, text in said.items() if text is not None},
            told={"station": station, "public_text": public_text or ""},
        ),
    )
