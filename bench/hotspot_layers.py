"""What hotspot layers cost at one million reports of 90 days over the real wards.

python -m bench.hotspot_layers [REPORTS [ROUNDS]]

Made anew in this process: the largest province's layer of each window, and the country's, in
seconds that passed and in seconds of processor, ours and the database's. Then asked for over HTTP:
how long a commander waits for a kept one, and how large the answers of cities are.
"""

import datetime as dt
import gzip
import http.client
import io
import json
import os
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from api.accounts.identity import STAFF_PREFIX, new_token
from api.accounts.tables import Staff, StaffRole, StaffSession
from api.clock import VIETNAM, now
from api.db import libpq_url
from api.hotspots import keeping
from api.hotspots.groups import Group
from api.secrets import token_hash
from api.trends.keeping import COUNTRY, Area
from bench.reading import LEAN, dropped_indexes
from bench.real_wards import WARDS, installation
from bench.table import Figure, show
from bench.tiles import served
from geo.atlas import Atlas, edition_in_force, load_atlas
from geo.grid import cells_at

REPORTS, ROUNDS, ASKED = 1_000_000, 5, 200
WINDOWS = (7, 28, 90)
HANOI = "01"
"""The capital, which is a city and a province."""
TICKS = os.sysconf("SC_CLK_TCK")
LARGEST = 0.131
"""The share of the reports that is the largest province's."""
SPOTS = 4
"""Places in each ward round which reports lie."""
SPREAD_DEGREES = 0.006

PLACES = """
select code, province_code, ST_X(ST_PointOnSurface(boundary)), ST_Y(ST_PointOnSurface(boundary))
from wards order by code
"""
COPY = """
copy reports (id, case_id, kind, category, text, about_station, language, place_source,
    accuracy_m, cell_r9, received_at, urgency, station_id, ward_code, province_code, confidence,
    routing, reporter_kind, reporter_key, body_sha256, receipt_hash, receipt_key_id,
    receipt_signature, acknowledgement_id) from stdin
"""
STEP = 100_000
CATEGORIES = ("theft", "noise", "drugs", "traffic", "gambling", "violence", "other")


def filled(url: str, reports: int) -> str:
    """Put reports round spots in each ward; the code of the province with most of them."""
    rng = np.random.default_rng(1)
    with psycopg.connect(libpq_url(url), autocommit=True) as owner:
        wards = owner.execute(PLACES).fetchall()
        provinces = [ward[1] for ward in wards]
        largest = max(set(provinces), key=provinces.count)
        mine = np.array([province == largest for province in provinces])
        weight = np.where(mine, LARGEST / mine.sum(), (1 - LARGEST) / (~mine).sum())
        spots = np.array([ward[2:] for ward in wards])[:, None, :]
        spots = spots + rng.normal(0, 0.01, (len(wards), SPOTS, 2))
        owner.execute(LEAN)
        indexes = dropped_indexes(owner)
        for first in range(0, reports, STEP):
            count = min(STEP, reports - first)
            at = rng.choice(len(wards), count, p=weight / weight.sum())
            where = spots[at, rng.integers(SPOTS, size=count)]
            where += rng.normal(0, SPREAD_DEGREES, (count, 2))
            write(owner, rng, [wards[each] for each in at], where)
        for index in indexes:
            owner.execute(index.encode())
        owner.execute("vacuum (analyze) reports")
    return str(largest)


def write(
    owner: psycopg.Connection[Any],
    rng: np.random.Generator,
    wards: list[Any],
    where: NDArray[np.float64],
) -> None:
    """Some reports, each of one of as many reporters or of nobody."""
    cells = cells_at(where[:, 0], where[:, 1], 9).tolist()
    ages = rng.integers(0, 90 * 86_400, len(wards)).tolist()
    moment, lines = now(), io.StringIO()
    for ward, cell, age in zip(wards, cells, ages, strict=True):
        name, key = uuid.uuid4(), rng.bytes(32).hex()
        at = moment - dt.timedelta(seconds=age)
        category = CATEGORIES[age % len(CATEGORIES)]
        anonymous = age % 4 == 0
        who = ("anonymous", "\\N") if anonymous else ("device", f"\\\\x{key}")
        line = (
            name, name, "tip", category, "x", "f", "vi", "gps", 20, cell, at.isoformat(), 1,
            "vn", ward[0], ward[1], "certain", "{}", *who, "\\\\x", f"\\\\x{name.hex}", "k",
            "\\\\x", name,
        )  # fmt: skip
        lines.write("\t".join(map(str, line)) + "\n")
    with owner.cursor().copy(COPY) as copy:
        copy.write(lines.getvalue())


def commander(engine: Engine, province: str) -> str:
    """The session of a province's commander."""
    token, moment = new_token(STAFF_PREFIX), now()
    staff = Staff(
        id=uuid.uuid4(), username=f"commander.{province}", password_hash="", totp_secret=b"",
        recovery_hashes=[], role=StaffRole.PROVINCE_COMMANDER, province_code=province,
    )  # fmt: skip
    session = StaffSession(
        token_hash=token_hash(token), staff_id=staff.id, created_at=moment, seen_at=moment,
        expires_at=moment + dt.timedelta(hours=10),
    )  # fmt: skip
    with Session(engine) as writing, writing.begin():
        writing.add(staff)
        writing.flush()
        writing.add(session)
    return token


def seconds(engine: Engine, asked: keeping.Asked) -> tuple[float, float]:
    """How long a layer takes that nobody asked for yet, written down as it is; and of processor."""
    with engine.begin() as connection:
        connection.execute(text("delete from hotspot_layers"))
    with engine.begin() as connection:
        server = connection.scalar(text("select pg_backend_pid()"))
        assert isinstance(server, int)
        began, worked = time.perf_counter(), time.process_time() + of_server(server)
        read = keeping.inputs(connection, asked, now())
        keeping.keep(connection, read, keeping.made(read))
        worked = time.process_time() + of_server(server) - worked
    return time.perf_counter() - began, worked


def of_server(process: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def made(engine: Engine, atlas: Atlas, province: str, rounds: int) -> list[Figure]:
    """The figures of layers made anew."""
    today = now().astimezone(VIETNAM).date()

    def told(
        words: str, scope: str, province: str | None, days: int, rounds: int, goal: str = ""
    ) -> list[Figure]:
        asked = keeping.Asked(Area(scope, province), days, Group.ALL, today, atlas)
        spent, worked = zip(*(seconds(engine, asked) for _ in range(rounds)), strict=True)
        return [Figure(words, list(spent), "s", goal), Figure("- of processor", list(worked), "s")]

    figures = told("largest province, first in a process", province, province, 28, 1)
    for days in WINDOWS:
        figures += told(f"largest province, {days} d", province, province, days, rounds, "≤ 0.5")
    figures += told("country, first in a process, 28 d", COUNTRY, None, 28, 1, "≤ 15")
    for days in WINDOWS:
        figures += told(f"country, {days} d", COUNTRY, None, days, min(rounds, 3), "≤ 15")
    return figures


def ask(connection: http.client.HTTPConnection, token: str, window: str = "28d") -> bytes:
    """A commander's own layer, as it is sent."""
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    connection.request("GET", f"/v1/hotspots?window={window}", headers=headers)
    answer = connection.getresponse()
    contents = answer.read()
    assert answer.status == 200, contents[:300]
    assert answer.getheader("Content-Encoding") == "gzip"
    return contents


def asked_for(url: str, commanders: Mapping[str, str]) -> list[Figure]:
    """How long the first commander waits, and how large the answers are."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    sizes = []
    for name, token in commanders.items():
        for days in WINDOWS:
            contents = ask(connection, token, f"{days}d")
            cells = [
                each["properties"] for each in json.loads(gzip.decompress(contents))["features"]
            ]
            shown = sum(not each["suppressed"] for each in cells)
            words = f"{name}, {days} d: {shown} of {len(cells)} places with figures"
            sizes.append(Figure(words, [len(contents) / 1024], "KB", "≤ 60"))
    token, times = next(iter(commanders.values())), []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask(connection, token)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    middle, late = times[len(times) // 2], times[int(len(times) * 0.95)]
    return [
        Figure("kept layer: median", [middle], "ms"),
        Figure("kept layer: p95", [late], "ms", "≤ 50"),
        *sizes,
    ]


def measure(reports: int, rounds: int) -> None:
    """All figures."""
    with installation(WARDS) as (home, url):
        began = time.perf_counter()
        province = filled(url, reports)
        print(f"{reports:,} reports in {time.perf_counter() - began:.0f} s", flush=True)
        engine = create_engine(url)
        with engine.connect() as connection:
            edition = edition_in_force(connection, now())
            assert edition is not None
            atlas = load_atlas(connection, edition.id, home / "indexes")
        show(f"Layers of {reports:,} reports", made(engine, atlas, province, rounds))
        commanders = {
            "largest province": commander(engine, province),
            "Hanoi": commander(engine, HANOI),
        }
        engine.dispose()
        ours = {
            "TINBAO_MODE": "demo",
            "TINBAO_HOME": str(home),
            "TINBAO_METRICS_PORT": "0",
            "TINBAO_LIMITS__FACTOR": "0",
        }
        words = [sys.executable, "-m", "uvicorn", "--factory", "api.app:from_environment"]
        with served(words, os.environ | ours, "/readyz", home / "service.log") as base:
            show(f"Asked for {ASKED} times over HTTP, packed", asked_for(base, commanders))


def main() -> None:
    """Everything."""
    words = [int(word) for word in sys.argv[1:]]
    measure(*(words + [REPORTS, ROUNDS][len(words) :])[:2])


if __name__ == "__main__":
    main()
