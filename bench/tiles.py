"""Vector tiles beside tipg: wards drawn and kept, open reports one by one and counted.

`python -m bench.tiles` needs wrk on the path, and the network once: tipg comes from PyPI into a
virtual environment of its own. Both servers have one process and send the same features, packed.
"""

import argparse
import datetime as dt
import math
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from api.accounts.identity import STAFF_PREFIX, new_token
from api.accounts.tables import Staff, StaffRole, StaffSession
from api.db import libpq_url
from api.local.machine import free_port
from api.secrets import token_hash
from bench.real_wards import WARDS, installation
from bench.table import Figure, show
from bench.wrk import requests_a_second
from geo import outlines
from geo.editions import in_force

TIPG = ("tipg==1.6.1", "uvicorn==0.54.0", "uvloop", "httptools")
CITIES = (
    (105.852, 21.028),
    (106.700, 10.776),
    (108.220, 16.067),
    (106.683, 20.856),
    (105.78, 10.03),
)
ZOOMS = range(8, 16)
WARD_ZOOMS = range(11, 17)
AROUND = [
    (reach * math.cos(turn * math.pi / 2), reach * math.sin(turn * math.pi / 2))
    for reach in (0.04, 0.12)
    for turn in range(4)
]
"""Degrees from a city's centre: at each zoom the tiles of these places, as who pans would see."""
OPEN = 40_000
OWNER = "w-bench"
FEW = 300
WARD = "w-bench-ward"
"""A station as most are: so many open cases, all within two kilometres."""

# One station owns every open report, so that its officer's tiles hold what tipg's do.
COLUMNS = """insert into reports (id, case_id, kind, category, text, about_station, language,
    location, accuracy_m, place_source, received_at, urgency, station_id, confidence, routing,
    reporter_kind, body_sha256, receipt_hash, receipt_key_id, receipt_signature,
    acknowledgement_id)
select gen_random_uuid(), gen_random_uuid(), 'tip', 'noise', 'x', false, 'vi',
    {location}, 25, 'gps', now(), 1 + n % 3, '{owner}', 'certain', '{{}}', 'anonymous', '',
    uuid_send(gen_random_uuid()), 'k', '', gen_random_uuid()
from generate_series(0, {last}) n
"""
EVERYWHERE = COLUMNS.format(
    location="ST_Translate(place, (random() - 0.5) / 20, (random() - 0.5) / 20)",
    owner=OWNER,
    last=OPEN - 1,
)
IN_A_WARD = COLUMNS.format(
    location=f"ST_SetSRID(ST_MakePoint({CITIES[0][0]} + (random() - 0.5) / 50,"
    f" {CITIES[0][1]} + (random() - 0.5) / 50), 4326)",
    owner=WARD,
    last=FEW - 1,
)
REPORTS = f"""
insert into stations (id, kind, name) values ('{OWNER}', 'ward', 'x'), ('{WARD}', 'ward', 'x');
{EVERYWHERE}
join (select row_number() over (order by code) - 1 as at, count(*) over () as many,
             ST_PointOnSurface(boundary) as place from wards) w on w.at = n % w.many;
"""  # noqa: S608 - made of constants
FEW_MORE = f"{IN_A_WARD};\nvacuum analyze reports;\n"

# What tipg serves: the wards as they are, and a narrow table of the same reports.
FOR_TIPG = """
create view bench_wards as
    select code, name, type, province_code, boundary from wards;
create table bench_open as
    select case_id::text, state, kind, category, urgency, false as overdue,
           ST_Transform(location, 3857)::geometry(point, 3857) as place from reports;
alter table bench_open add primary key (case_id);
create index on bench_open using gist (place);
vacuum analyze bench_open;
"""


def tiles() -> list[tuple[int, int, int]]:
    """Some tiles round some cities."""
    return [
        tile_of(lon + right, lat + up, zoom)
        for zoom in ZOOMS
        for lon, lat in CITIES
        for right, up in AROUND
    ]


def tiles_of_a_ward() -> list[tuple[int, int, int]]:
    """The tiles that the officer of a ward looks at."""
    lon, lat = CITIES[0]
    return [
        tile_of(lon + right / 8, lat + up / 8, zoom) for zoom in WARD_ZOOMS for right, up in AROUND
    ]


def tile_of(lon: float, lat: float, zoom: int) -> tuple[int, int, int]:
    """The tile of a place."""
    north = 1 - math.asinh(math.tan(math.radians(lat))) / math.pi
    return zoom, int((lon + 180) / 360 * 2**zoom), int(north / 2 * 2**zoom)


@contextmanager
def prepared(wards: Path) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """A private cluster with wards and open reports: its home, the owner's URL, and a session for
    each station."""
    with installation(wards) as (home, url):
        engine = create_engine(url)
        with engine.connect() as connection:
            edition = in_force(connection, dt.datetime.now(dt.UTC))
        assert edition is not None
        began = time.perf_counter()
        drawn = outlines.draw(engine, edition.id)
        print(f"{drawn:,} wards drawn for maps in {time.perf_counter() - began:.0f} s")
        for script in (REPORTS, FOR_TIPG, FEW_MORE):
            run_script(engine, script)
        tokens = {station: officer(engine, station) for station in (OWNER, WARD)}
        engine.dispose()
        yield home, url, tokens


def run_script(engine: Engine, script: str) -> None:
    """Statements one by one, each a transaction of its own."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in filter(str.strip, script.split(";\n")):
            connection.execute(text(statement.replace(":", "\\:")))


def officer(engine: Engine, station: str) -> str:
    """The session of an officer of a station."""
    now, token = dt.datetime.now(dt.UTC), new_token(STAFF_PREFIX)
    staff = Staff(
        id=uuid.uuid4(), username=f"officer.{station}", password_hash="", totp_secret=b"",
        recovery_hashes=[], role=StaffRole.DUTY_OFFICER, station_id=station,
    )  # fmt: skip
    session = StaffSession(
        token_hash=token_hash(token), staff_id=staff.id, created_at=now, seen_at=now,
        expires_at=now + dt.timedelta(hours=10),
    )  # fmt: skip
    with Session(engine) as writing, writing.begin():
        writing.add(staff)
        writing.flush()
        writing.add(session)
    return token


@contextmanager
def served(words: list[str], environment: dict[str, str], ready: str, log: Path) -> Iterator[str]:
    """A server of one process: its base URL, once it answers there."""
    port = free_port()
    with log.open("ab") as lines:
        process = subprocess.Popen(
            [*words, "--port", str(port), "--no-access-log"],
            env=os.environ | environment, stdout=lines, stderr=lines,
        )  # fmt: skip
        base_url = f"http://127.0.0.1:{port}"
        try:
            wait_for(base_url + ready)
            yield base_url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def wait_for(url: str) -> None:
    """Until it answers, a minute at most."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - ours
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def install_tipg(folder: Path) -> Path:
    """tipg's own Python."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", *TIPG], check=True)
    return python


@contextmanager
def servers(home: Path, url: str) -> Iterator[dict[str, str]]:
    """Base URLs of tipg, of the service, and of the service that keeps no tiles."""
    python = install_tipg(home / "tipg")
    ours = {
        "TINBAO_MODE": "demo",
        "TINBAO_HOME": str(home),
        "TINBAO_METRICS_PORT": "0",
        "TINBAO_LIMITS__FACTOR": "0",
        "TINBAO_SESSION_IDLE": "PT10H",
    }
    theirs = {
        "DATABASE_URL": libpq_url(url),
        "TIPG_MAX_FEATURES_PER_TILE": "100000",
        "TIPG_TILE_BUFFER": "64",
        "TIPG_DB_TABLES": '["public.bench_wards", "public.bench_open"]',
    }
    uvicorn = [sys.executable, "-m", "uvicorn", "--factory"]
    started = {
        "tipg": ([str(python), "-m", "uvicorn", "tipg.main:app"], theirs, "/healthz"),
        "kept": ([*uvicorn, "api.app:from_environment"], ours, "/readyz"),
        "drawn": ([*uvicorn, "bench.tile_app:make"], ours, "/readyz"),
    }
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(served(words, environment, ready, home / f"{name}.log"))
            for name, (words, environment, ready) in started.items()
        }


def measure(rounds: int, seconds: int, wards: Path) -> None:
    """All figures of tiles, the servers in turns."""
    with prepared(wards) as (home, url, tokens), servers(home, url) as at:
        ward = "/v1/tiles/wards/{z}/{x}/{y}.mvt"
        case = "/v1/tiles/cases/{z}/{x}/{y}.mvt?clustered="
        raw = "/collections/public.{name}/tiles/WebMercatorQuad/{z}/{x}/{y}"
        asked = {
            "wards, tipg": (at["tipg"], raw.replace("{name}", "bench_wards")),
            "wards, drawn": (at["drawn"], ward),
            "wards, kept": (at["kept"], ward),
            "open reports, tipg": (at["tipg"], raw.replace("{name}", "bench_open")),
            "open reports, drawn": (at["drawn"], case + "false"),
            "open reports, counted, drawn": (at["drawn"], case + "true"),
            "open reports, kept": (at["kept"], case + "false"),
            "open reports, counted, kept": (at["kept"], case + "true"),
            f"{FEW} of one ward, drawn": (at["drawn"], case + "false"),
            f"{FEW} of one ward, counted, drawn": (at["drawn"], case + "true"),
        }
        speed: dict[str, list[float]] = {name: [] for name in asked}
        size: dict[str, list[float]] = {name: [] for name in asked}
        for lap in range(rounds + 1):
            for name, (base_url, template) in asked.items():
                few = name.startswith(f"{FEW} of")
                shown, token = (
                    (tiles_of_a_ward(), tokens[WARD]) if few else (tiles(), tokens[OWNER])
                )
                mixed = random.Random(lap).sample(shown, len(shown))
                paths = [template.format(z=z, x=x, y=y) for z, x, y in mixed]
                each, bytes_each = requests_a_second(
                    base_url, paths, token=token, connections=4, seconds=seconds
                )
                if lap:  # the first warms caches
                    speed[name].append(each)
                    size[name].append(bytes_each / 1000)
        tell(speed, size)


def tell(speed: dict[str, list[float]], size: dict[str, list[float]]) -> None:
    """Print the figures."""

    def of(name: str, beside: str, figures: dict[str, list[float]]) -> list[float]:
        return [a / b for a, b in zip(figures[name], figures[beside], strict=True)]

    show(
        f"{len(tiles())} tiles of zooms 8-15, 4 connections, 1 process each",
        [
            *(Figure(name, values, "tiles/s") for name, values in speed.items()),
            *(Figure(f"{name}: size", values, "kB") for name, values in size.items()),
            *(
                Figure(f"{name} / tipg", of(name, beside, speed), "", goal)
                for name, beside, goal in (
                    ("wards, drawn", "wards, tipg", "≥ 8"),
                    ("wards, kept", "wards, tipg", "≥ 90"),
                    ("open reports, drawn", "open reports, tipg", "≥ 4"),
                    ("open reports, counted, drawn", "open reports, tipg", "≥ 6"),
                    ("open reports, kept", "open reports, tipg", ""),
                    ("open reports, counted, kept", "open reports, tipg", ""),
                )
            ),
            Figure(
                "counted / tipg: bytes",
                of("open reports, counted, drawn", "open reports, tipg", size),
                "",
                "≤ 0.17",
            ),
        ],
    )


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--wards", type=Path, default=WARDS)
    given = parser.parse_args()
    measure(given.rounds, given.seconds, given.wards)


if __name__ == "__main__":
    main()
