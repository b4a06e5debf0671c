"""The steps that reporters take on their own reports: the twin of `lifecycle.take`."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.identity import ReaderIdentity
from api.clocks import steps as clocks
from api.reports.queries import readable_by
from api.reports.tables import Report
from api.triage.lifecycle import (
    FACTS,
    NOTHING,
    Case,
    Done,
    Requirement,
    Then,
    changes,
    record,
    rewrite,
    tell_reporter,
    telling,
    unmet,
)
from api.triage.steps import Step

log = structlog.get_logger()


async def take_as_reporter(
    session: AsyncSession,
    reader: ReaderIdentity,
    stored_id: uuid.UUID,
    step: Step,
    *,
    now: dt.datetime,
    done: Done = NOTHING,
    then: Then | None = None,
    values: Mapping[str, Any] | None = None,
    requires: Sequence[Requirement] = (),
) -> Case:
    """Take a reporter's step on one of their own reports, with the service's rights.

    They send no version: what an officer did meanwhile shows in the state, which says whether the
    step can be taken. No officer's claim holds it up. Raises `NotFound`, `TransitionNotAllowed`
    or what a requirement says.
    """
    mine = (Report.id == stored_id, readable_by(reader))
    moved = await session.execute(
        update(Report)
        .where(*mine, Report.state.in_(step.sources), *(each.condition for each in requires))
        .values(changes(step, now) | dict(values or {}))
        .returning(*FACTS)
        .execution_options(synchronize_session=False)
    )
    found = moved.one_or_none()
    if found is None:
        state = await session.scalar(select(Report.state).where(*mine))
        if state is None:
            raise problems.NotFound
        if state not in step.sources:
            raise problems.TransitionNotAllowed(state_now=state)
        raise await unmet(session, mine, requires)
    if then is not None:
        done = await then(found)
    traced = {"now": now, "data": done.data, "scope": found.station_id}
    await record(session, step.name, found.case_id, officer=None, **traced)
    if done.change is not None:
        await rewrite(session, found.case_id, done.change, now=now)
    if clocks.concern(step.name):
        await clocks.after_step(session, found.case_id, now)
    if telling(step, done):
        await tell_reporter(session, found.case_id, step.name, now=now, data=done.told)
    log.info(step.name, case_id=str(found.case_id), station_id=found.station_id)
    return found
