"""A case's stays at stations: a pure function of its history, its clocks and nothing else.

A stay begins when the case is received, reopened, or moved to the station, and ends when it is
closed there or leaves. A limit is judged where the case was when it passed or was kept: who had
the case a short time is not blamed for what another station let pass.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.clocks.book import ClockBook
from api.clocks.calendar import local_day
from api.clocks.deadlines import (
    ACKNOWLEDGED,
    CLOSINGS,
    CORRECTED,
    HANDED_OVER,
    RECEIVED,
    REOPENED,
    REQUESTED,
    Clock,
    Event,
    Unit,
)

RATED, URGED = "report.rated", "case.urged"
FALSE_REPORT = "false_report"
ACTS = CLOSINGS - {"report.withdrawn"} | {
    "report.progressed",
    "report.questioned",
    "report.messaged",
    "report.transferred",
    "report.bounced",
    CORRECTED,
    REQUESTED,
    "report.urging_answered",
}
"""What an officer does for a case; to claim or assign it does nothing for it yet."""

UNANSWERED = ("linked", "withdrawn")
NEAR = 0.02
"""The last fiftieth of the time there was."""
AT_ONCE = dt.timedelta(minutes=5)
"""What an officer writes down is in the register at once; intake is timed to five minutes."""
ASKED_LATE = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


@dataclass
class Limit:
    """A limit that was kept or passed during a stay."""

    due_at: dt.datetime | None = None
    done_at: dt.datetime | None = None
    near: bool = False


@dataclass
class Stay:
    """One stay; None is what has not happened."""

    station_id: str
    arrival: str
    arrived_at: dt.datetime
    origin_at: dt.datetime
    first: int
    """The place of its first event in the history."""
    ended_at: dt.datetime | None = None
    ended_by: str | None = None
    recorded: bool = False
    read_at: dt.datetime | None = None
    read_hours: float | None = None
    read_in_working_hours: bool = False
    read: Limit = field(default_factory=Limit)
    handover: Limit = field(default_factory=Limit)
    outcome: Limit = field(default_factory=Limit)
    outcome_hours: float | None = None
    false_report: bool = False
    worked_at: dt.datetime | None = None
    relaxed_at: dt.datetime | None = None
    asked_at: dt.datetime | None = None
    asked_late: bool = False
    urged_at: list[dt.datetime] = field(default_factory=list)
    satisfied: bool | None = None
    reopened_at: dt.datetime | None = None

    @property
    def left(self) -> bool:
        """Whether it went on to another station."""
        return self.ended_by in ("transferred", "bounced", "rerouted")


def stays_of(
    book: ClockBook, events: Sequence[Event], *, station_id: str, channel: str = "app"
) -> list[Stay]:
    """The stays of a case by its events (see `clocks.history`), after which `station_id` has it."""
    found: list[Stay] = []
    stay: Stay | None = None
    for place, event in enumerate(events):
        if event.kind in (RECEIVED, REOPENED):
            where = stay.station_id if stay else first_station(events, station_id)
            if stay is not None and event.kind == REOPENED:
                stay.reopened_at = event.at
            stay = Stay(where, word(event), event.at, event.at, place)
            found.append(stay)
        elif stay is not None and event.moves:
            leave(book, events, place, stay)
            stay = Stay(str(event.station_id), word(event), event.at, stay.origin_at, place)
            found.append(stay)
        elif stay is not None and event.kind in CLOSINGS and stay.ended_at is None:
            close(book, events, place, stay)
        elif stay is not None:
            note(book, events, place, stay)
    if stay is not None and stay.ended_at is None:
        judge(book, stay, book.clocks_of(events))
    for each in found:
        without_reading(each, channel)
    return found


def first_station(events: Sequence[Event], last: str) -> str:
    """Where a case was received: what the first move says it came from."""
    return next((str(each.data["from"]) for each in events if each.moves), last)


def word(event: Event) -> str:
    """How a stay begins or ends; a correction that moves a case transfers it."""
    return "transferred" if event.kind == CORRECTED else event.kind.removeprefix("report.")


def leave(book: ClockBook, events: Sequence[Event], place: int, stay: Stay) -> None:
    """The case goes to another station."""
    event = events[place]
    if event.kind in ACTS:
        note(book, events, place, stay)
    stay.ended_at, stay.ended_by = event.at, word(event)
    judge(book, stay, book.clocks_of(events[:place]), handed_over=event.hands_over)


def close(book: ClockBook, events: Sequence[Event], place: int, stay: Stay) -> None:
    """The work on the case ends."""
    event = events[place]
    note(book, events, place, stay)
    stay.ended_at, stay.ended_by = event.at, word(event)
    if stay.ended_by in ("resolved", "confirmed", "dismissed"):
        stay.outcome_hours = (event.at - stay.origin_at) / HOUR
        stay.false_report = event.data.get("reason_code") == FALSE_REPORT
    judge(book, stay, book.clocks_of(events[: place + 1]))


def note(book: ClockBook, events: Sequence[Event], place: int, stay: Stay) -> None:
    """Something that happens during a stay, or is said of its end."""
    event = events[place]
    if event.kind == RATED:
        stay.satisfied = bool(event.data.get("satisfied"))
    elif event.kind == URGED:
        stay.urged_at.append(event.at)
    elif event.kind == ACKNOWLEDGED and stay.read_at is None:
        stay.read_at = event.at
    elif event.kind in ACTS and stay.ended_at is None:
        if stay.read_at is not None and stay.worked_at is None:
            stay.worked_at = event.at
        if event.kind == CORRECTED and not event.moves and relaxes(book, events, place):
            stay.relaxed_at = stay.relaxed_at or event.at
        if event.kind == REQUESTED and stay.asked_at is None:
            stay.asked_at = event.at
            stay.asked_late = is_late(book.clocks_of(events[: place + 1]), event)


def relaxes(book: ClockBook, events: Sequence[Event], place: int) -> bool:
    """Whether a correction leaves more time: a running clock ends later, or is gone."""
    before = {each.rule.clock: each for each in book.clocks_of(events[:place])}
    after = {each.rule.clock: each for each in book.clocks_of(events[: place + 1])}
    return any(
        each.stopped_at is None and (name not in after or after[name].deadline > each.deadline)
        for name, each in before.items()
    )


def is_late(clocks: Collection[Clock], event: Event) -> bool:
    """Whether more time was asked for on the last day for it, or the day before."""
    return any(
        local_day(event.at) >= each.last_day_to_ask() - ASKED_LATE
        for each in clocks
        if each.rule.clock == event.data.get("clock")
    )


def judge(
    book: ClockBook, stay: Stay, clocks: Collection[Clock], *, handed_over: bool = False
) -> None:
    """Set what the limits of a stay came to; `clocks` are those just before it was left.

    Of several clocks of one sort the one that ends first counts.
    """
    for run in sorted(clocks, key=lambda each: each.deadline, reverse=True):
        stopped = run.stopped_at
        if stopped is not None and stopped <= stay.arrived_at and run.started_at < stay.arrived_at:
            continue
        if ACKNOWLEDGED in run.rule.stops_at:
            if run.started_at >= stay.arrived_at:
                stay.read_in_working_hours = run.rule.unit == Unit.WORKING_HOURS
                stay.read = weighed(stay, run, stopped, answered=stay.ended_by != "withdrawn")
        elif HANDED_OVER in run.rule.stops_at:
            stopped = stay.ended_at if handed_over and stopped is None else stopped
            stay.handover = weighed(stay, run, stopped, answered=stay.ended_by not in UNANSWERED)
        else:
            stay.outcome = weighed(stay, run, stopped, answered=stay.ended_by not in UNANSWERED)
    if stay.read_at is not None:
        stay.read_hours = hours(book, stay)


def weighed(stay: Stay, run: Clock, stopped: dt.datetime | None, *, answered: bool) -> Limit:
    """What one run of a clock came to: nothing is judged that was not yet due when it left.

    Nor what waits for the reporter, nor what ended in time without an answer.
    """
    done = stopped if stopped is not None else stay.ended_at
    kept = done is not None and done <= run.deadline
    if stopped is None and (kept or run.paused_at is not None):
        return Limit()
    if kept and not answered and stopped == stay.ended_at:
        return Limit()
    whole = run.deadline - run.started_at
    near = done is not None and kept and run.deadline - done <= whole * NEAR
    return Limit(run.deadline, done, near)


def hours(book: ClockBook, stay: Stay) -> float:
    """How long it took to be read: working hours where its limit is in those."""
    assert stay.read_at is not None  # noqa: S101 - the caller asks for what was read
    if stay.read_in_working_hours:
        return book.calendar.working_between(stay.arrived_at, stay.read_at) / HOUR
    return (stay.read_at - stay.arrived_at) / HOUR


def without_reading(stay: Stay, channel: str) -> None:
    """What the station's officers wrote down themselves nobody had to read: it is not measured."""
    if channel == "app" or stay.arrival != "received":
        return
    stay.recorded = stay.read_at is not None and stay.read_at - stay.arrived_at < AT_ONCE
    if stay.recorded:
        stay.read, stay.read_hours = Limit(), None


def row(stay: Stay) -> dict[str, Any]:
    """A stay as its table keeps it."""
    return {
        "station_id": stay.station_id,
        "arrival": stay.arrival,
        "arrived_at": stay.arrived_at,
        "ended_at": stay.ended_at or "infinity",
        "ended_by": stay.ended_by,
        "recorded": stay.recorded,
        "read_at": stay.read_at,
        "read_hours": stay.read_hours,
        "read_in_working_hours": stay.read_in_working_hours,
        "read_due_at": stay.read.due_at,
        "read_done_at": stay.read.done_at or "infinity",
        "read_near": stay.read.near,
        "handover_due_at": stay.handover.due_at,
        "handover_done_at": stay.handover.done_at or "infinity",
        "outcome_due_at": stay.outcome.due_at,
        "outcome_done_at": stay.outcome.done_at or "infinity",
        "outcome_near": stay.outcome.near,
        "outcome_hours": stay.outcome_hours,
        "false_report": stay.false_report,
        "worked_at": stay.worked_at,
        "relaxed_at": stay.relaxed_at,
        "asked_at": stay.asked_at,
        "asked_late": stay.asked_late,
        "urged_at": stay.urged_at,
        "satisfied": stay.satisfied,
        "reopened_at": stay.reopened_at,
    }
