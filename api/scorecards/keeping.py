"""Keeping the stays up with the history: a job that reads what happened since it last did.

The history is read in the order of its commits (see `api.live.feed`), and every case that something
happened to is worked out anew, whole. So it may be cut off anywhere and run again; and when the
rules or the calendar change, it begins at the first event.
"""

import datetime as dt
import hashlib
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sqlalchemy import Connection, Engine, Result, Row, select, text

from api.clocks.book import ClockBook
from api.clocks.deadlines import Facts
from api.clocks.history import EVENTS, history_of
from api.clocks.rules import Shelf, Stored, read_stored
from api.reports.routing import about_police
from api.reports.tables import CaseEvent, Report
from api.scorecards.stays import row, stays_of
from geo.tables import Station, StationKind

BATCH = 1000
"""Events at a time."""

PROGRESS = text("""
select xid::text as xid, event_id, book from stays_progress for update skip locked
""")
"""Nobody, while another worker is at it."""
HAPPENED = text("""
select xid::text as xid, id, case_id from case_events
where (xid, id) > (cast(:xid as text)::xid8, :id)
    and xid < pg_snapshot_xmin(pg_current_snapshot())
order by xid, id
limit :limit
""")
"""Served by `ix_case_events_feed`."""
GO_ON = text("""
update stays_progress
set xid = cast(:xid as text)::xid8, event_id = :id, book = :book,
    counted_until = coalesce(:until, case when book = :book then counted_until end)
""")
REACHED = text("""
select least(cast(:now as timestamptz), min(at)) from case_events
where xid >= pg_snapshot_xmin(pg_current_snapshot())
""")
"""What is committed and cannot be read yet, because something older still runs, is not counted."""
FORGET = text("delete from case_stays where case_id = any(:ids)")
KEEP = text("""
insert into case_stays
select * from jsonb_populate_recordset(null::case_stays, cast(:rows as jsonb))
""")

CASES = select(
    Report.case_id,
    Report.kind,
    Report.category,
    Report.about_station,
    Report.urgency,
    Report.ward_code,
    Report.reporter_kind,
    Report.station_id,
    Report.channel,
)


def count_stays(
    engine: Engine,
    shelf: Shelf,
    now: dt.datetime,
    stop: threading.Event | None = None,
    *,
    batch: int = BATCH,
) -> int:
    """Count what happened since the last time, a batch to a transaction; how many cases."""
    counted = 0
    while stop is None or not stop.is_set():
        with engine.begin() as connection:
            cases, more = count_some(connection, shelf, now, batch)
        counted += cases
        if not more:
            break
    return counted


def count_some(
    connection: Connection, shelf: Shelf, now: dt.datetime, batch: int
) -> tuple[int, bool]:
    """One batch: how many cases were worked out, and whether more may have happened."""
    place = connection.execute(PROGRESS).one_or_none()
    if place is None:
        return 0, False
    book = digest(read_stored(connection))
    xid, last = (place.xid, place.event_id) if place.book == book else ("0", 0)
    given = {"xid": xid, "id": last, "limit": batch}
    events = connection.execute(HAPPENED, given).all()
    if events:
        xid, last = events[-1].xid, events[-1].id
        write(connection, shelf.book(connection), list({each.case_id for each in events}))
    more = len(events) == batch
    until = None if more else connection.scalar(REACHED, {"now": now})
    connection.execute(GO_ON, {"xid": xid, "id": last, "book": book, "until": until})
    return len({each.case_id for each in events}), more


def digest(stored: Stored) -> str:
    """What the limits go by: rules, calendar, and the package that knows the holidays."""
    return hashlib.sha256(f"{version('holidays')} {stored!r}".encode()).hexdigest()


def write(connection: Connection, book: ClockBook, case_ids: Sequence[uuid.UUID]) -> None:
    """Work these cases out anew."""
    oversight = set(
        connection.scalars(select(Station.id).where(Station.kind == StationKind.OVERSIGHT))
    )
    events: dict[uuid.UUID, list[Row[Any]]] = defaultdict(list)
    for event in connection.execute(EVENTS.where(CaseEvent.case_id.in_(case_ids))):
        events[event.case_id].append(event)
    cases: Result[Any] = connection.execute(CASES.where(Report.case_id.in_(case_ids)))
    rows = []
    for case in cases:
        rows += rows_of(book, case, events[case.case_id], oversight)
    connection.execute(FORGET, {"ids": list(case_ids)})
    connection.execute(KEEP, {"rows": json.dumps(rows, default=str)})


def rows_of(
    book: ClockBook, case: Row[Any], events: Sequence[Row[Any]], oversight: set[str]
) -> list[dict[str, Any]]:
    """The rows of a case. What is about the police is on oversight's card and on no other."""
    facts = Facts(case.kind, case.urgency, case.ward_code)
    history = history_of(facts, case.reporter_kind, events)
    found = stays_of(book, history, station_id=case.station_id, channel=case.channel)
    sealed = case.station_id in oversight or about_police(
        kind=case.kind, category=case.category, about_station=case.about_station
    )
    return [
        {"case_id": case.case_id, "number": number, **row(stay)}
        for number, stay in enumerate(found, 1)
        if not sealed or stay.station_id in oversight
    ]
