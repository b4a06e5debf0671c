"""What was said about a case, as its officers read it."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.triage.queries import colleague_named
from api.triage.tables import CaseMessage, CaseOutcome, Feedback

SHOWN = 500
"""How many messages of a case are shown: the newest."""


MESSAGE = (
    CaseMessage.id,
    CaseMessage.side,
    CaseMessage.question,
    CaseMessage.text,
    CaseMessage.at,
    CaseMessage.station_id,
    colleague_named(CaseMessage.staff_id).label("by"),
)
OUTCOME = (
    CaseOutcome.at,
    CaseOutcome.state,
    CaseOutcome.reason_code,
    CaseOutcome.note,
    CaseOutcome.public_text,
    CaseOutcome.station_id,
    colleague_named(CaseOutcome.staff_id).label("by"),
)


async def messages_of(session: AsyncSession, case_id: uuid.UUID) -> Sequence[Row[Any]]:
    """The newest messages of a case for its officers, oldest first."""
    found: Result[Any] = await session.execute(
        select(*MESSAGE)
        .where(CaseMessage.case_id == case_id)
        .order_by(CaseMessage.number.desc())
        .limit(SHOWN)
    )
    return found.all()[::-1]


async def outcomes_of(session: AsyncSession, case_id: uuid.UUID) -> Sequence[Row[Any]]:
    """How a case ended, each time; served by `ix_case_outcomes_case`."""
    found: Result[Any] = await session.execute(
        select(*OUTCOME).where(CaseOutcome.case_id == case_id).order_by(CaseOutcome.id)
    )
    return found.all()


async def feedback_of(session: AsyncSession, case_id: uuid.UUID) -> Sequence[Row[Any]]:
    """What the reporter thought of each end."""
    found: Result[Any] = await session.execute(
        select(Feedback.closed_at, Feedback.satisfied, Feedback.text, Feedback.at)
        .where(Feedback.case_id == case_id)
        .order_by(Feedback.closed_at)
    )
    return found.all()
