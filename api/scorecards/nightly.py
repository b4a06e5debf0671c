"""The cards of a night: each usual window is counted once, so all day long everybody reads one
number, and the public reads the same as the province. Safe to repeat: what is there stays."""

import datetime as dt
import threading
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, text

from api.clocks.calendar import local_day
from api.scorecards.measures import AT_EASE, OF_ALL, STATIONS, numbers
from api.scorecards.windows import ROLLING, Window, settled_windows, window_of

KEPT_DAYS = 2
"""Rolling windows are of yesterday; months and quarters stay."""

OF_OVERSIGHT = "station.kind = 'oversight'"
COUNTED, COUNTED_OF_OVERSIGHT = numbers(OF_ALL), numbers(OF_OVERSIGHT, STATIONS)
UNTIL = text("select counted_until from stays_progress")
THERE = text("""
select exists (select from scorecard_lines
    where days = :days and ends = :ends and level = 'country')
""")
WRITE = """
insert into scorecard_lines (days, ends, level, scope, province_code, numbers, counted_until)
values (%(days)s, %(ends)s, %(level)s, %(scope)s, %(province)s, %(numbers)s, %(until)s)
on conflict do nothing
"""
FORGET = text("delete from scorecard_lines where days = any(:rolling) and ends < :before")


def write_cards(engine: Engine, now: dt.datetime, stop: threading.Event | None = None) -> int:
    """Count the windows that no night has counted yet; how many it were."""
    rolling = [window_of(name, now) for name in ROLLING]
    made = 0
    for window in (*filter(None, rolling), *settled_windows(now)):
        if stop is not None and stop.is_set():
            break
        with engine.begin() as connection:
            made += write_window(connection, window)
    with engine.begin() as connection:
        before = local_day(now) - dt.timedelta(days=KEPT_DAYS)
        connection.execute(FORGET, {"rolling": [*ROLLING], "before": before})
    return made


def write_window(connection: Connection, window: Window) -> bool:
    """Count one window, if nobody has and its history is whole."""
    days: dict[str, Any] = {"days": window.name, "ends": window.ends}
    until: dt.datetime | None = connection.scalar(UNTIL)
    if until is None or until < window.ends_at or connection.scalar(THERE, days):
        return False
    given = {"begins": window.begins_at, "ends": window.ends_at}
    connection.execute(AT_EASE)
    rows = list(connection.execute(COUNTED, given))
    rows += list(connection.execute(COUNTED_OF_OVERSIGHT, given))
    lines = [
        {
            **days,
            "level": row.level,
            "scope": row.scope,
            "province": None if row.level == "country" else row.province_code,
            "numbers": Jsonb(row.numbers),
            "until": until,
        }
        for row in rows
    ]
    connection.exec_driver_sql(WRITE, lines)
    return True
