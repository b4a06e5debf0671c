"""What live updates cost intake: the same service with wake-ups and a worker, and without both.

`python -m bench.live`: rounds of wrk in turn. First with phones that have no push token, so that
the worker is woken and finds nothing; then with a push owed for every report, which the worker
hands to FCM's stand-in as fast as it can. wrk, the API, PostgreSQL, the worker and the stand-in
share the machine's cores, so what the worker uses is missing elsewhere. The CPU of a report is what
API and PostgreSQL used: it says on a crowded machine, too, what live updates cost intake itself.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
def both(home: Path, processes: int) -> Iterator[dict[str, tuple[str, int]]]:
    """The service with wake-ups and without, beside each other: base URLs and process ids."""
    with (
        serving(home, processes, "bench.live:silent") as off,
        serving(home, processes) as on,
    ):
        yield {"off": off, "on": on}


def postmaster(url: str) -> int:
    """The process id of the database."""
    with psycopg.connect(libpq_url(url)) as owner:
        (folder,) = owner.execute("show data_directory").fetchone() or ("",)
    return int((Path(folder) / "postmaster.pid").read_text().split()[0])


@dataclass
class Round:
    """What one round of wrk came to."""

    rate: float
    cpu_us: float
    """Of API and PostgreSQL, for a report."""
    worker: float = 0.0
    """CPU of the worker, in hundredths of a core."""
    pushed: float = 0.0
    """Pushes a second."""


class Comparison:
    """Rounds in turn; the worker runs in those with live updates only."""

    def __init__(self, home: Path, url: str, services: dict[str, tuple[str, int]]) -> None:
        self.home, self.url, self.services = home, url, services
        self.postmaster = postmaster(url)

    def round(self, each: str, tokens: list[str], fcm: Fcm | None, seconds: int) -> Round:
        """One round, with an outbox that is empty at first."""
        with psycopg.connect(libpq_url(self.url), autocommit=True) as owner:
            owner.execute("truncate deliveries")
            owner.execute("checkpoint")
        base_url, api = self.services[each]
        with ExitStack() as stack:
            worker = None
            if each == "on":
                worker = stack.enter_context(delivering(self.home, self.url, fcm))
            before, worked = cpu_s(api) + cpu_s(self.postmaster), cpu_s(worker) if worker else 0.0
            rate = wrk(base_url, PATH, tokens, connections=128, seconds=seconds)
            used = cpu_s(api) + cpu_s(self.postmaster) - before
            made = Round(rate, used / (rate * seconds) * 1e6)
            if worker:
                made.worker = (cpu_s(worker) - worked) / seconds * 100
                made.pushed = sent_so_far(self.url) / seconds
        time.sleep(1)
        return made

    def figures(self, fcm: Fcm | None, *, rounds: int, seconds: int) -> list[Figure]:
        """All rounds."""
        tokens = phones(self.services["on"][0], pushed=fcm is not None)
        made: dict[str, list[Round]] = {"off": [], "on": []}
        for number in range(rounds):
            for each in ("off", "on") if number % 2 else ("on", "off"):
                made[each].append(self.round(each, tokens, fcm, seconds))
        rates = {each: [one.rate for one in made[each]] for each in made}
        cpu = {each: [one.cpu_us for one in made[each]] for each in made}
        goal = "" if fcm else "≥ 0.95"
        figures = [
            Figure("reports a second, without", rates["off"], "/s"),
            Figure("reports a second, live", rates["on"], "/s"),
            Figure("live, of without", ratio(rates["on"], rates["off"]), "", goal),
            Figure("CPU of a report, without", cpu["off"], "µs"),
            Figure("CPU of a report, live", cpu["on"], "µs"),
            Figure("without, of live", ratio(cpu["off"], cpu["on"]), "", goal),
            Figure("worker CPU, of a core", [one.worker for one in made["on"]], "%"),
        ]
        if fcm:
            figures.append(Figure("pushes a second", [one.pushed for one in made["on"]], "/s"))
        return figures


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
        both(home, 2) as services,
    ):
        comparison = Comparison(home, url, services)
        for title, pushing in (("nothing to push", None), ("a push for each report", fcm)):
            figures = comparison.figures(pushing, rounds=rounds, seconds=seconds)
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
