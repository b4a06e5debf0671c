"""How fast reports go in, beside pgbench writing the same rows and the same app doing nothing.

`python -m bench.intake` needs wrk and PostgreSQL's pgbench on the path or beside the server.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from api import migrations
from api.db import libpq_url
from api.local.binaries import find_binaries
from api.local.client import Client, uuid7
from api.local.machine import free_port
from api.local.postgis import Cluster
from api.secrets import create_keys
from bench.table import Figure, show

DEVICES = 64
BODY = {
    "kind": "tip",
    "category": "theft",
    "text": "Có người bẻ khóa xe máy trước cổng chợ, hai thanh niên đi xe màu đen, biển số che kín,"
    " lúc mười giờ đêm. Họ đi về phía cầu.",
    "place": {"lon": 105.8524, "lat": 21.0287, "accuracy_m": 25, "source": "gps"},
    "observed_at": "2026-11-22T21:40:00+07:00",
}
SEALED = BODY | {"contact": {"name": "Nguyễn Văn Bình", "phone": "0912 345 678"}}

WRK = """
math.randomseed(os.time())
local body = [[%(body)s]]
local tokens = {%(tokens)s}
local n = 0
request = function()
  n = n + 1
  local id = string.format("%%08x-%%04x-7%%03x-8%%03x-%%06x%%06x", math.random(0, 0x7fffffff),
    math.random(0, 0xffff), math.random(0, 0xfff), math.random(0, 0xfff),
    math.random(0, 0xffffff), math.random(0, 0xffffff))
  local headers = {["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer " .. tokens[n %% #tokens + 1]}
  return wrk.format("PUT", "%(path)s" .. id, headers, body)
end
"""

# One report as intake stores it, written by plain single-row inserts in one statement.
PGBENCH = """
\\set n random(1, 1000000000)
with r as (
  insert into reports (id, case_id, kind, category, text, about_station, language, location,
    accuracy_m, place_source, cell_r9, observed_at, received_at, urgency, station_id, edition_id,
    ward_code, province_code, confidence, routing, reporter_kind, reporter_key, body_sha256,
    receipt_hash, receipt_key_id, receipt_signature, acknowledgement_id)
  select gen_random_uuid(), gen_random_uuid(), kind, category, text, about_station, language,
    location, accuracy_m, place_source, cell_r9, observed_at, now(), urgency, station_id,
    edition_id, ward_code, province_code, confidence, routing, reporter_kind,
    sha256(:n::text::bytea), body_sha256, sha256(gen_random_uuid()::text::bytea), receipt_key_id,
    receipt_signature, gen_random_uuid()
  from bench_sample returning id, case_id, station_id, reporter_key, acknowledgement_id
), e as (
  insert into case_events (case_id, kind, actor_kind, data)
  select case_id, 'report.received', 'reporter', '{"rule": "largest-share"}' from r
), a as (
  insert into audit_events (actor_kind, action, object_kind, object_id, scope, request_id)
  select 'reporter', 'report.received', 'case', case_id, station_id, :n from r
), k as (
  insert into acknowledgements (id, subject, recipient, kind, data)
  select acknowledgement_id, id, reporter_key, 'report.received', '{"station": "x"}' from r
  returning id
)
insert into deliveries (acknowledgement_id, token_id, language)
select k.id, t.id, 'vi' from k, (select id from push_tokens limit 1) t;
"""


@contextmanager
def database() -> Iterator[tuple[Path, str]]:
    """A durable private cluster with the demo edition: its home and the owner's URL."""
    home = Path(tempfile.mkdtemp(prefix="tinbao-bench-"))
    home.chmod(0o755)
    cluster = Cluster(home)
    try:
        url = cluster.up()
        migrations.upgrade(url)
        cluster.grant_service()
        create_keys(home / "keys")
        tinbao("demo", "load", env=environment(home, 0, 1))
        yield home, url
    finally:
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def environment(home: Path, port: int, processes: int) -> dict[str, str]:
    """The service's environment."""
    return {
        **os.environ,
        "TINBAO_MODE": "demo",
        "TINBAO_HOME": str(home),
        "TINBAO_PORT": str(port),
        "TINBAO_PROCESSES": str(processes),
        "TINBAO_METRICS_PORT": "0",
        "TINBAO_LIMITS__FACTOR": "0",
    }


def tinbao(*words: str, env: dict[str, str]) -> None:
    """Run one command of the service."""
    subprocess.run([str(Path(sys.executable).with_name("tinbao")), *words], env=env, check=True)


@contextmanager
def serving(
    home: Path, processes: int, factory: str = "bench.empty_app:make"
) -> Iterator[tuple[str, int]]:
    """The service with its empty route, or another: base URL and process id."""
    port = free_port()
    words = ["uvicorn", factory, "--factory", "--port", str(port)]
    words += ["--workers", str(processes), "--no-access-log"]
    log = (home / "serve.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", *words], env=environment(home, port, processes), stdout=log,
        stderr=log,
    )  # fmt: skip
    base_url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{base_url}/readyz", timeout=2):  # noqa: S310 - ours
                    break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        time.sleep(3)
        yield base_url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        log.close()


def devices(base_url: str) -> list[str]:
    """Tokens of some devices with push registrations."""
    client = Client(base_url)
    tokens = []
    for n in range(DEVICES):
        _, made, _ = client.call("POST", "/v1/devices", {})
        push = {"provider": "fcm", "token": f"bench-{n}", "language": "vi"}
        client.call("PUT", "/v1/devices/self/push", push, made["token"])
        tokens.append(made["token"])
    return tokens


def wrk(
    base_url: str,
    path: str,
    tokens: list[str],
    *,
    connections: int,
    seconds: int,
    body: Mapping[str, Any] = BODY,
) -> float:
    """Requests a second of one round; raises when any was not answered 2xx."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            WRK
            % {
                "body": json.dumps(body, ensure_ascii=False),
                "tokens": ", ".join(f'"{token}"' for token in tokens),
                "path": path,
            }
        )
        script.flush()
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", script.name, base_url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    if "Non-2xx" in printed:
        raise RuntimeError(printed)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0])


def pgbench(url: str, *, clients: int, seconds: int) -> float:
    """Transactions a second of one round."""
    binaries = find_binaries()
    beside = str(binaries.folder) if binaries else None
    program = shutil.which("pgbench") or shutil.which("pgbench", path=beside)
    if program is None:
        raise SystemExit("pgbench is not here (Debian: apt-get install postgresql-contrib)")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(PGBENCH)
        script.flush()
        printed = subprocess.run(
            [program, "-n", "-M", "prepared", "-f", script.name, f"-c{clients}", "-j1",
             f"-T{seconds}", libpq_url(url)],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    return float(re.findall(r"tps = ([\d.]+)", printed)[0])


def cpu_s(pid: int) -> float:
    """Processor seconds a process and its children have used, those that ended included."""
    total = 0.0
    tick = os.sysconf("SC_CLK_TCK")
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(each.parent.name) == pid:
            total += sum(int(word) for word in words[11:15]) / tick
        elif int(words[1]) == pid:
            total += sum(int(word) for word in words[11:13]) / tick
    return total


def keep_sample(url: str) -> None:
    """Keep one stored report as what pgbench writes again and again."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("drop table if exists bench_sample"))
        connection.execute(text("create table bench_sample as select * from reports limit 1"))
    engine.dispose()


@dataclass
class Load:
    """Reports sent to a service, round by round: how many a second, and whose processor it took."""

    base_url: str
    path: str
    tokens: list[str]
    connections: int
    seconds: int
    body: Mapping[str, Any]
    pids: Mapping[str, int]
    rates: list[float] = field(default_factory=list)
    cpu_us: dict[str, list[float]] = field(default_factory=dict)

    def round(self) -> None:
        """One round."""
        before = {name: cpu_s(pid) for name, pid in self.pids.items()}
        rate = wrk(
            self.base_url, self.path, self.tokens, connections=self.connections,
            seconds=self.seconds, body=self.body,
        )  # fmt: skip
        self.rates.append(rate)
        for name, pid in self.pids.items():
            used = (cpu_s(pid) - before[name]) / (rate * self.seconds)
            self.cpu_us.setdefault(name, []).append(used * 1e6)

    def figures(self, what: str) -> list[Figure]:
        """What it came to."""
        return [Figure(f"{what} a second", self.rates, "/s")] + [
            Figure(f"{name} CPU for each", used, "µs") for name, used in self.cpu_us.items()
        ]


def measure(rounds: int, seconds: int) -> None:
    """All figures of intake."""
    with database() as (home, url):
        postgres = Cluster(home).process() or 0
        with serving(home, 1) as (base_url, _):
            tokens = devices(base_url)
            Client(base_url).call("PUT", f"/v1/reports/{uuid7()}", BODY, tokens[0])
        keep_sample(url)
        for processes, connections in ((1, 64), (2, 128)):
            limit = []
            with serving(home, processes) as (base_url, pid):
                both = {"web": pid, "PostgreSQL": postgres}
                plain, sealed, empty = (
                    Load(base_url, path, tokens, connections, seconds, body, pids)
                    for path, body, pids in (
                        ("/v1/reports/", BODY, both),
                        ("/v1/reports/", SEALED, both),
                        ("/empty/", BODY, {"web": pid}),
                    )
                )
                for _ in range(rounds):
                    limit.append(pgbench(url, clients=32, seconds=seconds))
                    plain.round()
                    empty.round()
                    sealed.round()
            goal = "≥ 0.45" if processes == 2 else ""
            of_empty = "≥ 0.5" if processes == 1 else ""
            show(
                f"Intake over HTTP, {processes} API process{'es' * (processes > 1)}",
                [
                    *plain.figures("reports"),
                    Figure("pgbench, same rows, 32 clients", limit, "/s"),
                    Figure("of pgbench", ratio(plain.rates, limit), "", goal),
                    *empty.figures("requests to the same app's empty route"),
                    Figure("of the empty route", ratio(plain.rates, empty.rates), "", of_empty),
                    *sealed.figures("reports with a sealed contact"),
                ],
            )


def ratio(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    given = parser.parse_args()
    measure(given.rounds, given.seconds)


if __name__ == "__main__":
    main()
