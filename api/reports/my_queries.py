"""What a reporter reads of the dialogue about their report, and of how it ended.

Internal notes are out of reach: the service has no right to their column.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Result, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.reports.tables import Report
from api.triage.tables import CaseMessage, CaseOutcome, Feedback
from geo.tables import Station


@dataclass(frozen=True)
class End:
    """How a report ended, if it has."""

    closed_at: dt.datetime | None
    outcome: Row[Any] | None
    feedback: Row[Any] | None


async def end_of(session: AsyncSession, stored_id: uuid.UUID) -> End:
    """The end of a report that its reader may read; nothing of earlier ends."""
    report = (
        await session.execute(
            select(Report.case_id, Report.state, Report.closed_at).where(Report.id == stored_id)
        )
    ).one()
    outcome: Result[Any] = await session.execute(
        select(CaseOutcome.at, CaseOutcome.state, CaseOutcome.public_text)
        .where(
            CaseOutcome.case_id == report.case_id,
            CaseOutcome.state == report.state,
            CaseOutcome.at == report.closed_at,
        )
        .order_by(CaseOutcome.id.desc())
        .limit(1)
    )
    feedback: Result[Any] = await session.execute(
        select(Feedback.satisfied, Feedback.text, Feedback.at).where(
            Feedback.case_id == report.case_id, Feedback.closed_at == report.closed_at
        )
    )
    return End(report.closed_at, outcome.one_or_none(), feedback.one_or_none())


MESSAGE: tuple[Any, ...] = (
    CaseMessage.number,
    CaseMessage.id,
    CaseMessage.side,
    Station.name.label("station"),
    CaseMessage.question,
    CaseMessage.text,
    CaseMessage.at,
)
"""What of a message its reporter sees; the station's words are signed with its name only."""


def messages_statement(case_id: uuid.UUID) -> Select[Any]:
    """The dialogue of a case."""
    said = select(*MESSAGE).join(Station, Station.id == CaseMessage.station_id, isouter=True)
    return said.where(CaseMessage.case_id == case_id)


async def my_messages(
    session: AsyncSession, case_id: uuid.UUID, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """A page of the dialogue, oldest first; served by the primary key."""
    found: Result[Any] = await session.execute(
        messages_statement(case_id)
        .where(CaseMessage.number > after)
        .order_by(CaseMessage.number)
        .limit(limit)
    )
    return found.all()


async def my_message(session: AsyncSession, case_id: uuid.UUID, message_id: uuid.UUID) -> Row[Any]:
    """What the reporter said under an id."""
    found: Result[Any] = await session.execute(
        messages_statement(case_id).where(
            CaseMessage.side == "reporter", CaseMessage.id == message_id
        )
    )
    return found.one()
