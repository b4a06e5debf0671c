"""How fast wards are found over HTTP, beside the same app's empty routes and a service like MapIt.

`python -m bench.locate_http` needs wrk on the path. It makes a private cluster with real wards and,
the first time, a folder of its own for Django and gunicorn (`bench.mapit`), which no service needs.
One process each, 8 connections, limits off unless said; points in any ward, every ward equally
likely. Every service answers the same points in each round.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg
from sqlalchemy import create_engine, make_url

from api.db import libpq_url
from api.local.binaries import find_binaries
from api.local.client import Client
from api.local.machine import free_port
from api.local.postgis import Cluster
from bench.intake import ratio, serving
from bench.locate import Points, ward_points
from bench.mapit.tables import TABLES
from bench.real_wards import WARDS, installation
from bench.table import Figure, headline, show
from bench.ward_agreement import read_boundaries

CONNECTIONS = 8
COMPARED = 100
"""Points whose ward the services must agree on before anything is measured."""

PEER = Path(__file__).resolve().parents[1] / ".local" / "bench-mapit"
PEER_NEEDS = (
    "asgiref==3.13.0",
    "django==5.2.19",
    "gunicorn==27.0.1",
    "psycopg2-binary==2.9.13",
    "sqlparse==0.6.1",
)

SCRIPT = """
local requests = {}
local headers = {["Content-Type"] = "application/json"}
local function ask(method, path, body)
  requests[#requests + 1] = wrk.format(method, path, body and headers or {}, body)
end
%s
local n = 0
request = function() n = n %% #requests + 1; return requests[n] end
"""


@dataclass
class Asked:
    """One URL of one service, and what came of asking it."""

    base_url: str
    pids: tuple[int, ...]
    """Whose processor time counts."""
    script: Path
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def ask(self, seconds: int) -> None:
        """One round of wrk; raises when any answer was not 2xx."""
        before = sum(map(tree_cpu_s, self.pids))
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", self.script, self.base_url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        if "Non-2xx" in printed:
            raise RuntimeError(printed)
        self.rates.append(float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0]))
        answered = int(re.findall(r"(\d+) requests in", printed)[0])
        self.cpu_us.append((sum(map(tree_cpu_s, self.pids)) - before) / answered * 1e6)


def tree_cpu_s(pid: int) -> float:
    """Processor seconds of a process and its children, those that have ended included."""
    total = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(each.parent.name) == pid or int(words[1]) == pid:
            total += sum(map(int, words[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def posts(folder: Path, path: str, points: Points, accuracy_m: float | None = None) -> Path:
    """A script of places posted to a path."""
    more = {} if accuracy_m is None else {"accuracy_m": accuracy_m}
    lines = [
        f"ask('POST', '{path}', '{json.dumps({'lon': lon, 'lat': lat} | more)}')"
        for lon, lat in points.tolist()
    ]
    return written(folder / f"{path.replace('/', '_')}-{accuracy_m}.lua", lines)


def gets(folder: Path, points: Points) -> Path:
    """A script of the same places asked in MapIt's manner."""
    lines = [f"ask('GET', '/point/4326/{lon},{lat}')" for lon, lat in points.tolist()]
    return written(folder / "mapit.lua", lines)


def written(file: Path, lines: list[str]) -> Path:
    """A script of these requests, again and again."""
    file.write_text(SCRIPT % "\n".join(lines))
    return file


def peer_python() -> Path:
    """The Python of a folder that holds what the peer needs, made if it is not there."""
    python, mark = PEER / "bin" / "python", PEER / "needs"
    if not mark.exists() or mark.read_text() != "\n".join(PEER_NEEDS):
        subprocess.run([sys.executable, "-m", "venv", "--clear", PEER], check=True)
        words = ["-m", "pip", "-qq", "install", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([python, *words, *PEER_NEEDS], check=True)
        mark.write_text("\n".join(PEER_NEEDS))
    return python


def peer_environment(url: str) -> dict[str, str]:
    """Where the peer's database is, and the libraries that came with PostGIS."""
    at = make_url(url)
    found = {
        "PGHOST": str(at.host),
        "PGPORT": str(at.port),
        "PGUSER": str(at.username),
        "PGPASSWORD": str(at.password),
        "PGDATABASE": str(at.database),
        "DJANGO_SETTINGS_MODULE": "bench.mapit.settings",
    }
    binaries = find_binaries()
    own = dict(binaries.environment) if binaries else {}
    for name, library in (("BENCH_GDAL", "libgdal"), ("BENCH_GEOS", "libgeos_c")):
        for folder in filter(None, own.get("LD_LIBRARY_PATH", "").split(":")):
            for file in Path(folder).glob(f"{library}.so.*"):
                found[name] = str(file)
    return {**os.environ, **own, **found}


@contextmanager
def peer(home: Path, url: str, *, keep: bool) -> Iterator[tuple[str, int]]:
    """The Django service under gunicorn: base URL and process id.

    Unless it may `keep` its database connection it makes one for each request, as Django does.
    """
    port = free_port()
    words = ["-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}"]
    own = {"BENCH_KEEP_CONNECTIONS": "1"} if keep else {}
    with (home / "peer.log").open("ab") as log:
        process = subprocess.Popen(
            [peer_python(), *words, "django.core.wsgi:get_wsgi_application()"],
            env=peer_environment(url) | own, stdout=log, stderr=log,
            cwd=Path(__file__).resolve().parents[1],
        )  # fmt: skip
    try:
        time.sleep(5)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def check_agreement(ours: str, theirs: str, points: Points) -> None:
    """Raise unless both services find the same wards."""
    client = Client(ours)
    for lon, lat in points[:COMPARED].tolist():
        _, answer, _ = client.call("POST", "/v1/locate", {"lon": lon, "lat": lat})
        with urllib.request.urlopen(f"{theirs}/point/4326/{lon},{lat}") as response:  # noqa: S310 - ours
            areas = json.load(response)
        codes = sorted(area["codes"]["gso"] for area in areas.values())
        if answer["ward"] is None or answer["ward"]["code"] != codes[0]:
            raise AssertionError(f"{lon} {lat}: {answer['ward']}, but {codes}")


def measure(wards: Path, rounds: int, seconds: int) -> None:
    """All figures."""
    with ExitStack() as stack:
        home, url = stack.enter_context(installation(wards))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with create_engine(url).connect() as connection:
            boundaries = read_boundaries(connection, 1)
        points = ward_points(boundaries, np.random.default_rng(1))
        with psycopg.connect(libpq_url(url), autocommit=True) as owner:
            owner.execute(TABLES)
        ours, pid = stack.enter_context(serving(home, 1, "bench.empty_locate:make"))
        counting, its = stack.enter_context(serving(home, 1, "bench.empty_locate:make_counting"))
        fresh, fresh_pid = stack.enter_context(peer(home, url, keep=False))
        kept, kept_pid = stack.enter_context(peer(home, url, keep=True))
        check_agreement(ours, kept, points)
        server = Cluster(home).process()
        assert server is not None
        plain, theirs = posts(folder, "/v1/locate", points), gets(folder, points)
        circles = posts(folder, "/v1/locate", points, 25.0)
        asked = {
            "empty": Asked(ours, (pid,), posts(folder, "/v1/empty", points)),
            "locate": Asked(ours, (pid,), plain),
            "lean": Asked(ours, (pid,), posts(folder, "/v1/empty-lean", points)),
            "circle": Asked(ours, (pid,), circles),
            "empty circle": Asked(ours, (pid,), posts(folder, "/v1/empty", points, 25.0)),
            "counted": Asked(counting, (its, server), plain),
            "kept": Asked(kept, (kept_pid, server), theirs),
            "fresh": Asked(fresh, (fresh_pid, server), theirs),
        }
        for each in asked.values():
            each.ask(1)
            each.rates.clear()
            each.cpu_us.clear()
        for _ in range(rounds):
            for each in asked.values():
                each.ask(seconds)
    tell(asked)


def tell(asked: dict[str, Asked]) -> None:
    """Print the tables."""
    rates = {name: each.rates for name, each in asked.items()}
    cpu = {name: each.cpu_us for name, each in asked.items()}
    show(
        f"`POST /v1/locate`, 1 process, {CONNECTIONS} connections",
        [
            Figure("answers a second", rates["locate"], "/s"),
            Figure("the same app's empty route, same body", rates["empty"], "/s"),
            Figure("of the empty route", ratio(rates["locate"], rates["empty"]), "", "≥ 0.9"),
            Figure("of the empty route, by processor time", ratio(cpu["empty"], cpu["locate"])),
            Figure("of an empty route as lean as it", ratio(rates["locate"], rates["lean"])),
            Figure("with accuracy 25 m, a second", rates["circle"], "/s"),
            Figure(
                "with accuracy 25 m, of the empty route",
                ratio(rates["circle"], rates["empty circle"]),
            ),
            Figure("with each address counted in PostgreSQL, a second", rates["counted"], "/s"),
            Figure("CPU an answer", cpu["locate"], "µs"),
            Figure("CPU an empty answer", cpu["empty"], "µs"),
            Figure("CPU an answer with accuracy 25 m", cpu["circle"], "µs"),
            Figure("CPU an answer, address counted, PostgreSQL's included", cpu["counted"], "µs"),
        ],
    )
    show(
        "The same points asked of Django in MapIt's manner, gunicorn, 1 process",
        [
            Figure("a connection for each request, as MapIt has it", rates["fresh"], "/s"),
            Figure("ours to that", ratio(rates["locate"], rates["fresh"]), "×", "≥ 50"),
            Figure("ours to that, by processor time", ratio(cpu["fresh"], cpu["locate"]), "×"),
            Figure("one connection kept", rates["kept"], "/s"),
            Figure("ours to that", ratio(rates["locate"], rates["kept"]), "×"),
            Figure("ours to that, by processor time", ratio(cpu["kept"], cpu["locate"]), "×"),
            Figure("ours counted to that", ratio(rates["counted"], rates["kept"]), "×"),
            Figure("its CPU an answer, PostgreSQL's included", cpu["fresh"], "µs"),
            Figure("with one connection kept", cpu["kept"], "µs"),
        ],
    )
    headline(
        "A ward over HTTP, 1 process", "the same app's empty route",
        ratio(rates["locate"], rates["empty"]),
    )  # fmt: skip
    headline(
        "A ward over HTTP, processor time", "Django and PostGIS in MapIt's manner",
        ratio(cpu["fresh"], cpu["locate"]),
    )  # fmt: skip


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--wards", type=Path, default=WARDS)
    given = parser.parse_args()
    measure(given.wards, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
