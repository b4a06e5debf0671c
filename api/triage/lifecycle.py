"""The steps of a case that officers take: a table of rules, and one transaction for each act."""

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Any

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.audit import audited
from api.clock import VIETNAM
from api.db import AS_API, AS_OFFICER
from api.reports.tables import CaseEvent, Register, RegisterEntry, Report, State
from api.triage.queries import owned_by, visible_to
from geo.tables import Station
from notifications.outbox import owe

log = structlog.get_logger()

STEPS: dict[str, tuple[frozenset[State], State]] = {
    "report.acknowledged": (frozenset({State.RECEIVED}), State.ACKNOWLEDGED),
}
"""For each step: the states it may be taken from, and the one it leads to."""


async def acknowledge(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    *,
    versions: Collection[int],
    now: dt.datetime,
) -> None:
    """Take a case into the station's register, and tell the reporter its number."""
    step = "report.acknowledged"
    await advance(session, officer, case_id, step, versions=versions)
    number = await enter_into_register(session, officer, case_id, now=now)
    station = await session.scalar(select(Station.name).where(Station.id == officer.station_id))
    await record(session, officer, case_id, step, now=now, data={"register_number": number})
    await tell_reporter(
        session,
        officer,
        case_id,
        step,
        now=now,
        data={"station": station, "register_number": number},
    )
    log.info(step, case_id=str(case_id), station_id=officer.station_id)


async def advance(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    step: str,
    *,
    versions: Collection[int],
) -> None:
    """Take a step if the case is the station's own, in one of `versions` and in a fitting state.

    The database settles every race. Otherwise the problem that says why not is raised.
    """
    allowed, target = STEPS[step]
    moved = await session.execute(
        update(Report)
        .where(
            Report.case_id == case_id,
            owned_by(officer),
            Report.version.in_(versions),
            Report.state.in_(allowed),
        )
        .values(state=target, version=Report.version + 1)
        .returning(Report.case_id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        raise await why_not(session, officer, case_id, versions=versions)


async def why_not(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    *,
    versions: Collection[int],
) -> problems.Problem:
    """Why a case did not move; one outside the officer's scope does not exist."""
    found = await session.execute(
        select(Report.state, Report.version, Report.station_id).where(
            Report.case_id == case_id, visible_to(officer)
        )
    )
    case = found.one_or_none()
    if case is None:
        return problems.NotFound()
    if case.station_id != officer.station_id:
        return problems.ReadOnlyCase()
    if case.version not in versions:
        return problems.PreconditionFailed()
    return problems.TransitionNotAllowed(state_now=case.state)


async def enter_into_register(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, *, now: dt.datetime
) -> str:
    """The case's number in its station's register, such as `12/2026`.

    A case that comes back to a station keeps its number there; any other gets the next one of the
    year in Vietnam.
    """
    year, number = await earlier_entry(session, officer, case_id) or await new_entry(
        session, officer, case_id, now=now
    )
    await session.execute(
        update(Report)
        .where(Report.case_id == case_id, owned_by(officer))
        .values(register_year=year, register_number=number)
        .execution_options(synchronize_session=False)
    )
    return f"{number}/{year}"


async def earlier_entry(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID
) -> tuple[int, int] | None:
    """The year and number a case already has in this station's register.

    The case's row is locked by the step that is being taken, so nobody else is entering it.
    """
    found = await session.execute(
        select(RegisterEntry.year, RegisterEntry.number).where(
            RegisterEntry.case_id == case_id, RegisterEntry.station_id == officer.station_id
        )
    )
    row = found.one_or_none()
    return None if row is None else (row.year, row.number)


async def new_entry(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, *, now: dt.datetime
) -> tuple[int, int]:
    """Enter a case into this year's register; its year and number.

    Numbers have no gaps: the register's row stays locked until the transaction ends, and one that
    fails gives its number back.
    """
    year = now.astimezone(VIETNAM).year
    line = {"station_id": officer.station_id, "year": year}
    found = await session.execute(
        postgresql.insert(Register)
        .values(**line, last_number=1)
        .on_conflict_do_update(
            index_elements=[Register.station_id, Register.year],
            set_={"last_number": Register.last_number + 1},
        )
        .returning(Register.last_number)
    )
    number = found.scalar_one()
    await session.execute(
        insert(RegisterEntry).values(**line, number=number, case_id=case_id, entered_at=now)
    )
    return year, number


async def record(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    step: str,
    *,
    now: dt.datetime,
    data: dict[str, Any],
) -> None:
    """Write the step into the case's history and into the audit trail."""
    await session.execute(
        insert(CaseEvent)
        .values(
            case_id=case_id,
            kind=step,
            at=now,
            actor_kind="staff",
            actor_id=str(officer.staff_id),
            data=data,
        )
        .inline()
    )
    await session.execute(about_case(step, officer, case_id))


def about_case(action: str, officer: OfficerIdentity, case_id: uuid.UUID) -> Any:
    """The audit row of something an officer did with a case."""
    return audited(
        action,
        actor_kind="staff",
        actor_id=str(officer.staff_id),
        object_kind="case",
        object_id=str(case_id),
        scope=officer.scope,
    )


async def tell_reporter(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    kind: str,
    *,
    now: dt.datetime,
    data: dict[str, Any],
) -> None:
    """Put a message into the reporter's inbox and owe its pushes, in this transaction.

    Officers' rights do not reach the reporter's side, so only these statements have the service's.
    """
    await session.execute(AS_API)
    reporter = await session.execute(
        select(Report.id, Report.reporter_key).where(Report.case_id == case_id)
    )
    subject, recipient = reporter.one()
    await owe(session, subject=subject, recipient=recipient, kind=kind, data=data, now=now)
    await session.execute(AS_OFFICER, {"station": officer.station_id})
