"""What the clocks of a case say: a pure function of its rules, the calendar and what happened.

Nothing is stored of a clock but the events that moved it, so the same history always gives the same
answer. Terms in days and months follow article 134 of the Criminal Procedure Code 2015: they end at
24:00 of their last day, a month ends on the same day of a later month or on that month's last, and
a last day that is not worked gives way to the next one that is.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from api.clocks.calendar import Calendar, add_months, local_day


class Unit(StrEnum):
    """What an amount of time is counted in."""

    MINUTES = "minutes"
    HOURS = "hours"
    WORKING_HOURS = "working_hours"
    DAYS = "days"
    MONTHS = "months"


class RunsFrom(StrEnum):
    """What starts a clock: the report, its acknowledgement, or its arrival at another station."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    TRANSFERRED = "transferred"


RECEIVED, REOPENED = "report.received", "report.reopened"
ACKNOWLEDGED = "report.acknowledged"
CORRECTED = "report.corrected"
MOVED = frozenset({"report.transferred", "report.bounced", "report.rerouted"})
HANDED_OVER = "report.handed_over"
"""Not an event of its own: a case that moves to a station which is no ward's is handed over."""
CLOSINGS = frozenset(
    {
        "report.resolved",
        "report.confirmed",
        "report.dismissed",
        "report.linked",
        "report.withdrawn",
    }
)
QUESTIONED = "report.questioned"
RESUMING = frozenset({"report.answered", "report.progressed"}) | MOVED | CLOSINGS
REQUESTED = "report.extension_requested"
GRANTED, REFUSED = "report.extension_granted", "report.extension_refused"
EXTENSION_EVENTS = frozenset({REQUESTED, GRANTED, REFUSED})


@dataclass(frozen=True)
class Extension:
    """How far an extension may reach: so much from the start, or from the deadline before it."""

    amount: int
    unit: Unit
    counts_from: Literal["start", "deadline"]


@dataclass(frozen=True)
class Rule:
    """How long something may take, for which cases, from when to when, and who says so."""

    id: str
    clock: str
    amount: int
    unit: Unit
    runs_from: RunsFrom
    stops_at: frozenset[str]
    pauses: bool
    effective_from: dt.date
    effective_to: dt.date | None = None
    kinds: frozenset[str] | None = None
    urgencies: frozenset[int] | None = None
    ward_codes: frozenset[str] | None = None
    extensions: tuple[Extension, ...] = ()
    notice_days: int = 0
    ladder: tuple[dt.timedelta, ...] = ()
    name_vi: str = ""
    name_en: str = ""
    basis: str = "service"
    citation: str = ""
    article: str | None = None
    needs_check: bool = False

    @property
    def weight(self) -> tuple[bool, bool, bool, dt.date, str]:
        """Of two rules for one case the more exact one holds, then the later one."""
        exact = (each is not None for each in (self.ward_codes, self.urgencies, self.kinds))
        return (*exact, self.effective_from, self.id)  # type: ignore[return-value]

    def fits(self, facts: "Facts") -> bool:
        """Whether it is for such a case."""
        return (
            (self.kinds is None or facts.kind in self.kinds)
            and (self.urgencies is None or facts.urgency in self.urgencies)
            and (self.ward_codes is None or facts.ward_code in self.ward_codes)
        )

    def holds_on(self, day: dt.date) -> bool:
        """Whether it is in force on a day."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


@dataclass(frozen=True)
class Facts:
    """What of a case decides which rules are for it."""

    kind: str
    urgency: int
    ward_code: str | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened to a case; `facts` are those that hold from then on."""

    kind: str
    at: dt.datetime
    facts: Facts
    station_id: str | None = None
    """Where it moved to, if it did."""
    data: Mapping[str, Any] = field(default_factory=dict)
    actor_id: str | None = None

    @property
    def moves(self) -> bool:
        """Whether another station has the case from then on."""
        return self.kind in MOVED or (self.kind == CORRECTED and self.station_id is not None)

    @property
    def hands_over(self) -> bool:
        """Whether it goes to a desk or to oversight."""
        return self.moves and not (self.station_id or "").startswith("w-")


@dataclass(frozen=True)
class LastDay:
    """A time that runs out at 24:00 of a day, or of the next working day."""

    day: dt.date


Term = dt.datetime | LastDay
"""When a time runs out: at a moment, or at the end of a last day."""


def end(calendar: Calendar, term: Term) -> dt.datetime:
    """The moment after which it is too late."""
    return calendar.end_of(term.day) if isinstance(term, LastDay) else term


def counted(calendar: Calendar, start: dt.datetime, amount: int, unit: Unit) -> Term:
    """So much time, counted from a moment; the day of a start in days or months is not counted."""
    if unit == Unit.MINUTES:
        return start + dt.timedelta(minutes=amount)
    if unit == Unit.HOURS:
        return start + dt.timedelta(hours=amount)
    if unit == Unit.WORKING_HOURS:
        return calendar.add_working(start, dt.timedelta(hours=amount))
    return LastDay(later_day(local_day(start), amount, unit))


def later_day(day: dt.date, amount: int, unit: Unit) -> dt.date:
    """A day so many days or months later."""
    if unit == Unit.MONTHS:
        return add_months(day, amount)
    return day + dt.timedelta(days=amount)


def postponed(
    calendar: Calendar, term: Term, unit: Unit, pause: tuple[dt.datetime, dt.datetime]
) -> Term:
    """A term after a pause: what was left of it is left still; days are whole days.

    One that was paused in the days off behind its last day has the day of its return left.
    """
    paused_at, resumed_at = pause
    if isinstance(term, LastDay):
        returned = local_day(resumed_at)
        return LastDay(max(term.day + (returned - local_day(paused_at)), returned))
    if unit == Unit.WORKING_HOURS:
        left = calendar.working_between(paused_at, term)
        return calendar.add_working(resumed_at, left) if left else max(term, resumed_at)
    return term + (resumed_at - paused_at)


@dataclass(frozen=True)
class Request:
    """An extension that was asked for and is not yet decided."""

    until: dt.date
    asked_by: str | None
    at: dt.datetime
    reason: str | None


@dataclass(frozen=True)
class Clock:
    """One run of a clock of a case."""

    rule: Rule
    started_at: dt.datetime
    term: Term
    deadline: dt.datetime
    """While it is paused, what it was: it moves on by the length of the pause."""
    paused_at: dt.datetime | None = None
    stopped_at: dt.datetime | None = None
    pauses: tuple[tuple[dt.datetime, dt.datetime], ...] = ()
    extended: int = 0
    request: Request | None = None
    held_by_handover: bool = False

    @property
    def state(self) -> Literal["running", "paused", "stopped"]:
        """Whether time passes."""
        if self.stopped_at is not None:
            return "stopped"
        return "running" if self.paused_at is None else "paused"

    def met(self, now: dt.datetime) -> bool | None:
        """Whether it stopped in time; None while that is open."""
        if self.stopped_at is not None:
            return self.stopped_at <= self.deadline
        return False if self.is_overdue(now) else None

    def is_overdue(self, now: dt.datetime) -> bool:
        """Whether it runs and should have stopped."""
        return self.state == "running" and now > self.deadline

    def limit(self) -> dt.date | None:
        """The last day to which the next extension may reach; None when there is none left."""
        if not isinstance(self.term, LastDay) or self.extended >= len(self.rule.extensions):
            return None
        given = self.rule.extensions[self.extended]
        start = local_day(self.started_at) if given.counts_from == "start" else self.term.day
        return later_day(start, given.amount, given.unit)

    def last_day_to_ask(self) -> dt.date:
        """The last day on which an extension may be asked for."""
        last = local_day(self.deadline - dt.timedelta(microseconds=1))
        return last - dt.timedelta(days=self.rule.notice_days)


def due_at(clocks: Collection[Clock]) -> dt.datetime | None:
    """The earliest deadline of those that run; None when none does."""
    return min((each.deadline for each in clocks if each.state == "running"), default=None)
