"""What scorecards cost at one million reports of 90 days: counting them, and reading a card.

`python -m bench.scorecards`: 3,321 stations of 34 provinces, the largest with 168 of the stations
and an eighth of the reports. The stays are made by SQL; how fast the worker makes them from the
history is measured apart, on fewer cases.
"""

import argparse
import asyncio
import datetime as dt
import gzip
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, TextClause, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from api import migrations
from api.clocks.rules import Shelf
from api.db import libpq_url
from api.local.postgis import Cluster
from api.scorecards.cards import scorecard
from api.scorecards.keeping import count_stays
from api.scorecards.measures import AT_EASE
from api.scorecards.nightly import write_window
from api.scorecards.queries import COUNTED_OF_ALL, COUNTED_OF_PROVINCE, Found, numbers_in, parts_of
from api.scorecards.scopes import Scope
from api.scorecards.windows import Window, window_of
from bench.reading import LEAN, cluster
from bench.table import Figure, show

NOW = dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC)
PROVINCES, STATIONS, LARGEST = 34, 3_321, 168
HISTORIES = 20_000
PROVINCE = Scope("province", "01", "Tỉnh 1", "01")
PARTS = [Scope("station", f"w-{n}", f"Công an {n}", "01") for n in range(1, LARGEST + 1)]

PLACES = f"""
insert into provinces (code, name)
select lpad(n::text, 2, '0'), 'Tỉnh ' || n from generate_series(1, {PROVINCES}) n;
insert into stations (id, kind, name, province_code)
select 'w-' || n, 'ward', 'Công an phường ' || n,
    lpad((case when n <= {LARGEST} then 1 else 2 + n % {PROVINCES - 1} end)::text, 2, '0')
from generate_series(1, {STATIONS}) n;
"""  # noqa: S608 - made of constants
STAYS = f"""
insert into case_stays (case_id, number, station_id, arrival, arrived_at, ended_at, ended_by,
    recorded, read_at, read_hours, read_in_working_hours, read_due_at, read_done_at, read_near,
    outcome_near, outcome_hours, false_report, asked_late, worked_at, satisfied)
select md5('c' || n)::uuid, 1,
    'w-' || case when mod(n, 8) = 0 then 1 + mod(n / 8, {LARGEST})
                 else 1 + {LARGEST} + mod(n, {STATIONS - LARGEST}) end,
    'received', at,
    case when mod(n, 25) = 0 then 'infinity' else at + luck * interval '20 days' end,
    case when mod(n, 25) = 0 then null when mod(n, 40) = 1 then 'linked'
         when mod(n, 9) = 1 then 'dismissed' else 'resolved' end,
    mod(n, 30) = 1, at + luck * interval '5 hours', luck * 5, mod(n, 3) = 0,
    at + interval '4 hours', at + luck * interval '5 hours', luck between 0.78 and 0.8,
    false, luck * 480, mod(n, 150) = 1, false, at + luck * interval '9 hours',
    case when mod(n, 6) = 0 then luck < 0.8 end
from generate_series(1, :reports) n
cross join lateral (select mod(abs(hashint4(n)), 1000) / 1000.0 as luck,
    timestamptz '2026-11-22' - mod(abs(hashint4(-n)), 7776000) * interval '1 second' as at) as made
"""  # noqa: S608 - made of constants
CASES = """
insert into reports (id, case_id, state, kind, category, text, about_station, language,
    place_source, received_at, urgency, station_id, confidence, routing, reporter_kind,
    body_sha256, receipt_hash, receipt_key_id, receipt_signature, acknowledgement_id)
select md5('i' || n)::uuid, md5('h' || n)::uuid, 'resolved', 'tip', 'noise', 'x', false, 'vi',
    'unknown', timestamptz '2026-11-01' + n * interval '1 second', 1 + mod(n, 3),
    'w-' || 1 + mod(n, 168), 'certain', '{}', 'anonymous', '', uuid_send(md5('r' || n)::uuid), 'k',
    '', md5('a' || n)::uuid
from generate_series(1, :cases) n
"""
HISTORY = """
insert into case_events (case_id, kind, at, actor_kind, data)
select md5('h' || n)::uuid, 'report.' || kind,
    timestamptz '2026-11-01' + n * interval '1 second' + later * interval '1 hour', 'staff', '{}'
from generate_series(1, :cases) n
cross join (values ('received', 0), ('acknowledged', 1), ('progressed', 2), ('resolved', 30))
    as happened (kind, later)
order by n, later
"""


def timed(work: Callable[[], Any], rounds: int) -> tuple[list[float], Any]:
    """Seconds of each round, and what the last one answered."""
    spent: list[float] = []
    found = None
    for _ in range(rounds):
        began = time.perf_counter()
        found = work()
        spent.append(time.perf_counter() - began)
    return spent, found


def counted(connection: Connection, statement: TextClause, window: Window, **more: Any) -> Found:
    """The numbers, counted now."""
    given = {"begins": window.begins_at, "ends": window.ends_at, **more}
    connection.execute(AT_EASE)
    rows = connection.execute(statement, given).all()
    return Found(NOW, {(row.level, row.scope): row.numbers for row in rows})


def province_card(counting: Callable[[], Found], window: Window) -> bytes:
    """The largest province's card, as it goes over the wire."""
    made = scorecard(PROVINCE, window, PARTS, counting(), {}, "vi")
    return made.model_dump_json().encode()


async def read_kept(url: str, window: Window, rounds: int) -> list[float]:
    """Seconds of the same card, from what a night wrote down."""
    spent = []
    engine = create_async_engine(url)
    for _ in range(rounds + 1):
        began = time.perf_counter()
        async with AsyncSession(engine) as session:
            found = await numbers_in(session, PROVINCE, window)
            parts = await parts_of(session, PROVINCE)
            assert found.kept
        scorecard(PROVINCE, window, parts, found, {}, "vi").model_dump_json()
        spent.append(time.perf_counter() - began)
    await engine.dispose()
    return spent[1:]


def opened(made: Cluster, reports: int) -> Engine:
    """A database of that many stays."""
    with psycopg.connect(libpq_url(made.url("postgres")), autocommit=True) as server:
        server.execute("create database scorecards")
    url = made.url("scorecards")
    migrations.upgrade(url)
    with psycopg.connect(libpq_url(url), autocommit=True) as owner:
        owner.execute(LEAN)
        owner.execute(PLACES.encode())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(STAYS), {"reports": reports})
    with psycopg.connect(libpq_url(url), autocommit=True) as owner:
        owner.execute("vacuum (analyze) case_stays")
    return engine


def measure(made: Cluster, reports: int, rounds: int) -> None:
    """All figures."""
    engine = opened(made, reports)
    figures = []
    for name in ("90d", "28d", "7d"):
        window = window_of(name, NOW)
        assert window is not None
        engine.dispose()
        made.stop()
        made.up()
        with engine.connect() as connection:
            province = partial(counted, connection, COUNTED_OF_PROVINCE, window, province="01")
            cold, _ = timed(province, 1)
            warm, body = timed(partial(province_card, province, window), rounds)
            country, _ = timed(partial(counted, connection, COUNTED_OF_ALL, window), 2)
        figures += [
            Figure(f"largest province, {name}, numbers, buffers empty", cold, "s", "≤ 1"),
            Figure(f"largest province, {name}, whole card", warm, "s"),
            Figure(f"its size, gzip, {name}", [len(gzip.compress(body)) / 1000], "kB"),
            Figure(f"the country, {name}, in the background", country, "s", "≤ 15"),
        ]
    figures += nights(engine)
    show(f"Scorecards, {reports:,} reports", figures)


def nights(engine: Engine) -> list[Figure]:
    """Writing a window down, and making stays from the history."""
    window = window_of("90d", NOW)
    assert window is not None
    with engine.begin() as connection:
        connection.execute(text("update stays_progress set counted_until = :now"), {"now": NOW})
        written, _ = timed(lambda: write_window(connection, window), 1)
        for each in (CASES, HISTORY):
            connection.execute(text(each), {"cases": HISTORIES})
        connection.execute(text("analyze reports, case_events"))
    began = time.perf_counter()
    cases = count_stays(engine, Shelf(), NOW)
    rate = cases / (time.perf_counter() - began)
    url = engine.url.render_as_string(hide_password=False)
    kept = asyncio.run(read_kept(url, window, 20))
    return [
        Figure(
            "the card, 90d, once a night has written it down", [each * 1000 for each in kept], "ms"
        ),
        Figure("a night writes down 90 days, all scopes", written, "s"),
        Figure("stays from the history, cases a second", [rate]),
    ]


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--reports", type=int, default=1_000_000)
    given.add_argument("--rounds", type=int, default=5)
    asked = given.parse_args()
    with cluster() as private:
        measure(private, asked.reports, asked.rounds)
