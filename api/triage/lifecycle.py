"""Taking steps: the one place that every step of a case passes through.

A step is a conditional update, a line of the case's history, an audit event, and (where it changes
something for the reporter) a message in their inbox: one transaction, with an officer's rights but
for what only the service may write. The database settles every race.

To add a step: put it into `steps.STEPS`, with its body in `step_schemas`; give its words in
`notifications.messages` unless it never tells; write a function like those of `work` that calls
`take` (`reporter_steps.take_as_reporter` for a reporter's own); and a route like those of
`step_routes`. Every step is a new version of the case, whether its state changes or not, because
the version is what `ETag` and `If-Match` go by.
"""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.audit import audited
from api.clock import local
from api.clocks import steps as clocks
from api.db import AS_API, AS_OFFICER
from api.groups import notices as group_notices
from api.groups.tables import Group
from api.live import feed
from api.reports.tables import CaseEvent, CaseInformed, Report
from api.triage import claims
from api.triage.queries import Colleague, owned_by, visible_to
from api.triage.steps import Step
from geo.tables import Station
from notifications.outbox import owe
from notifications.wakeups import wake_after

log = structlog.get_logger()

FACTS = (
    Report.case_id,
    Report.state,
    Report.version,
    Report.kind,
    Report.category,
    Report.about_station,
    Report.urgency,
    Report.received_at,
    func.ST_X(Report.location).label("lon"),
    func.ST_Y(Report.location).label("lat"),
    Report.accuracy_m,
    Report.place_source,
    Report.claimed_ward_code,
    Report.claimed_province_code,
    Report.station_id,
    Report.edition_id,
    Report.ward_code,
    Report.province_code,
    Report.routing,
    Report.flags,
    Report.last_station_id,
    Report.bounces,
    Report.claimed_until,
    Report.closed_at,
    Report.duplicate_of,
    select(Group.ward_code)
    .where(Group.id == Report.group_id)
    .scalar_subquery()
    .label("group_ward"),
)
"""What a step knows of its case, which is locked until the transaction ends."""

Case = Row[Any]
"""A row of `FACTS`, after the conditional update."""


@dataclass(frozen=True)
class Act:
    """An officer acts on a case in one of the versions they saw of it."""

    officer: OfficerIdentity
    case_id: uuid.UUID
    versions: Collection[int]
    now: dt.datetime


@dataclass(frozen=True)
class Requirement:
    """What else must hold of the case for a step, and the problem when it does not."""

    condition: ColumnElement[bool]
    otherwise: problems.Problem


@dataclass(frozen=True)
class Change:
    """What of a case only the service may write: its owner, its place, what it is."""

    values: Mapping[str, Any]
    informed: Sequence[str] | None = None
    """The stations that see it besides its owner; None leaves them as they are."""

    @property
    def moves(self) -> bool:
        """Whether another station owns the case afterwards."""
        return "station_id" in self.values


@dataclass(frozen=True)
class Done:
    """What a step leaves behind."""

    data: Mapping[str, Any] = field(default_factory=dict)
    """For the history: facts that officers see."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """For the reporter: facts for the words of the message."""
    change: Change | None = None


NOTHING = Done()

Then = Callable[[Case], Awaitable[Done]]
"""The rest of a step, once the case is locked and in its state; runs with the same rights."""


async def take(
    session: AsyncSession,
    act: Act,
    step: Step,
    *,
    done: Done = NOTHING,
    then: Then | None = None,
    values: Mapping[str, Any] | None = None,
    requires: Sequence[Requirement] = (),
    past_claims: bool = False,
) -> Case:
    """Take an officer's step; raises the problem that says why it cannot be taken.

    `values` are columns the step writes besides the state; `then` does the rest of it and answers
    what it leaves behind, where that is not known before (`done`). With `past_claims` a
    colleague's claim does not hold it up.
    """
    if act.officer.role not in step.roles:
        raise problems.RoleNotAllowed
    found = await advance(
        session, act, step, values=values or {}, requires=requires, past_claims=past_claims
    )
    if then is not None:
        done = await then(found)
    officer = act.officer
    await record(session, step.name, act.case_id, officer=officer, now=act.now, data=done.data)
    change, tells = done.change, telling(step, done)
    if change is not None or tells or clocks.concern(step.name):
        async with with_service_rights(session, officer):
            if change is not None:
                await rewrite(session, act.case_id, change, now=act.now)
            if clocks.concern(step.name):
                await clocks.after_step(session, act.case_id, act.now)
            if tells:
                await tell_reporter(session, act.case_id, step.name, now=act.now, data=done.told)
    log.info(step.name, case_id=str(act.case_id), station_id=officer.station_id)
    return found


def telling(step: Step, done: Done) -> bool:
    """Whether the reporter is told of a step."""
    moved = done.change is not None and done.change.moves
    return step.tells == "always" or (step.tells == "when moved" and moved)


def changes(step: Step, now: dt.datetime) -> dict[str, Any]:
    """What a step writes to its case by itself. Closing a case, or opening it again, frees it."""
    written: dict[str, Any] = {
        "state": case(dict(step.leads), value=Report.state),
        "version": Report.version + 1,
    }
    if step.closes:
        written |= claims.GIVEN_BACK | {"closed_at": now}
    if step.reopens:
        written |= claims.GIVEN_BACK | {"closed_at": None, "assignee_id": None}
    return written


async def advance(
    session: AsyncSession,
    act: Act,
    step: Step,
    *,
    values: Mapping[str, Any],
    requires: Sequence[Requirement],
    past_claims: bool,
) -> Case:
    """Move the case if it is the station's own, as the officer saw it, and nothing is against it.

    Otherwise the problem that says why not is raised.
    """
    officer = act.officer
    moved = await session.execute(
        update(Report)
        .where(
            Report.case_id == act.case_id,
            owned_by(officer),
            Report.version.in_(act.versions),
            Report.state.in_(step.sources),
            *([] if past_claims else [claims.free_for(officer, act.now)]),
            *(each.condition for each in requires),
        )
        .values(claims.renewed(officer, act.now) | changes(step, act.now) | dict(values))
        .returning(*FACTS)
        .execution_options(synchronize_session=False)
    )
    found = moved.one_or_none()
    if found is None:
        raise await why_not(session, act, step, requires=requires, past_claims=past_claims)
    return found


async def why_not(
    session: AsyncSession,
    act: Act,
    step: Step,
    *,
    requires: Sequence[Requirement],
    past_claims: bool,
) -> problems.Problem:
    """Why a case did not move; one outside the officer's scope does not exist."""
    here = (Report.case_id == act.case_id, visible_to(act.officer))
    found = await session.execute(
        select(
            Report.state,
            Report.version,
            Report.station_id,
            Report.claimed_until,
            claims.free_for(act.officer, act.now).label("free"),
            Colleague.c.username.label("claimed_by"),
        )
        .join(Colleague, Colleague.c.id == Report.claimed_by, isouter=True)
        .where(*here)
    )
    row = found.one_or_none()
    if row is None:
        return problems.NotFound()
    if row.station_id != act.officer.station_id:
        return problems.ReadOnlyCase()
    if row.version not in act.versions:
        return problems.PreconditionFailed()
    if row.state not in step.sources:
        return problems.TransitionNotAllowed(state_now=row.state)
    if not row.free and not past_claims:
        return problems.CaseClaimed(
            claimed_by=row.claimed_by, claimed_until=local(row.claimed_until)
        )
    return await unmet(session, here, requires)


async def unmet(
    session: AsyncSession,
    here: Sequence[ColumnElement[bool]],
    requires: Sequence[Requirement],
) -> problems.Problem:
    """The first requirement that does not hold; when all do, the case has changed meanwhile."""
    for each in requires:
        if not await session.scalar(select(each.condition).select_from(Report).where(*here)):
            return each.otherwise
    return problems.PreconditionFailed()


async def record(
    session: AsyncSession,
    step: str,
    case_id: uuid.UUID,
    *,
    officer: OfficerIdentity | None,
    now: dt.datetime,
    data: Mapping[str, Any],
    scope: str | None = None,
) -> None:
    """Write an officer's step (or the reporter's) into the history and into the audit trail.

    An officer's right to do so ends with their station's right to the case: first record, then
    hand over. `scope` is the station of the case, where it is not the officer's.
    """
    actor = {
        "actor_kind": "reporter" if officer is None else "staff",
        "actor_id": None if officer is None else str(officer.staff_id),
    }
    await session.execute(
        insert(CaseEvent)
        .values(case_id=case_id, kind=step, at=now, data=dict(data), **actor)
        .inline()
    )
    await session.execute(
        about_case(step, officer, case_id)
        if officer is not None
        else audited(
            step, actor_kind="reporter", object_kind="case", object_id=str(case_id), scope=scope
        )
    )
    wake_after(session, feed.CHANNEL)


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


@asynccontextmanager
async def with_service_rights(
    session: AsyncSession, officer: OfficerIdentity
) -> AsyncIterator[None]:
    """What an officer's step does beyond an officer's rights: the reporter's side, the owner."""
    await session.execute(AS_API)
    yield
    await session.execute(AS_OFFICER, {"station": officer.station_id})


async def rewrite(
    session: AsyncSession, case_id: uuid.UUID, change: Change, *, now: dt.datetime
) -> None:
    """Write what only the service may; the step has locked the case. The first decision is kept.

    Where the owner changes, the leaders of the group that reported are told.
    """
    values = dict(change.values)
    if "routing" in values:
        values["first_routing"] = func.coalesce(Report.first_routing, Report.routing)
    await session.execute(
        update(Report)
        .where(Report.case_id == case_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if change.moves:
        await group_notices.rerouted(session, case_id, now)
    if change.informed is None:
        return
    await session.execute(delete(CaseInformed).where(CaseInformed.case_id == case_id))
    if change.informed:
        await session.execute(
            insert(CaseInformed),
            [{"case_id": case_id, "station_id": each} for each in change.informed],
        )


async def tell_reporter(
    session: AsyncSession,
    case_id: uuid.UUID,
    kind: str,
    *,
    now: dt.datetime,
    data: Mapping[str, Any],
) -> None:
    """Put a message into the reporter's inbox and owe its pushes, in this transaction."""
    reporter = await session.execute(
        select(Report.id, Report.reporter_key).where(Report.case_id == case_id)
    )
    subject, recipient = reporter.one()
    await owe(session, subject=subject, recipient=recipient, kind=kind, data=data, now=now)


async def name_of(session: AsyncSession, station_id: str | None) -> str | None:
    """What a station is called, for the words of a message."""
    found: str | None = await session.scalar(select(Station.name).where(Station.id == station_id))
    return found
