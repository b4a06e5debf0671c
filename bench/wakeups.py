"""How soon a phone is woken after its report was accepted.

`python -m bench.wakeups`: one API process and one worker, as their operator runs them, FCM's
stand-in, and so many reports a second from 64 phones. Counted to the push at the stand-in, from the
201 at the phone and from the moment the API had read the report, which is earlier than its commit:
on a crowded machine the push may well overtake the 201. The clock is the machine's.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psycopg

from api.db import libpq_url
from api.local.client import Client, uuid7
from bench.intake import BODY, DEVICES, cpu_s, database, environment, serving
from bench.table import Figure, show
from tests.stand_ins.running import Fcm, fcm_running

STARTING_S = 2.0
"""From a worker's first sign of life until it has nothing more to prepare."""
SETTLING_S = 3.0
"""After this long without a report every push has come, or is late beyond any goal."""


def phones(base_url: str, *, pushed: bool) -> list[str]:
    """Tokens of devices; with a registration that the stand-in accepts, or without any."""
    client = Client(base_url)
    tokens = []
    for number in range(DEVICES):
        _, made, _ = client.call("POST", "/v1/devices", {})
        if pushed:
            push = {"provider": "fcm", "token": f"ok-{number}", "language": "vi"}
            client.call("PUT", "/v1/devices/self/push", push, made["token"])
        tokens.append(made["token"])
    return tokens


def workers(url: str) -> int:
    """How many workers have ever given a sign of life."""
    with psycopg.connect(libpq_url(url)) as owner:
        (count,) = owner.execute("select count(*) from worker_heartbeats").fetchone() or (0,)
    return int(count)


@contextmanager
def delivering(home: Path, url: str, fcm: Fcm | None) -> Iterator[int]:
    """A worker at work; its process id."""
    push = {}
    if fcm is not None:
        push = {
            "TINBAO_PUSH__ENDPOINT": fcm.url,
            "TINBAO_PUSH__CREDENTIALS_FILE": str(fcm.credentials_file),
        }
    own = {**environment(home, 0, 1), "TINBAO_WORKER_METRICS_PORT": "0", **push}
    command = [str(Path(sys.executable).with_name("tinbao")), "worker"]
    before = workers(url)
    with (
        (home / "worker.log").open("ab") as log,
        subprocess.Popen(command, env=own, stdout=log, stderr=log) as process,
    ):
        try:
            while workers(url) == before:
                time.sleep(0.2)
            time.sleep(STARTING_S)
            yield process.pid
        finally:
            process.terminate()
            process.wait(30)


async def send(
    base_url: str, tokens: list[str], *, rate: float, seconds: float
) -> dict[str, float]:
    """Send reports evenly; when each acknowledgement's 201 came."""
    accepted: dict[str, float] = {}

    async def one(http: httpx.AsyncClient, token: str) -> None:
        answer = await http.put(
            f"/v1/reports/{uuid7()}", json=BODY, headers={"Authorization": f"Bearer {token}"}
        )
        answer.raise_for_status()
        accepted[answer.json()["acknowledgement"]["id"]] = time.time()

    limits = httpx.Limits(max_connections=DEVICES, keepalive_expiry=2)
    async with (
        httpx.AsyncClient(base_url=base_url, limits=limits, timeout=20, trust_env=False) as http,
        asyncio.TaskGroup() as group,
    ):
        began = time.monotonic()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(one(http, tokens[number % len(tokens)]))
    return accepted


def first_attempts(fcm: Fcm) -> dict[str, float]:
    """When each acknowledgement was first pushed."""
    seen = fcm.stats()
    first: dict[str, float] = {}
    for message, at in zip(seen["attempted"], seen["attempted_at"], strict=True):
        first.setdefault(message["data"]["ack_id"], at)
    return first


def received(url: str) -> dict[str, float]:
    """When the API had read the report of each acknowledgement."""
    with psycopg.connect(libpq_url(url)) as owner:
        query = "select id::text, extract(epoch from created_at)::float8 from acknowledgements"
        return dict(owner.execute(query).fetchall())


def delays_ms(
    pushed: dict[str, float], since: dict[str, float], acks: Iterable[str]
) -> list[float]:
    """From `since` to the push; raises when one never came."""
    return [(pushed[ack] - since[ack]) * 1000 for ack in acks]


def measure(rounds: int, seconds: float, rate: float) -> None:
    """Round by round on one service."""
    answered: dict[int, list[float]] = {50: [], 95: [], 99: []}
    read: dict[int, list[float]] = {50: [], 95: [], 99: []}
    cpu = []
    with (
        tempfile.TemporaryDirectory() as account,
        fcm_running(Path(account)) as fcm,
        database() as (home, url),
        serving(home, 1) as (base_url, _),
        delivering(home, url, fcm) as worker,
    ):
        tokens = phones(base_url, pushed=True)
        for _ in range(rounds):
            fcm.reset()
            before = cpu_s(worker)
            accepted = asyncio.run(send(base_url, tokens, rate=rate, seconds=seconds))
            cpu.append((cpu_s(worker) - before) / seconds * 100)
            time.sleep(SETTLING_S)
            pushed = first_attempts(fcm)
            for found, since in ((answered, accepted), (read, received(url))):
                delays = delays_ms(pushed, since, accepted)
                for each, values in found.items():
                    values.append(float(np.percentile(delays, each)))
    show(
        f"How soon a phone is woken, {rate:g} reports a second for {seconds:g} s",
        [
            Figure("from the 201 to the push, p50", answered[50], "ms", "≤ 100"),
            Figure("p95", answered[95], "ms", "≤ 500"),
            Figure("p99", answered[99], "ms"),
            Figure("from the report's reading to the push, p50", read[50], "ms"),
            Figure("p95", read[95], "ms"),
            Figure("p99", read[99], "ms"),
            Figure("worker CPU, of a core", cpu, "%"),
        ],
    )


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=50, help="reports a second")
    given = parser.parse_args()
    measure(given.rounds, given.seconds, given.rate)


if __name__ == "__main__":
    main()
