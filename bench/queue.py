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
from api.maps import cases
from api.triage.filters import QueueFilter
from api.triage.queue import Position, asked_by, blank_statement
from bench.reading import BUSY, STATIONS, cluster, cpu_us, filled
from bench.table import Figure, show
from geo import quads

DIALECT = make_url("postgresql+psycopg://").get_dialect()()
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
PAGES, SEARCHES, TILES = 600, 200, 100
PAGE = 51
ZOOMS = (12, 13)
"""Tiles of 10 km, whose cases are counted, and of 5 km, where each is shown."""

# What a tile shows, asked without the officer's rights and not yet drawn.
BY_PLACE = """
select case_id, urgency from reports
 where location && ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4326)
   and station_id = %(station)s
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


Tile = tuple[int, int, int]


def map_us(database: Database, tiles: Sequence[Tile]) -> float:
    """Processor microseconds of a tile of a busy station's map, with the officer's rights."""
    counted = tiles[0][0] < cases.COUNTED_BELOW
    text, known = cases.written(QueueFilter(), counted=counted)
    with database.asking(policy=True):
        database.stand_at(BUSY)
        return each_us(database, text, [known | cases.parameters_of(*tile) for tile in tiles])


def by_place_us(database: Database, tiles: Sequence[Tile]) -> float:
    """Processor microseconds of the same cases by an index of the places of all reports."""
    with database.connection.transaction(force_rollback=True):
        database.connection.execute("set local plan_cache_mode = force_generic_plan")
        for index in ("ix_reports_map", "ix_reports_queue", "ix_reports_station"):
            database.connection.execute(f"drop index {index}".encode())
        asked = [{"station": BUSY, "z": z, "x": x, "y": y} for z, x, y in tiles]
        return each_us(database, BY_PLACE, asked)


def each_us(database: Database, text: str, asked: Sequence[dict[str, Any]]) -> float:
    """Processor microseconds of a statement, the first ten times not counted."""
    for n, parameters in enumerate([*asked[:10], *asked]):
        if n == 10:
            before = cpu_us(database.pid)
        database.connection.execute(text.encode(), parameters, prepare=True).fetchall()
    return (cpu_us(database.pid) - before) / len(asked)


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
        for question in asked:
            for name, database in databases.items():
                each, times = processor_us(database, question)
                spent.setdefault((question.name, name), []).append(each)
                if question.name.startswith("search"):
                    slow = sorted(times)[int(len(times) * 0.95)]
                    waited.setdefault(name, []).append(slow)
        for zoom in ZOOMS:
            tiles = [tile_at(pick, zoom) for _ in range(TILES)]
            for name, database in databases.items():
                label = f"map, zoom {zoom}"
                spent.setdefault((label, name), []).append(map_us(database, tiles))
                by_place = by_place_us(database, tiles)
                spent.setdefault((f"{label}, by place", name), []).append(by_place)
    tell(spent, waited, list(databases))


def tile_at(pick: random.Random, zoom: int) -> Tile:
    """A tile somewhere in one of the five cities."""
    city = pick.randrange(5)
    lon = 105.8 + city * 0.5 + pick.uniform(0, 0.18)
    lat = 10 + city * 2.5 + pick.uniform(0, 0.165)
    x, y = (each >> quads.BITS - zoom for each in quads.axes(lon, lat))
    return zoom, x, y


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
    maps = [f"map, zoom {zoom}" for zoom in ZOOMS]
    for question in ("first page", *maps):
        label = f"{question}: {large} / {small}"
        lines.append(Figure(label, ratio((question, large), (question, small)), "", "≤ 1.2"))
    lines += [
        Figure(
            f"first page, {large}: with the policy / without",
            ratio(("first page", large), ("first page, no policy", large)),
            "",
            "≤ 1.15",
        ),
        *(
            Figure(
                f"{question}, {large}: by an index of all places / as it is",
                ratio((f"{question}, by place", large), (question, large)),
                "",
                "≥ 50",
            )
            for question in maps
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
