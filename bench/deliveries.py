"""How fast owed pushes are claimed and settled, beside procrastinate's jobs on the same database.

`python -m bench.deliveries`: a provider that takes everything at once against jobs that do nothing,
both durable, both with their own tables in one cluster. "Claimed and settled" is the outbox alone;
"the worker" is all of it: opening tokens, threads, metrics, log lines.
"""

import argparse
import asyncio
import datetime as dt
import logging
import threading
import time
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from procrastinate import App, PsycopgConnector
from sqlalchemy import make_url

from api.db import libpq_url
from api.telemetry import configure_logs
from bench.intake import database, ratio
from bench.table import Figure, show
from notifications import outbox, worker
from notifications.outbox import Settlement
from notifications.registrations import TokenOpener, TokenSealer
from notifications.senders import Outcome, Push
from notifications.wakeups import Bell

LEASE = dt.timedelta(seconds=20)
SENT = Outcome("sent", message_name="projects/bench/messages/1")

FILL = """
with token as (
    insert into push_tokens (token_hash, sealed)
    select sha256(number::text::bytea), %(sealed)s from generate_series(1, %(phones)s) as number
    returning id
), phone as (
    select id, row_number() over () as number from token
), told as (
    insert into acknowledgements (id, subject, kind, data)
    select gen_random_uuid(), gen_random_uuid(), 'report.received', '{}'
    from generate_series(1, %(deliveries)s)
    returning id
), ack as (
    select id, row_number() over () as number from told
)
insert into deliveries (acknowledgement_id, token_id, language)
select ack.id, phone.id, 'vi'
from ack join phone on phone.number = 1 + ack.number %% %(phones)s
"""


class Outbox:
    """Deliveries to deal with."""

    def __init__(self, url: str) -> None:
        self.dsn = libpq_url(url)
        self.key = X25519PrivateKey.generate()
        self.sealed = TokenSealer(self.key.public_key()).seal("bench")

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the worker."""
        options = f"-c role=tinbao_worker {outbox.BY_KEYS}"
        return psycopg.connect(self.dsn, autocommit=True, options=options)

    def fill(self, deliveries: int, phones: int) -> None:
        """Owe so many, and nothing else."""
        with psycopg.connect(self.dsn, autocommit=True) as owner:
            owner.execute("truncate deliveries, push_tokens, push_registrations cascade")
            sizes = {"sealed": self.sealed, "deliveries": deliveries, "phones": phones}
            owner.execute(FILL, sizes)
            for table in ("push_tokens", "deliveries"):
                owner.execute(f"vacuum analyze {table}")
            owner.execute("checkpoint")

    def pending(self) -> int:
        """How many are not settled."""
        with psycopg.connect(self.dsn) as owner:
            query = "select count(*) from deliveries where state = 'pending'"
            (count,) = owner.execute(query).fetchone() or (0,)
        return int(count)


def alone(post: Outbox, deliveries: int) -> float:
    """Deliveries a second of claiming and settling in the worker's batches, on one connection."""
    post.fill(deliveries, phones=deliveries)
    done = 0
    began = time.perf_counter()
    with post.connect() as connection:
        while claimed := outbox.claim(connection, limit=worker.BATCH, lease=LEASE):
            outbox.settle(connection, [Settlement(each, SENT) for each in claimed], refused=0)
            done += len(claimed)
    took = time.perf_counter() - began
    assert done == deliveries
    assert post.pending() == 0
    return done / took


class Idle:
    """A provider that takes everything at once."""

    def __init__(self, count: int) -> None:
        self._left, self._lock = count, threading.Lock()
        self.done = threading.Event()

    def send(self, _: Push) -> Outcome:
        """Take it."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.done.set()
        return SENT


def whole(post: Outbox, deliveries: int) -> float:
    """Deliveries a second of the whole worker, from its start to the last settlement."""
    post.fill(deliveries, phones=deliveries)
    stop, bell, provider = threading.Event(), Bell(), Idle(deliveries)
    thread = threading.Thread(
        target=worker.run,
        args=(post.connect, provider, TokenOpener(post.key)),
        kwargs={"stop": stop, "bell": bell},
    )
    began = time.perf_counter()
    thread.start()
    assert provider.done.wait(600)
    stop.set()
    bell.ring()
    thread.join()
    took = time.perf_counter() - began
    assert post.pending() == 0
    return deliveries / took


async def procrastinated(url: str, jobs: int, concurrency: int) -> float:
    """Jobs a second of procrastinate's worker, until its queue is empty."""
    app = App(connector=PsycopgConnector(conninfo=libpq_url(url)))

    @app.task(name="nothing")
    async def nothing() -> None:
        """Do nothing."""

    async with app.open_async():
        with psycopg.connect(libpq_url(url), autocommit=True) as owner:
            owner.execute("truncate procrastinate_jobs cascade")
            await nothing.batch_defer_async(*[{} for _ in range(jobs)])
            owner.execute("vacuum analyze procrastinate_jobs")
            owner.execute("checkpoint")
        began = time.perf_counter()
        await app.run_worker_async(
            wait=False, concurrency=concurrency, install_signal_handlers=False
        )
        took = time.perf_counter() - began
        left = await app.job_manager.list_jobs_async(status="todo")
        assert not list(left)
    return jobs / took


async def jobs_database(url: str) -> str:
    """A database for procrastinate beside ours, with its schema."""
    with psycopg.connect(libpq_url(url), autocommit=True) as owner:
        owner.execute("create database bench_jobs")
    made = make_url(url).set(database="bench_jobs").render_as_string(hide_password=False)
    app = App(connector=PsycopgConnector(conninfo=libpq_url(made)))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    return made


def measure(rounds: int, deliveries: int, jobs: int) -> None:
    """All in turn, round by round."""
    with database() as (_, url):
        theirs = asyncio.run(jobs_database(url))
        post = Outbox(url)
        figures: dict[str, list[float]] = {"alone": [], "whole": [], "1": [], "16": []}
        for _ in range(rounds):
            figures["alone"].append(alone(post, deliveries))
            figures["whole"].append(whole(post, deliveries))
            for concurrency in (1, 16):
                took = asyncio.run(procrastinated(theirs, jobs, concurrency))
                figures[str(concurrency)].append(took)
    ours, all_of_it = figures["alone"], figures["whole"]
    show(
        f"Deliveries, {deliveries:,} a round in batches of {worker.BATCH}",
        [
            Figure("claimed and settled", ours, "/s"),
            Figure("the worker, 16 threads, a provider that takes all at once", all_of_it, "/s"),
            Figure("procrastinate, no-op jobs, concurrency 1", figures["1"], "/s"),
            Figure("procrastinate, no-op jobs, concurrency 16", figures["16"], "/s"),
            Figure("claimed and settled, of concurrency 1", ratio(ours, figures["1"]), "", "≥ 20"),
            Figure(
                "claimed and settled, of concurrency 16", ratio(ours, figures["16"]), "", "≥ 20"
            ),
            Figure("the worker, of concurrency 1", ratio(all_of_it, figures["1"])),
            Figure("the worker, of concurrency 16", ratio(all_of_it, figures["16"])),
        ],
    )


def main() -> None:
    """Parse and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deliveries", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    given = parser.parse_args()
    configure_logs("warning")
    logging.getLogger("procrastinate").setLevel(logging.ERROR)
    measure(given.rounds, given.deliveries, given.jobs)


if __name__ == "__main__":
    main()
