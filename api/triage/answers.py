"""What an officer is answered about one case: all there is to see of it, read in one place."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.clocks.history import clocks_of
from api.clocks.schemas import clocks_out
from api.clocks.steps import book_of
from api.clocks.urgings import urgings_of
from api.reports.tables import CaseInformed
from api.triage import queries, schemas, thread
from api.triage.lifecycle import Act, with_service_rights


async def case_seen(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, *, now: dt.datetime
) -> schemas.CaseOut | None:
    """A case as the officer may see it; None when there is none in their scope."""
    case = await queries.find_case(session, officer, case_id)
    if case is None:
        return None
    said = schemas.said_about(
        case,
        await thread.messages_of(session, case_id),
        await thread.outcomes_of(session, case_id),
        await thread.feedback_of(session, case_id),
    )
    events = await queries.events_of(session, case_id)
    clocks = clocks_of(await book_of(session), case, events)
    told = {
        "clocks": clocks_out(clocks, now),
        "urgings": await urgings_of(session, case_id),
    }
    return schemas.case_out(case, events, {**said, **told}, now=now)


async def case_after(session: AsyncSession, act: Act) -> schemas.CaseOut:
    """The case after an officer's step, also when the step took it out of the station's sight."""
    seen = await case_seen(session, act.officer, act.case_id, now=act.now)
    if seen is not None:
        return seen
    async with last_look(session, act):
        gone = await case_seen(session, act.officer, act.case_id, now=act.now)
    if gone is None:
        raise problems.NotFound
    return gone.model_copy(update={"relation": "gone"})


@asynccontextmanager
async def last_look(session: AsyncSession, act: Act) -> AsyncIterator[None]:
    """See once more what is not the station's to see: within the transaction of the step only."""
    seer = {"case_id": act.case_id, "station_id": act.officer.station_id}
    async with with_service_rights(session, act.officer):
        await session.execute(insert(CaseInformed).values(seer))
    yield
    async with with_service_rights(session, act.officer):
        await session.execute(delete(CaseInformed).filter_by(**seer))
