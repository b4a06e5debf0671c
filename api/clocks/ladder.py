"""The ladder of what is overdue: the officer is told, then the chief, then the province; each once.

The worker climbs it every minute. A clock that has passed its deadline gets a row; each step moves
that row and writes its notice in one transaction, and the notice's own index refuses a second one.
So a step is told exactly once, however many workers climb and whenever one of them dies.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, Row, text

from api.accounts.tables import StaffRole
from api.clocks.book import ClockBook
from api.clocks.deadlines import Clock
from api.clocks.history import Clocked, read
from api.reports.tables import IS_OPEN
from geo.tables import StationKind
from notifications.outbox import OWE_MANY, Debt, arrays

BATCH = 200
OFFICER, CHIEF = 1, 2
NEVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
PUSH = "case.overdue"

FALLING_DUE = text(f"""
select case_id from reports
where due_at is not null and {IS_OPEN} and coalesce(ladder_at, due_at) < :now
order by coalesce(ladder_at, due_at)
limit :limit
for no key update skip locked
""")  # noqa: S608 - a constant
"""Served by `ix_reports_ladder`; what somebody is changing now is looked at the next time."""

ENTER = """
insert into overdue_clocks as told
    (case_id, clock, started_at, rule_id, station_id, province_code, due_at, next_at)
select found.case_id, found.clock, found.started_at, found.rule_id, report.station_id,
    case when station.kind = 'oversight' then null else station.province_code end,
    found.due_at, found.due_at
from unnest(%(cases)s::uuid[], %(clocks)s::text[], %(started_ats)s::timestamptz[],
            %(rules)s::text[], %(due_ats)s::timestamptz[])
    as found (case_id, clock, started_at, rule_id, due_at)
join reports as report on report.case_id = found.case_id
join stations as station on station.id = report.station_id
on conflict (case_id, clock, started_at) do update
set settled_at = null, due_at = excluded.due_at, next_at = excluded.next_at,
    station_id = excluded.station_id, province_code = excluded.province_code
where told.settled_at is not null
"""
"""A clock that was settled and is overdue again goes on where it was: no step is told twice."""

LOOKED_AT = """
update reports set due_at = seen.due_at, ladder_at = seen.next_at
from unnest(%(case_ids)s::uuid[], %(dues)s::timestamptz[], %(nexts)s::timestamptz[])
    as seen (case_id, due_at, next_at)
where reports.case_id = seen.case_id
"""

STANDING = text("""
select told.case_id, told.clock, told.started_at, told.rule_id, told.station_id,
    told.province_code, told.due_at, told.step, station.kind as station_kind,
    officer.id as assignee_id, report.register_year, report.register_number
from overdue_clocks as told
join stations as station on station.id = told.station_id
join reports as report on report.case_id = told.case_id
left join staff as officer on officer.id = report.assignee_id
    and officer.station_id = told.station_id and officer.disabled_at is null
where told.settled_at is null and told.next_at < :now
order by told.next_at
limit :limit
for update of told skip locked
""")
"""Served by `ix_overdue_clocks_next`."""

TELL = """
with step as (
    select * from unnest(
        %(case_ids)s::uuid[], %(clocks)s::text[], %(started_ats)s::timestamptz[],
        %(steps)s::smallint[], %(due_ats)s::timestamptz[], %(staff_ids)s::uuid[],
        %(roles)s::text[], %(station_ids)s::text[], %(provinces)s::text[], %(data)s::jsonb[],
        %(scopes)s::text[])
    as step (case_id, clock, started_at, step, due_at, staff_id, role, station_id, province_code,
             data, scope)
), told as (
    insert into staff_notices (created_at, kind, case_id, clock, started_at, step, due_at, staff_id,
        role, station_id, province_code, data)
    select %(now)s, 'clock.overdue', case_id, clock, started_at, step, due_at, staff_id, role,
        station_id, province_code, data
    from step
    on conflict (case_id, clock, started_at, step) where kind = 'clock.overdue' do nothing
    returning case_id, clock, started_at, step
), fresh as (
    select step.* from step join told using (case_id, clock, started_at, step)
), history as (
    insert into case_events (case_id, kind, at, actor_kind, data)
    select case_id, 'clock.overdue', %(now)s, 'system',
        jsonb_build_object('clock', clock, 'step', step)
    from fresh
)
insert into audit_events (actor_kind, action, object_kind, object_id, scope)
select 'system', 'clock.overdue', 'case', case_id, scope from fresh
"""

CLIMBED = """
update overdue_clocks as told set step = climbed.step, next_at = climbed.next_at
from unnest(%(case_ids)s::uuid[], %(clocks)s::text[], %(started_ats)s::timestamptz[],
            %(steps)s::smallint[], %(nexts)s::timestamptz[])
    as climbed (case_id, clock, started_at, step, next_at)
where told.case_id = climbed.case_id and told.clock = climbed.clock
    and told.started_at = climbed.started_at
"""

DEVICES = """
select staff.id, staff.role, staff.station_id, staff.province_code, device.recipient
from staff join staff_devices as device on device.staff_id = staff.id
where staff.disabled_at is null and (staff.id = any(%(staff_ids)s)
    or staff.station_id = any(%(station_ids)s) or staff.province_code = any(%(provinces)s))
"""

Audience = Mapping[str, Any]
NOBODY: Audience = {"staff_id": None, "role": None, "station_id": None, "province_code": None}


def climb(engine: Engine, book: ClockBook, now: dt.datetime, *, limit: int = BATCH) -> int:
    """Climb as far as it goes now, a batch to a transaction; how many notices were written."""
    while True:
        with engine.begin() as connection:
            if fall_due(connection, book, now, limit=limit) < limit:
                break
    told = 0
    while True:
        with engine.begin() as connection:
            found, written = climb_once(connection, book, now, limit=limit)
        told += written
        if found == 0:
            return told


def fall_due(connection: Connection, book: ClockBook, now: dt.datetime, *, limit: int) -> int:
    """Put the clocks that passed their deadlines onto the ladder; how many cases were looked at."""
    ids = connection.scalars(FALLING_DUE, {"now": now, "limit": limit}).all()
    if not ids:
        return 0
    found = read(connection, book, ids)
    late = [(each.case.case_id, clock) for each in found for clock in each.overdue(now)]
    connection.exec_driver_sql(
        ENTER,
        {
            "cases": [case_id for case_id, _ in late],
            "clocks": [clock.rule.clock for _, clock in late],
            "started_ats": [clock.started_at for _, clock in late],
            "rules": [clock.rule.id for _, clock in late],
            "due_ats": [clock.deadline for _, clock in late],
        },
    )
    connection.exec_driver_sql(
        LOOKED_AT,
        {
            "case_ids": [each.case.case_id for each in found],
            "dues": [each.due_at for each in found],
            "nexts": [next_look(each, now) for each in found],
        },
    )
    return len(ids)


def next_look(case: Clocked, now: dt.datetime) -> dt.datetime:
    """When the next of its clocks passes its deadline."""
    later = [each.deadline for each in case.clocks if is_ahead(each, now)]
    return min(later, default=NEVER)


def is_ahead(clock: Clock, now: dt.datetime) -> bool:
    """Whether a clock runs and has time left."""
    return clock.state == "running" and not clock.is_overdue(now)


def climb_once(
    connection: Connection, book: ClockBook, now: dt.datetime, *, limit: int
) -> tuple[int, int]:
    """One step up for each clock whose step has come; how many there were, how many were told."""
    rows = connection.execute(STANDING, {"now": now, "limit": limit}).all()
    if not rows:
        return 0, 0
    ladders = {each.id: each.ladder for each in book.rules}
    due = [row for row in rows if is_due(row, ladders, now)]
    if due:
        tell(connection, due, now)
    steps = [row.step + (row in due) for row in rows]
    connection.exec_driver_sql(
        CLIMBED,
        runs_of(rows)
        | {
            "steps": steps,
            "nexts": [at_step(row, ladders, step) for row, step in zip(rows, steps, strict=True)],
        },
    )
    return len(rows), len(due)


Ladders = Mapping[str, Sequence[dt.timedelta]]


def at_step(row: Row[Any], ladders: Ladders, told: int) -> dt.datetime | None:
    """When the step after those already told comes; None when there is none."""
    ladder = ladders.get(row.rule_id, ())
    at: dt.datetime = row.due_at
    return at + ladder[told] if told < len(ladder) else None


def is_due(row: Row[Any], ladders: Ladders, now: dt.datetime) -> bool:
    """Whether the next step of a clock has come."""
    at = at_step(row, ladders, row.step)
    return at is not None and at < now


def runs_of(rows: Sequence[Row[Any]]) -> dict[str, Any]:
    """Which runs of which clocks, as arrays."""
    return {
        "case_ids": [row.case_id for row in rows],
        "clocks": [row.clock for row in rows],
        "started_ats": [row.started_at for row in rows],
    }


def tell(connection: Connection, rows: Sequence[Row[Any]], now: dt.datetime) -> None:
    """Write the notices of these steps, the history and the trail, and owe the pushes."""
    told = [audience_of(row) for row in rows]
    connection.exec_driver_sql(
        TELL,
        runs_of(rows)
        | {
            "now": now,
            "steps": [row.step + 1 for row in rows],
            "due_ats": [row.due_at for row in rows],
            "staff_ids": [each["staff_id"] for each in told],
            "roles": [each["role"] for each in told],
            "station_ids": [each["station_id"] for each in told],
            "provinces": [each["province_code"] for each in told],
            "data": [Jsonb({"register_number": register_number(row)}) for row in rows],
            "scopes": [row.station_id for row in rows],
        },
    )
    wake(connection, rows, told, now)


def register_number(row: Row[Any]) -> str | None:
    """The number of a case in its station's register."""
    return None if row.register_number is None else f"{row.register_number}/{row.register_year}"


def audience_of(row: Row[Any]) -> Audience:
    """Whom the next step tells: whose task it is, or all on duty; the chief; the province.

    What is about the police stays with oversight; above the national desk there is only its chief.
    """
    step = row.step + 1
    if step == OFFICER and row.assignee_id is not None:
        return {**NOBODY, "staff_id": row.assignee_id}
    if row.station_kind == StationKind.OVERSIGHT:
        return {**NOBODY, "role": StaffRole.OVERSIGHT, "station_id": row.station_id}
    if step == OFFICER:
        return {**NOBODY, "role": StaffRole.DUTY_OFFICER, "station_id": row.station_id}
    if step == CHIEF or row.province_code is None:
        return {**NOBODY, "role": StaffRole.STATION_CHIEF, "station_id": row.station_id}
    commander = StaffRole.PROVINCE_COMMANDER
    return {**NOBODY, "role": commander, "province_code": row.province_code}


def wake(
    connection: Connection, rows: Sequence[Row[Any]], told: Sequence[Audience], now: dt.datetime
) -> None:
    """Owe a push without content to the devices of whoever is told."""
    devices = connection.exec_driver_sql(
        DEVICES,
        {
            "staff_ids": [each["staff_id"] for each in told if each["staff_id"]],
            "station_ids": [each["station_id"] for each in told if each["station_id"]],
            "provinces": [each["province_code"] for each in told if each["province_code"]],
        },
    ).all()
    debts = [
        Debt(
            id=uuid.uuid4(),
            subject=row.case_id,
            recipient=device.recipient,
            kind=PUSH,
            data={},
            now=now,
        )
        for row, audience in zip(rows, told, strict=True)
        for device in devices
        if is_told(device, audience)
    ]
    if debts:
        connection.exec_driver_sql(OWE_MANY, arrays(debts))


def is_told(device: Row[Any], audience: Audience) -> bool:
    """Whether a device's owner is of an audience."""
    if audience["staff_id"] is not None:
        return bool(device.id == audience["staff_id"])
    place = "station_id" if audience["station_id"] is not None else "province_code"
    return bool(device.role == audience["role"] and getattr(device, place) == audience[place])
