"""A case's history as its clocks read it, and what is written of that into its row.

Everything here runs with a service's rights, in the transaction of whoever calls.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Result, Row, select, text

from api.accounts.tables import ReporterKind
from api.clock import blurred
from api.clocks.book import ClockBook
from api.clocks.deadlines import CORRECTED, RECEIVED, Clock, Event, Facts, due_at
from api.reports.tables import OPEN, CaseEvent, Report

CASES = select(
    Report.case_id,
    Report.state,
    Report.kind,
    Report.urgency,
    Report.ward_code,
    Report.reporter_kind,
    Report.station_id,
    Report.assignee_id,
)
EVENTS = select(
    CaseEvent.case_id, CaseEvent.kind, CaseEvent.at, CaseEvent.actor_kind, CaseEvent.actor_id,
    CaseEvent.data,
).order_by(CaseEvent.case_id, CaseEvent.id)  # fmt: skip

WRITE_DUE = """
update reports set due_at = known.due_at, ladder_at = null
from unnest(%(case_ids)s::uuid[], %(due_ats)s::timestamptz[]) as known (case_id, due_at)
where reports.case_id = known.case_id and (%(anew)s or reports.due_at is distinct from known.due_at)
"""
"""A case whose deadline moves is looked at by the ladder again."""

SETTLE = """
update overdue_clocks as told
set settled_at = %(now)s, next_at = null
where told.case_id = any(%(case_ids)s) and told.settled_at is null and not exists (
    select from unnest(%(overdue)s::uuid[], %(clocks)s::text[], %(started_ats)s::timestamptz[])
        as overdue (case_id, clock, started_at)
    where overdue.case_id = told.case_id and overdue.clock = told.clock
        and overdue.started_at = told.started_at)
"""
FOLLOW = """
update overdue_clocks as told
set station_id = report.station_id,
    province_code = case when station.kind = 'oversight' then null else station.province_code end
from reports as report join stations as station on station.id = report.station_id
where told.case_id = any(%(case_ids)s) and told.settled_at is null
    and report.case_id = told.case_id and told.station_id <> report.station_id
"""
"""What is overdue is another station's when the case is."""


@dataclass(frozen=True)
class Clocked:
    """A case and its clocks."""

    case: Row[Any]
    clocks: Sequence[Clock]

    @property
    def due_at(self) -> dt.datetime | None:
        """The earliest deadline that runs; a closed case has none."""
        return due_at(self.clocks) if self.case.state in OPEN else None

    def overdue(self, now: dt.datetime) -> list[Clock]:
        """Those that run and should have stopped."""
        if self.case.state not in OPEN:
            return []
        return [each for each in self.clocks if each.is_overdue(now)]


def start_of(received_at: dt.datetime, reporter_kind: str) -> dt.datetime:
    """When clocks start: as officers see it, or a deadline would tell when exactly it came in.

    So what nobody signed for starts up to five minutes early, never late, and never another day.
    """
    return received_at if reporter_kind == ReporterKind.ACCOUNT else blurred(received_at)


def history_of(facts: Facts, reporter_kind: str, rows: Sequence[Row[Any]]) -> list[Event]:
    """The events of a case for its clocks; `facts` are those that hold after the last of them."""
    found: list[Event] = []
    for row in reversed(rows):
        data: Mapping[str, Any] = row.data
        theirs = row.actor_kind == "reporter" or row.kind == RECEIVED
        at = start_of(row.at, reporter_kind) if theirs else row.at
        found.append(Event(row.kind, at, facts, data.get("to"), data, row.actor_id))
        if row.kind == CORRECTED:
            facts = before(facts, data.get("changes", {}))
    found.reverse()
    return in_order(found)


def before(facts: Facts, changes: Mapping[str, Any]) -> Facts:
    """The facts before a correction."""
    names = {"kind", "urgency"} & changes.keys()
    return replace(facts, **{name: changes[name]["from"] for name in names})


def in_order(events: Sequence[Event]) -> list[Event]:
    """The same, none earlier than the one before it: rounded times may be a little early."""
    ordered: list[Event] = []
    for event in events:
        late = bool(ordered) and event.at < ordered[-1].at
        ordered.append(replace(event, at=ordered[-1].at) if late else event)
    return ordered


def clocks_of(book: ClockBook, case: Row[Any], rows: Sequence[Row[Any]]) -> list[Clock]:
    """The clocks of a case by its row (kind, urgency, ward_code, reporter_kind) and its events."""
    facts = Facts(case.kind, case.urgency, case.ward_code)
    return book.clocks_of(history_of(facts, case.reporter_kind, rows))


def read(connection: Connection, book: ClockBook, case_ids: Sequence[uuid.UUID]) -> list[Clocked]:
    """These cases with their clocks."""
    cases: Result[Any] = connection.execute(CASES.where(Report.case_id.in_(case_ids)))
    events: dict[uuid.UUID, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(EVENTS.where(CaseEvent.case_id.in_(case_ids))):
        events[row.case_id].append(row)
    return [Clocked(case, clocks_of(book, case, events[case.case_id])) for case in cases]


def refresh(
    connection: Connection,
    book: ClockBook,
    case_ids: Sequence[uuid.UUID],
    now: dt.datetime,
    *,
    anew: bool = True,
) -> int:
    """Write what the clocks of these cases say into their rows; how many rows changed.

    With `anew` the ladder looks at each of them again, whether its deadline moved or not.
    """
    found = read(connection, book, case_ids)
    known = {
        "now": now,
        "anew": anew,
        "case_ids": [each.case.case_id for each in found],
        "due_ats": [each.due_at for each in found],
    }
    changed = connection.exec_driver_sql(WRITE_DUE, known).rowcount
    told = text("select exists (select from overdue_clocks where case_id = any(:ids)"
                " and settled_at is null)")  # fmt: skip
    if connection.scalar(told, {"ids": known["case_ids"]}):
        overdue = [(each.case.case_id, clock) for each in found for clock in each.overdue(now)]
        known |= {
            "overdue": [case_id for case_id, _ in overdue],
            "clocks": [clock.rule.clock for _, clock in overdue],
            "started_ats": [clock.started_at for _, clock in overdue],
        }
        connection.exec_driver_sql(SETTLE, known)
        connection.exec_driver_sql(FOLLOW, known)
    return changed
