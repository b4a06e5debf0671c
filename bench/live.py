"""What live updates cost intake: the same service with wake-ups and a worker, and without both.

`python -m bench.live`: rounds of wrk in turn. First with phones that have no push token, so that
the worker is woken and finds nothing; then with a push owed for every report, which the worker
hands to FCM's stand-in as fast as it can. wrk, the API, PostgreSQL, the worker and the stand-in
share the machine's cores, so what the worker uses is missing elsewhere.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg
from fastapi import FastAPI

from api.app import from_environment
from api.db import libpq_url
from bench.intake import cpu_s, database, ratio, serving, wrk
from bench.table import Figure, show
from bench.wakeups import delivering, phones
from notifications.wakeups import Waker
from tests.stand_ins.running import Fcm, fcm_running

PATH = "/v1/reports/"


def silent() -> FastAPI:
    """The service of this environment without wake-ups."""
    patch.object(Waker, "wake", lambda *_: None).start()
    return from_environment()


@contextmanager
def both(home: Path, processes: int) -> Iterator[dict[str, str]]:
    """The service with wake-ups and without, beside each other: their base URLs."""
    with (
        serving(home, processes, "bench.live:silent") as (off, _),
        serving(home, processes) as (on, _),
    ):
        yield {"off": off, "on": on}


def compare(
    home: Path, url: str, urls: dict[str, str], fcm: Fcm | None, *, rounds: int, seconds: int
) -> list[Figure]:
    """Rounds in turn; the worker runs in those with live updates only."""
    tokens = phones(urls["on"], pushed=fcm is not None)
    rates: dict[str, list[float]] = {"off": [], "on": []}
    used, sent = [], []
    for number in range(rounds):
        for each in ("off", "on") if number % 2 else ("on", "off"):
            with psycopg.connect(libpq_url(url), autocommit=True) as owner:
                owner.execute("truncate deliveries")
                owner.execute("checkpoint")
            with ExitStack() as stack:
                worker = stack.enter_context(delivering(home, fcm)) if each == "on" else None
                before = cpu_s(worker) if worker else 0.0
                rates[each].append(wrk(urls[each], PATH, tokens, connections=128, seconds=seconds))
                if worker:
                    used.append((cpu_s(worker) - before) / seconds * 100)
                    sent.append(sent_so_far(url) / seconds)
            time.sleep(1)
    figures = [
        Figure("reports a second, without", rates["off"], "/s"),
        Figure("reports a second, live", rates["on"], "/s"),
        Figure("live, of without", ratio(rates["on"], rates["off"]), "", "" if fcm else "≥ 0.95"),
        Figure("worker CPU, of a core", used, "%"),
    ]
    return [*figures, Figure("pushes a second", sent, "/s")] if fcm else figures


def sent_so_far(url: str) -> int:
    """How many pushes were settled."""
    with psycopg.connect(libpq_url(url)) as owner:
        query = "select count(*) from deliveries where state = 'sent'"
        (count,) = owner.execute(query).fetchone() or (0,)
    return int(count)


def measure(rounds: int, seconds: int) -> None:
    """With nothing to push, and with a push for each report."""
    with (
        tempfile.TemporaryDirectory() as account,
        fcm_running(Path(account)) as fcm,
        database() as (home, url),
        both(home, 2) as urls,
    ):
        for title, pushing in (("nothing to push", None), ("a push for each report", fcm)):
            figures = compare(home, url, urls, pushing, rounds=rounds, seconds=seconds)
            show(f"Intake with live updates, {title}, 2 API processes", figures)


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    given = parser.parse_args()
    measure(given.rounds, given.seconds)


if __name__ == "__main__":
    main()
