"""What a reporter does about their own report: answer, withdraw, reopen, say whether it was well.

Each is a step like an officer's (see `api.triage.steps`); the reporter sends no version of the
report, and whatever they do twice is done once.
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from api import limits, problems
from api.accounts.identity import ReaderIdentity
from api.reports.queries import readable_by
from api.reports.tables import Report, State
from api.secrets import Keys
from api.triage import outcomes, steps
from api.triage.dialogue import said_before, say
from api.triage.lifecycle import Case, Done, Requirement, name_of
from api.triage.reporter_steps import take_as_reporter
from api.triage.tables import Feedback, Side

REOPEN_WITHIN = dt.timedelta(days=14)
"""How long after its end a report can be reopened."""


@dataclass(frozen=True)
class MyAct:
    """A reader acts on one report, by whichever way they can read it."""

    reader: ReaderIdentity
    stored_id: uuid.UUID
    now: dt.datetime
    keys: Keys
    factor: float
    """Multiplies the rate limits; 0 means there are none."""

    def mine(self) -> tuple[ColumnElement[bool], ...]:
        """The report, if it is theirs."""
        return Report.id == self.stored_id, readable_by(self.reader)


@dataclass(frozen=True)
class Said:
    """A message as it stands in the dialogue."""

    case_id: uuid.UUID
    created: bool


async def answer(session: AsyncSession, act: MyAct, *, message_id: uuid.UUID, text: str) -> Said:
    """Say something to the station, and answer its question if there is one."""
    case_id = await lock(session, act)
    if await said_before(session, case_id, Side.REPORTER, message_id, text):
        return Said(case_id, created=False)
    await count(session, act)

    async def put(case: Case) -> Done:
        await say(session, case_id, message_id, text, now=act.now, side=Side.REPORTER)
        return await told(session, case)

    await take_as_reporter(
        session, act.reader, act.stored_id, steps.ANSWERED, now=act.now, then=put
    )
    return Said(case_id, created=True)


async def withdraw(session: AsyncSession, act: MyAct) -> None:
    """Take the report back; one that is withdrawn already stays so."""

    async def part(case: Case) -> Done:
        return await told(session, case)

    try:
        await take_as_reporter(
            session, act.reader, act.stored_id, steps.WITHDRAWN, now=act.now, then=part
        )
    except problems.TransitionNotAllowed as refused:
        if refused.members["state_now"] != State.WITHDRAWN:
            raise


async def reopen(
    session: AsyncSession, act: MyAct, *, message_id: uuid.UUID | None, text: str
) -> None:
    """Ask for another look at a report that has ended; one that was linked stands alone again."""
    case_id = await lock(session, act)
    if message_id is not None and await said_before(
        session, case_id, Side.REPORTER, message_id, text
    ):
        return
    await count(session, act)

    async def put(case: Case) -> Done:
        await say(
            session, case_id, message_id or uuid.uuid4(), text, now=act.now, side=Side.REPORTER
        )
        above = await outcomes.unlink(session, case_id)
        said = await told(session, case)
        return Done(data={} if above is None else {"unlinked": str(above)}, told=said.told)

    recent = Requirement(
        Report.closed_at > act.now - REOPEN_WITHIN,
        problems.ReopeningTooLate(days=REOPEN_WITHIN.days),
    )
    await take_as_reporter(
        session,
        act.reader,
        act.stored_id,
        steps.REOPENED,
        now=act.now,
        then=put,
        requires=[recent],
    )


async def rate(session: AsyncSession, act: MyAct, *, satisfied: bool, text: str | None) -> None:
    """Say whether it ended well: once for each end, and the last word counts."""
    case_id = await lock(session, act)
    if await rated_before(session, case_id, satisfied=satisfied, text=text):
        return
    await count(session, act)

    async def put(case: Case) -> Done:
        opinion = {"satisfied": satisfied, "text": text, "at": act.now}
        await session.execute(
            postgresql.insert(Feedback)
            .values(case_id=case_id, closed_at=case.closed_at or case.received_at, **opinion)
            .on_conflict_do_update(
                index_elements=[Feedback.case_id, Feedback.closed_at], set_=opinion
            )
        )
        return Done(data={"satisfied": satisfied})

    await take_as_reporter(session, act.reader, act.stored_id, steps.RATED, now=act.now, then=put)


async def rated_before(
    session: AsyncSession, case_id: uuid.UUID, *, satisfied: bool, text: str | None
) -> bool:
    """Whether this is what the reporter thinks of the last end already."""
    found = await session.execute(
        select(Feedback.satisfied, Feedback.text)
        .join(Report, Report.case_id == Feedback.case_id)
        .where(Feedback.case_id == case_id, Feedback.closed_at == Report.closed_at)
    )
    return found.one_or_none() == (satisfied, text)


async def find(session: AsyncSession, act: MyAct) -> uuid.UUID:
    """The case of the report, to read; raises `NotFound` unless it is theirs."""
    case_id: uuid.UUID | None = await session.scalar(select(Report.case_id).where(*act.mine()))
    if case_id is None:
        raise problems.NotFound
    return case_id


async def lock(session: AsyncSession, act: MyAct) -> uuid.UUID:
    """The case of the report, locked: what its reporter sends twice at once comes in turn."""
    case_id: uuid.UUID | None = await session.scalar(
        select(Report.case_id).where(*act.mine()).with_for_update(key_share=True)
    )
    if case_id is None:
        raise problems.NotFound
    return case_id


async def count(session: AsyncSession, act: MyAct) -> None:
    """Count something said against the report's limits; raises when there was too much."""
    checks = [(rate, str(act.stored_id)) for rate in limits.MESSAGE_PER_REPORT]
    seconds = await limits.hit(session, act.keys, checks, factor=act.factor)
    if seconds is not None:
        raise problems.TooManyRequests(seconds)


async def told(session: AsyncSession, case: Case) -> Done:
    """The reporter's confirmation names the station."""
    return Done(told={"station": await name_of(session, case.station_id)})
