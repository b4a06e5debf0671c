"""A case that is overdue on a Monday, and the ladder that tells of it."""

from typing import Any

from sqlalchemy import Engine, text

from api.clocks import ladder
from api.clocks.book import ClockBook
from api.clocks.history import refresh
from api.reports.tables import Report
from geo.tables import Station
from tests.clocks.year import moment
from tests.factories import make_report

MONDAY = "2026-11-23 09:02"
"""An urgent report is due four hours after 09:00, as officers see it; the chief an hour later."""
ENOUGH = "2026-11-23 20:00"
LADDER = [(1, "duty_officer"), (2, "station_chief"), (3, "province_commander")]


def reported(engine: Engine, station: Station, book: ClockBook, **facts: Any) -> Report:
    given: dict[str, Any] = {"urgency": 2, "received_at": moment(MONDAY)} | facts
    made = make_report(engine, station, **given)
    with engine.begin() as connection:
        refresh(connection, book, [made.case_id], moment(MONDAY))
    return made


def climb(worker: Engine, book: ClockBook, when: str) -> None:
    ladder.climb(worker, book, moment(when), limit=3)


def told(engine: Engine, case: Report) -> list[tuple[Any, ...]]:
    """The notices of a case: step, role."""
    query = text(
        "select step, coalesce(role, 'one person') from staff_notices"
        " where case_id = :id and kind = 'clock.overdue' order by clock, step"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"id": case.case_id})]
