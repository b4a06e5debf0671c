"""What crosses the wire about clocks, extensions, urging, delegations and staff's own inbox."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.clock import LocalTime
from api.clocks.deadlines import Clock, Unit
from api.clocks.tables import Basis
from api.reports.schemas import In
from api.texts import CleanText, SaidText

Reason = Annotated[SaidText, Field(min_length=1, max_length=2000)]
Day = Annotated[dt.date, Field(ge=dt.date(2000, 1, 1), le=dt.date(2200, 1, 1))]
ClockName = Annotated[CleanText, Field(min_length=1, max_length=50)]


class ClockNameOut(BaseModel):
    """What a clock is called."""

    vi: str
    en: str


class RuleOut(BaseModel):
    """Where a deadline comes from: the rule in force when its clock started."""

    id: str
    amount: int
    unit: Unit
    basis: Basis = Field(description="`service` is a promise of the service, not law")
    citation: str
    article: str | None
    effective_from: dt.date
    effective_to: dt.date | None = Field(description="The first day on which it no longer holds")
    needs_check: bool = Field(description="The deployer's legal office has still to confirm it")


class ExtensionOut(BaseModel):
    """An extension that was asked for and is not decided yet."""

    until: dt.date
    asked_by: str | None
    asked_at: LocalTime
    reason: str | None


class ClockOut(BaseModel):
    """A clock of a case."""

    clock: str
    name: ClockNameOut
    state: Literal["running", "paused", "stopped"]
    started_at: LocalTime
    deadline: LocalTime = Field(description="While it is paused, what it was: it will be later")
    paused_at: LocalTime | None
    stopped_at: LocalTime | None
    met: bool | None = Field(description="Null while it is open whether it stops in time")
    overdue: bool
    rule: RuleOut
    extensions: int = Field(description="How many were granted")
    extension: ExtensionOut | None
    extensible_until: dt.date | None = Field(description="How far the next one may reach")
    ask_until: dt.date | None = Field(description="The last day to ask for it")


def clock_out(clock: Clock, now: dt.datetime) -> ClockOut:
    """A clock as officers read it."""
    rule, asked, limit = clock.rule, clock.request, clock.limit()
    return ClockOut(
        clock=rule.clock,
        name=ClockNameOut(vi=rule.name_vi, en=rule.name_en),
        state=clock.state,
        started_at=clock.started_at,
        deadline=clock.deadline,
        paused_at=clock.paused_at,
        stopped_at=clock.stopped_at,
        met=clock.met(now),
        overdue=clock.is_overdue(now),
        rule=RuleOut.model_validate(rule, from_attributes=True),
        extensions=clock.extended,
        extension=asked
        and ExtensionOut(
            until=asked.until, asked_by=asked.asked_by, asked_at=asked.at, reason=asked.reason
        ),
        extensible_until=None if clock.stopped_at is not None else limit,
        ask_until=None if limit is None or clock.stopped_at else clock.last_day_to_ask(),
    )


def clocks_out(clocks: Sequence[Clock], now: dt.datetime) -> list[ClockOut]:
    """The clocks of a case, the first deadline first."""
    ordered = sorted(clocks, key=lambda each: (each.stopped_at is not None, each.deadline))
    return [clock_out(each, now) for each in ordered]


class ExtensionIn(In):
    """More time is needed, and why; the chief decides."""

    clock: ClockName
    until: Day = Field(description="The last day")
    reason: Reason


class DecisionIn(In):
    """Whether a clock gets the time that was asked for."""

    clock: ClockName
    approved: Annotated[bool, Field(strict=True)]
    reason: Reason


class UrgingIn(In):
    """Why is this late? (*Đôn đốc*.)"""

    text: Reason


class AnswerIn(In):
    """What the station says to that."""

    text: Reason


class UrgingOut(BaseModel):
    """An urging and its answer, on record."""

    id: uuid.UUID
    case_id: uuid.UUID
    station_id: str
    text: str
    created_at: LocalTime
    answer: str | None
    answered_at: LocalTime | None


class UrgingsOut(BaseModel):
    """A page of urgings, newest first."""

    items: list[UrgingOut]
    next_cursor: str | None


class OverdueOut(BaseModel):
    """A clock that is overdue: numbers and times, nothing of what was reported."""

    case_id: uuid.UUID
    register_number: str | None
    station_id: str
    station_name: str
    clock: str
    name: ClockNameOut
    due_at: LocalTime
    step: int = Field(description="Who was told: 1 the officer, 2 the chief, 3 the province")
    urged_at: LocalTime | None
    answered_at: LocalTime | None


class OverduesOut(BaseModel):
    """A page of what is overdue, the longest first."""

    items: list[OverdueOut]
    next_cursor: str | None


class DelegationIn(In):
    """Who may approve in the chief's place, until when."""

    username: Annotated[CleanText, Field(min_length=1, max_length=100)]
    until: Day = Field(description="The last day")


class DelegationOut(BaseModel):
    """A delegation that holds."""

    id: uuid.UUID
    username: str
    until: LocalTime
    created_at: LocalTime


class DelegationsOut(BaseModel):
    """The delegations of a station that hold."""

    items: list[DelegationOut]
    next_cursor: None


class NoticeOut(BaseModel):
    """A notice to staff: a case number, a clock, a time, or what has changed in a place."""

    id: int
    kind: str
    text: str
    created_at: LocalTime
    case_id: uuid.UUID | None = Field(description="Null where it is about no case: a trend")
    clock: str | None
    due_at: LocalTime | None
    data: dict[str, Any]
    read_at: LocalTime | None


class NoticesOut(BaseModel):
    """A page of notices, newest first."""

    items: list[NoticeOut]
    next_cursor: str | None


class ReadIn(In):
    """Which notices were read."""

    ids: Annotated[list[Annotated[int, Field(strict=True, ge=1, lt=2**63)]], Field(max_length=100)]
