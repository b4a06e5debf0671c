"""How the work on a case ends: resolved, dismissed, or linked to another case.

Of cases about one thing, one is the root: the others are linked to it, in the end, and it alone is
worked on. Each keeps its own reporter and its own thread. Links of one station take turns, so no
two of them can close a circle; rows are locked from the linked case upwards.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Result, Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.tables import StaffRole
from api.i18n import Language
from api.reports.tables import Report, ReportKind, State
from api.triage import steps
from api.triage.lifecycle import Act, Case, Done, Requirement, name_of, record, take
from api.triage.queries import owned_by
from api.triage.step_schemas import OutcomeIn
from api.triage.steps import Step
from api.triage.tables import CaseOutcome, OutcomeReason

LINKS = 7332
"""The first half of the advisory lock of whoever links; the other half is their station."""

RECONCILED = "reconciled"
"""The reason of what a group settled itself."""
MERGED = "report.merged"
"""What the history of the root says when a case is linked to it."""


async def reasons(session: AsyncSession) -> Sequence[OutcomeReason]:
    """Every reason a case can end for."""
    found = await session.scalars(select(OutcomeReason).order_by(OutcomeReason.position))
    return found.all()


async def finish(
    session: AsyncSession, act: Act, step: Step, outcome: OutcomeIn, *, language: Language
) -> None:
    """Resolve or dismiss a case. The reporter reads the public text; the note stays with us."""

    async def conclude(case: Case) -> Done:
        reason = await session.get(OutcomeReason, outcome.reason_code)
        if reason is None or reason.step != step.name:
            raise problems.unfit("reason_code", "outcome_reason", language)
        if reason.needs_chief and act.officer.role == StaffRole.DUTY_OFFICER:
            raise problems.RoleNotAllowed
        return await ended(
            session,
            act,
            case,
            reason_code=outcome.reason_code,
            note=outcome.note,
            public_text=outcome.public_text,
        )

    await take(session, act, step, then=conclude)


async def confirm(session: AsyncSession, act: Act, *, note: str, public_text: str) -> None:
    """End a case that a group has reconciled itself: the police confirm that it is settled."""

    async def conclude(case: Case) -> Done:
        return await ended(
            session, act, case, reason_code=RECONCILED, note=note, public_text=public_text
        )

    reconciled = Requirement(
        Report.kind == ReportKind.GROUP_RECONCILIATION, problems.NotAReconciliation()
    )
    await take(session, act, steps.CONFIRMED, then=conclude, requires=[reconciled])


async def ended(
    session: AsyncSession, act: Act, case: Case, *, reason_code: str, note: str, public_text: str
) -> Done:
    """Write down how a case ended."""
    await session.execute(
        insert(CaseOutcome)
        .values(
            case_id=act.case_id,
            at=act.now,
            state=case.state,
            reason_code=reason_code,
            note=note,
            public_text=public_text,
            station_id=act.officer.station_id,
            staff_id=act.officer.staff_id,
        )
        .inline()
    )
    station = await name_of(session, act.officer.station_id)
    return Done(
        data={"reason_code": reason_code},
        told={"station": station, "public_text": public_text},
    )


async def link(
    session: AsyncSession, act: Act, *, of: uuid.UUID, note: str | None, language: Language
) -> None:
    """Say that a case is about what another one of the station is about; that one is worked on."""
    await take_turn(session, act)

    async def bind(_: Case) -> Done:
        root = await root_of(session, act, of)
        if root is None or root.case_id == act.case_id or root.state == State.WITHDRAWN:
            raise problems.unfit("of", "link_target", language)
        await session.execute(
            update(Report)
            .where(Report.case_id == act.case_id, owned_by(act.officer))
            .values(duplicate_of=root.case_id)
            .execution_options(synchronize_session=False)
        )
        own = select(Report.merged_count).where(Report.case_id == act.case_id)
        await count(session, root.case_id, 1 + (await session.scalar(own) or 0))
        merged: Mapping[str, Any] = {"linked": str(act.case_id)}
        await record(session, MERGED, root.case_id, officer=act.officer, now=act.now, data=merged)
        data = {"of": str(root.case_id)} | ({} if note is None else {"note": note})
        return Done(data=data, told={"station": await name_of(session, act.officer.station_id)})

    await take(session, act, steps.LINKED, then=bind)


async def take_turn(session: AsyncSession, act: Act) -> None:
    """Wait until nobody else of the station is linking; until the transaction ends, others wait."""
    station = func.hashtext(act.officer.station_id)
    await session.execute(select(func.pg_advisory_xact_lock(LINKS, station)))


async def root_of(session: AsyncSession, act: Act, case_id: uuid.UUID) -> Row[Any] | None:
    """The case that a case is linked to in the end; None unless it is the officer's station's."""
    following: uuid.UUID | None = case_id
    found: Row[Any] | None = None
    while following is not None:
        read: Result[Any] = await session.execute(
            select(Report.case_id, Report.state, Report.duplicate_of).where(
                Report.case_id == following, owned_by(act.officer)
            )
        )
        found = read.one_or_none()
        following = None if found is None else found.duplicate_of
    return found


async def unlink(session: AsyncSession, case_id: uuid.UUID) -> uuid.UUID | None:
    """Take a case, and what is linked to it, out of the counts above it.

    Answers the case it was linked to, if any. With the service's rights: the cases above may be
    other stations' by now.
    """
    links = select(Report.duplicate_of, Report.merged_count)
    case = (await session.execute(links.where(Report.case_id == case_id))).one()
    above: uuid.UUID | None = case.duplicate_of
    following = above
    while following is not None:
        await count(session, following, -(1 + case.merged_count))
        following = (await session.execute(links.where(Report.case_id == following))).one()[0]
    await session.execute(
        update(Report)
        .where(Report.case_id == case_id)
        .values(duplicate_of=None)
        .execution_options(synchronize_session=False)
    )
    return above


async def count(session: AsyncSession, case_id: uuid.UUID, more: int) -> None:
    """Add to how many cases are linked to one: whoever looks at it sees another version."""
    await session.execute(
        update(Report)
        .where(Report.case_id == case_id)
        .values(merged_count=Report.merged_count + more, version=Report.version + 1)
        .execution_options(synchronize_session=False)
    )
