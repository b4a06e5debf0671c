"""What crosses the wire about the queue, saved views and the handover of a shift."""

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.clock import LocalTime
from api.paging import LARGEST_PAGE, PAGE
from api.triage.cursors import LONGEST
from api.triage.filters import QueueFilter
from api.triage.schemas import CaseItemOut, ClaimOut, claim_of, item_facts, shown

Rule = Literal["urgency-then-oldest", "newest"]


class QueueAsked(QueueFilter):
    """A page of what a filter lets through."""

    cursor: Annotated[str | None, Field(max_length=LONGEST)] = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="Items on a page")] = PAGE


class OrderOut(BaseModel):
    """Why a case stands where it does: the rule of the list, and what it looks at."""

    rule: Rule = Field(description="Lists with closed cases in them have the newest first")
    urgency: int
    waiting_since: LocalTime = Field(description="Rounded like received_at")
    due_at: LocalTime | None = Field(description="The next deadline, rounded likewise")
    overdue: bool


class QueueItemOut(CaseItemOut):
    """A case in the queue, with its place there and who works on it."""

    order: OrderOut
    claim: ClaimOut | None
    assignee: str | None = Field(description="Whose task it is; null also for another station's")


class QueueOut(BaseModel):
    """A page of the queue."""

    items: list[QueueItemOut]
    next_cursor: str | None


class HandoverOut(BaseModel):
    """A shift, as it is handed over. Lists are cut at 100 cases, counts are not."""

    as_of: LocalTime
    since: LocalTime
    until: LocalTime
    counts: dict[Literal["open", "unacknowledged", "claimed", "due", "arrived", "closed"], int]
    unacknowledged: list[QueueItemOut]
    claimed: list[QueueItemOut]
    due: list[QueueItemOut] = Field(description="Due until then, what is overdue among them")


def queue_item(row: Row[Any], *, rule: Rule, now: dt.datetime) -> QueueItemOut:
    """A row of `queue.QUEUED` as officers see it: deadlines tell when a report came in."""
    due_at = row.due_at and shown(row.due_at, row.reporter_kind)
    facts = item_facts(row)
    return QueueItemOut.model_validate(
        {
            **facts,
            "order": OrderOut(
                rule=rule,
                urgency=row.urgency,
                waiting_since=facts["received_at"],
                due_at=due_at,
                overdue=due_at is not None and due_at < now,
            ),
            "claim": claim_of(row, now),
            "assignee": row.assignee,
        }
    )
