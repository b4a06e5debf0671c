"""What reading the queue costs the database: at one million reports and at ten, side by side.

`python -m bench.queue`: two databases with the same open reports of 3,321 stations. Processor time
of the server process that answers, for statements as the service sends them. Ten million reports
take some 6 GB and a quarter of an hour to make.
"""

import argparse
import datetime as dt
import random
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import make_url

from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.triage.filters import QueueFilter
from api.triage.queue import Position, asked_by, blank_statement
from bench.reading import BUSY, STATIONS, cluster, cpu_us, filled
from bench.table import Figure, show

DIALECT = make_url("postgresql+psycopg://").get_dialect()()
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
PAGES, SEARCHES, BOXES = 600, 200, 100
PAGE = 51
BOX = 0.05
"""Degrees: a map of a part of a city, 5 km wide."""

OPEN_MAP = """
select case_id, urgency from reports
 where location && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)
   and state in ('received', 'acknowledged', 'in_progress', 'need_info')
"""
FULL_INDEX = "create index ix_bench_location on reports using gist (location)"


@dataclass
class Database:
    """A connection to one of the databases, and the process that serves it."""

    connection: psycopg.Connection[Any]

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.connection.info.backend_pid

    @contextmanager
    def asking(self, *, policy: bool) -> Iterator[None]:
        """A transaction with an officer's rights, with or without the row-level security."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("set local plan_cache_mode = force_generic_plan")
            if not policy:
                for table in ("reports", "case_informed"):
                    change = f"alter table {table} disable row level security"
                    self.connection.execute(change.encode())
            self.connection.execute("set local role tinbao_officer")
            yield

    def page(self, station: str, wanted: QueueFilter, after: Position | None = None) -> list[Any]:
        """A page of a station's queue."""
        officer = OfficerIdentity(uuid.UUID(int=1), "", StaffRole.DUTY_OFFICER, station, None)
        text, known = written(wanted, on=after is not None)
        parameters = known | asked_by(officer, NOW, after)
        return self.connection.execute(text, parameters, prepare=True).fetchall()

    def stand_at(self, station: str) -> None:
        """Name the officer's station."""
        setting = "select set_config('tinbao.station', %s, true)"
        self.connection.execute(setting, [station], prepare=True)


STATEMENTS: dict[tuple[QueueFilter, bool], tuple[Any, dict[str, Any]]] = {}


def written(wanted: QueueFilter, *, on: bool) -> tuple[Any, dict[str, Any]]:
    """A statement as the service sends it, and what of its parameters is known."""
    if (wanted, on) not in STATEMENTS:
        made = blank_statement(wanted, on=on, limit=PAGE).compile(
            dialect=DIALECT, compile_kwargs={"render_postcompile": True}
        )
        STATEMENTS[wanted, on] = str(made).encode(), dict(made.params)
    return STATEMENTS[wanted, on]


@dataclass(frozen=True)
class Question:
    """What is asked of both databases."""

    name: str
    wanted: QueueFilter
    stations: Sequence[str]
    policy: bool = True


def processor_us(database: Database, question: Question) -> tuple[float, list[float]]:
    """Processor microseconds a page, less those of naming the station; and milliseconds each."""
    times = []
    with database.asking(policy=question.policy):
        for station in question.stations[:10]:
            database.stand_at(station)
            database.page(station, question.wanted)
        before = cpu_us(database.pid)
        for station in question.stations:
            database.stand_at(station)
        naming = cpu_us(database.pid) - before
        before = cpu_us(database.pid)
        for station in question.stations:
            database.stand_at(station)
            began = time.perf_counter()
            database.page(station, question.wanted)
            times.append((time.perf_counter() - began) * 1000)
        spent = cpu_us(database.pid) - before - naming
    return spent / len(question.stations), times


def open_map_us(database: Database, boxes: Sequence[dict[str, float]], *, partial: bool) -> float:
    """Processor microseconds of the open reports in a box, by the small index or the full one."""
    with database.connection.transaction(force_rollback=True):
        database.connection.execute("set local plan_cache_mode = force_generic_plan")
        if not partial:
            database.connection.execute("drop index ix_reports_open_location")
        for box in boxes[:10]:
            database.connection.execute(OPEN_MAP, box, prepare=True).fetchall()
        before = cpu_us(database.pid)
        for box in boxes:
            database.connection.execute(OPEN_MAP, box, prepare=True).fetchall()
        return (cpu_us(database.pid) - before) / len(boxes)


def questions(pick: random.Random) -> list[Question]:
    """A station's first page with and without the policy, a box, a search, a busy station."""
    some = [f"w-{pick.randint(1, STATIONS)}" for _ in range(PAGES)]
    box = QueueFilter(bbox="105,20,106,21")
    search = QueueFilter(q="ma tuy", state=("any",))
    return [
        Question("first page", QueueFilter(), some),
        Question("first page, no policy", QueueFilter(), some, policy=False),
        Question("first page in a box", box, some),
        Question("search, open and closed", search, some[:SEARCHES]),
        Question("busy station's first page", QueueFilter(), [BUSY] * 50),
    ]


def measure(databases: dict[str, Database], rounds: int) -> None:
    """All figures, the databases in turns."""
    pick = random.Random(1)
    spent: dict[tuple[str, str], list[float]] = {}
    waited: dict[str, list[float]] = {}
    asked = questions(pick)
    for _ in range(rounds):
        boxes = [box_at(pick) for _ in range(BOXES)]
        for question in asked:
            for name, database in databases.items():
                each, times = processor_us(database, question)
                spent.setdefault((question.name, name), []).append(each)
                if question.name.startswith("search"):
                    slow = sorted(times)[int(len(times) * 0.95)]
                    waited.setdefault(name, []).append(slow)
        for name, database in databases.items():
            for partial in (True, False):
                label = "open map" if partial else "open map, full index"
                each = open_map_us(database, boxes, partial=partial)
                spent.setdefault((label, name), []).append(each)
    tell(spent, waited, list(databases))


def box_at(pick: random.Random) -> dict[str, float]:
    """A box somewhere in one of the five cities."""
    city = pick.randrange(5)
    west = 105.8 + city * 0.5 + pick.uniform(0, 0.13)
    south = 10 + city * 2.5 + pick.uniform(0, 0.115)
    return {"west": west, "south": south, "east": west + BOX, "north": south + BOX}


def tell(
    spent: dict[tuple[str, str], list[float]], waited: dict[str, list[float]], names: list[str]
) -> None:
    """Print the figures."""
    small, large = names[0], names[-1]
    goals = {"first page": "≤ 300"}

    def ratio(one: tuple[str, str], other: tuple[str, str]) -> list[float]:
        return [a / b for a, b in zip(spent[one], spent[other], strict=True)]

    lines = [
        Figure(f"{question}, {name} reports", values, "µs", goals.get(question, ""))
        for (question, name), values in spent.items()
    ]
    lines += [
        Figure(f"search, {name} reports: p95", values, "ms", "< 10")
        for name, values in waited.items()
    ]
    for question in ("first page", "open map"):
        label = f"{question}: {large} / {small}"
        lines.append(Figure(label, ratio((question, large), (question, small)), "", "≤ 1.2"))
    lines += [
        Figure(
            f"first page, {large}: with the policy / without",
            ratio(("first page", large), ("first page, no policy", large)),
            "",
            "≤ 1.15",
        ),
        Figure(
            f"open map, {large}: full index / open index",
            ratio(("open map, full index", large), ("open map", large)),
            "",
            "≥ 50",
        ),
    ]
    show("The queue: processor time of the server a page", lines)


def main() -> None:
    """Parse, make the databases and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reports", type=int, nargs="+", default=[1_000_000, 10_000_000])
    given = parser.parse_args()
    with cluster() as made:
        databases = {}
        for reports in given.reports:
            began = time.perf_counter()
            url = filled(made, f"bench_{reports}", reports)
            connection = psycopg.connect(url, autocommit=True)
            connection.execute(FULL_INDEX)
            databases[f"{reports:,}"] = Database(connection)
            print(f"{reports:,} reports made in {time.perf_counter() - began:.0f} s", flush=True)
        measure(databases, given.rounds)
        for database in databases.values():
            database.connection.close()


if __name__ == "__main__":
    main()
