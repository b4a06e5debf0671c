"""What crosses the wire about dialogue, outcomes and likeness, on the officers' side."""

import uuid

from pydantic import BaseModel, Field

from api.clock import LocalTime
from api.reports.tables import State
from api.triage.tables import Side


class CaseMessageOut(BaseModel):
    """One thing said. A reporter's has no id here, and the reporter's rounded time."""

    id: uuid.UUID | None
    side: Side
    question: bool
    text: str
    at: LocalTime
    station_id: str | None
    by: str | None = Field(description="Null for the reporter, and for another station's officer")


class OutcomeOut(BaseModel):
    """How the case ended, once."""

    at: LocalTime
    state: State
    reason_code: str
    note: str = Field(description="For officers only")
    public_text: str = Field(description="What the reporter reads")
    station_id: str
    by: str | None


class FeedbackOut(BaseModel):
    """What the reporter thought of it."""

    closed_at: LocalTime
    satisfied: bool
    text: str | None
    at: LocalTime


class OutcomeReasonOut(BaseModel):
    """A reason a case can end for."""

    code: str
    step: str = Field(description="The step it is for: `resolution` or `dismissal`")
    name: str = Field(description="In the language asked for")
    needs_chief: bool = Field(description="Only a chief, or oversight, may give it")


class OutcomeReasonsOut(BaseModel):
    """All of them."""

    items: list[OutcomeReasonOut]
    next_cursor: None = None
