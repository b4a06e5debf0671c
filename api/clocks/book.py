"""The rules and the calendar in force together, and what they say of a case's history."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from api.clocks.calendar import LOCAL, Calendar, local_day
from api.clocks.deadlines import (
    ACKNOWLEDGED,
    CLOSINGS,
    EXTENSION_EVENTS,
    HANDED_OVER,
    QUESTIONED,
    RECEIVED,
    REFUSED,
    REOPENED,
    REQUESTED,
    RESUMING,
    Clock,
    Event,
    Facts,
    LastDay,
    Request,
    Rule,
    RunsFrom,
    Term,
    Unit,
    counted,
    end,
    postponed,
)

SHORTEST = {
    Unit.MINUTES: dt.timedelta(minutes=1),
    Unit.HOURS: dt.timedelta(hours=1),
    Unit.WORKING_HOURS: dt.timedelta(hours=1),
    Unit.DAYS: dt.timedelta(days=1),
    Unit.MONTHS: dt.timedelta(days=28),
}
"""The least time that one of a unit takes."""


@dataclass(frozen=True)
class Plan:
    """The rules for a kind of report on one day, each with the least time it may take."""

    begins: float
    ends: float
    rules: tuple[tuple[dt.timedelta, Rule], ...]


class ClockBook:
    """The rules and the calendar in force, and what they say of a case."""

    def __init__(self, rules: Collection[Rule], calendar: Calendar) -> None:
        self.rules, self.calendar = tuple(rules), calendar
        self.names = tuple(dict.fromkeys(each.clock for each in self.rules))
        self._plans: dict[tuple[str, int, str | None], Plan] = {}
        self._special = {code for each in self.rules for code in each.ward_codes or ()}

    def rule_for(
        self, clock: str, facts: Facts, runs_from: RunsFrom, at: dt.datetime
    ) -> Rule | None:
        """The rule in force at a moment; None when there is no such clock for such a case."""
        day = local_day(at)
        found = [
            each
            for each in self.rules
            if each.clock == clock
            and each.runs_from == runs_from
            and each.holds_on(day)
            and each.fits(facts)
        ]
        return max(found, key=lambda each: each.weight, default=None)

    def first_due(
        self, kind: str, urgency: int, ward: str | None, at: dt.datetime
    ) -> dt.datetime | None:
        """The earliest deadline of a report that comes in; None when no clock starts.

        Every report asks this, so the rules for such a report are looked up once, and those that
        cannot end first are not counted out.
        """
        key = (kind, urgency, ward if ward in self._special else None)
        seconds = at.timestamp()
        plan = self._plans.get(key)
        if plan is None or not plan.begins <= seconds < plan.ends:
            plan = self._plans[key] = self._plan(Facts(*key), at)
        first: dt.datetime | None = None
        for least, rule in plan.rules:
            if first is not None and first <= at + least:
                break
            due = end(self.calendar, counted(self.calendar, at, rule.amount, rule.unit))
            if first is None or due < first:
                first = due
        return first

    def _plan(self, facts: Facts, at: dt.datetime) -> "Plan":
        """The rules of a day for such a report, those that must end first before the others."""
        found = (self.rule_for(name, facts, RunsFrom.RECEIVED, at) for name in self.names)
        rules = [(SHORTEST[each.unit] * each.amount, each) for each in found if each is not None]
        day = local_day(at)
        begins = dt.datetime.combine(day, dt.time(), LOCAL).timestamp()
        return Plan(begins, begins + 86400, tuple(sorted(rules, key=lambda each: each[0])))

    def unchecked(self, at: dt.datetime) -> list[str]:
        """The rules in force that the deployer's legal office has still to confirm."""
        day = local_day(at)
        return sorted(each.id for each in self.rules if each.needs_check and each.holds_on(day))

    def name_of(self, clock: str) -> tuple[str, str]:
        """What a clock is called, Vietnamese first; its own word where no rule knows it."""
        named = [each for each in self.rules if each.clock == clock]
        if not named:
            return clock, clock
        latest = max(named, key=lambda each: (each.effective_from, each.id))
        return latest.name_vi, latest.name_en

    def clocks_of(self, events: Sequence[Event]) -> list[Clock]:
        """The clocks of a case after these events, which are in their order."""
        found = (self._follow(name, events) for name in self.names)
        return [each for each in found if each is not None]

    def _follow(self, name: str, events: Sequence[Event]) -> Clock | None:
        run: Clock | None = None
        facts: Facts | None = None
        for event in events:
            started = self._start(name, event, run)
            if started is not None or event.kind == REOPENED:
                run = started
            elif run is not None and facts is not None and event.facts != facts:
                run = self._judged_anew(run, event)
            elif run is None and facts is not None and event.facts != facts:
                run = self._begin(name, RunsFrom.RECEIVED, event)
            if run is not None and started is None:
                run = self._step(run, event)
            facts = event.facts
        return run

    def _start(self, name: str, event: Event, run: Clock | None) -> Clock | None:
        """A new run, if the event starts one."""
        if event.kind in {RECEIVED, REOPENED}:
            return self._begin(name, RunsFrom.RECEIVED, event)
        if event.kind == ACKNOWLEDGED and run is None:
            return self._begin(name, RunsFrom.ACKNOWLEDGED, event)
        if event.moves:
            return self._begin(name, RunsFrom.TRANSFERRED, event)
        return None

    def _begin(self, name: str, runs_from: RunsFrom, event: Event) -> Clock | None:
        rule = self.rule_for(name, event.facts, runs_from, event.at)
        if rule is None:
            return None
        term = counted(self.calendar, event.at, rule.amount, rule.unit)
        return Clock(rule, event.at, term, end(self.calendar, term))

    def _step(self, run: Clock, event: Event) -> Clock:
        """A run after an event that does not start it."""
        if run.stopped_at is not None:
            if run.held_by_handover and event.moves and not event.hands_over:
                return replace(run, stopped_at=None, held_by_handover=False)
            return run
        if run.paused_at is not None and (event.kind in RESUMING or event.moves):
            run = self._resumed(run, (run.paused_at, max(event.at, run.paused_at)))
        if event.moves and run.request is not None:
            run = replace(run, request=None)
        handed_over = event.hands_over and HANDED_OVER in run.rule.stops_at
        if handed_over or event.kind in run.rule.stops_at or event.kind in CLOSINGS:
            return replace(run, stopped_at=event.at, held_by_handover=handed_over, request=None)
        late = event.at > run.deadline
        if event.kind == QUESTIONED and run.rule.pauses and not late:
            return replace(run, paused_at=event.at)
        if event.kind in EXTENSION_EVENTS and event.data.get("clock") == run.rule.clock:
            return self._extended(run, event, late=late)
        return run

    def _resumed(self, run: Clock, pause: tuple[dt.datetime, dt.datetime]) -> Clock:
        term = postponed(self.calendar, run.term, run.rule.unit, pause)
        pauses = (*run.pauses, pause)
        return replace(self._moved(run, term), paused_at=None, pauses=pauses)

    def _moved(self, run: Clock, term: Term) -> Clock:
        """A run with another end."""
        return replace(run, term=term, deadline=end(self.calendar, term))

    def _extended(self, run: Clock, event: Event, *, late: bool) -> Clock:
        """An extension asked for, granted or refused; one granted too late moves nothing."""
        if event.kind == REQUESTED:
            until = dt.date.fromisoformat(event.data["until"])
            reason = event.data.get("reason")
            return replace(run, request=Request(until, event.actor_id, event.at, reason))
        if event.kind == REFUSED or run.request is None or late:
            return replace(run, request=None)
        longer = LastDay(run.request.until)
        term = max(longer, run.term, key=lambda each: end(self.calendar, each))
        return replace(self._moved(run, term), extended=run.extended + 1, request=None)

    def _judged_anew(self, run: Clock, event: Event) -> Clock | None:
        """A run after a correction: the rule in force at its start, for what the case now is.

        A stricter rule leaves its whole time from the correction on, but never more than there
        was; a milder one is counted from the start, with the same pauses.
        """
        if run.stopped_at is not None:
            return run
        rule = self.rule_for(run.rule.clock, event.facts, run.rule.runs_from, run.started_at)
        if rule is None or rule.id == run.rule.id:
            return run if rule is not None else None
        term = counted(self.calendar, run.started_at, rule.amount, rule.unit)
        for pause in run.pauses:
            term = postponed(self.calendar, term, rule.unit, pause)
        if end(self.calendar, term) < run.deadline:
            anew = counted(self.calendar, event.at, rule.amount, rule.unit)
            term = min(anew, run.term, key=lambda each: end(self.calendar, each))
        return replace(self._moved(run, term), rule=rule)
