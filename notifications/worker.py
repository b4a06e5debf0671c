"""The loop around the outbox: claim, send in a bounded pool of threads, settle in batches.

One thread owns the database connection; the others only talk to the provider. What they report is
kept until it is settled, through any outage of the database. A worker that dies loses nothing:
its leases run out and others take over.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import psycopg
import structlog

from notifications import metrics, outbox, sweeper
from notifications.outbox import Claimed, Settlement
from notifications.registrations import TokenOpener
from notifications.senders import Outcome, Push, Sender

log = structlog.get_logger()

LEASE = dt.timedelta(seconds=60)
"""Longer than any attempt may take, and how late a dead worker's deliveries may be."""
POLL = dt.timedelta(seconds=0.2)
GRACE = dt.timedelta(seconds=20)
"""How long stopping waits for the provider's answers."""
SWEEP_EVERY_S = 10.0
FORGET_EVERY_S = 600.0
OUTAGE_CAP_S = 5.0

Connect = Callable[[], psycopg.Connection[Any]]


def run(
    connect: Connect,
    sender: Sender | None,
    opener: TokenOpener,
    *,
    stop: threading.Event,
    concurrency: int = 16,
    poll: dt.timedelta = POLL,
    lease: dt.timedelta = LEASE,
) -> None:
    """Deliver until `stop` is set, then finish what is under way.

    Without a sender nothing is claimed: reporters read their inbox, and what is owed runs out.
    `connect` opens a connection whose role may do the worker's work.
    """
    if sender is None:
        log.warning("push.unavailable", consequence="acknowledgements reach the inbox only")
    deliverer = Deliverer(sender, opener, concurrency=concurrency, lease=lease)
    database = Database(connect)
    sweeps = Sweeps(sending=sender is not None)
    try:
        while not stop.is_set():
            deliverer.collect()
            claimed = database.attempt(deliverer.turn)
            database.attempt(sweeps.turn)
            if not claimed:
                deliverer.rest(stop, poll)
        deliverer.finish(database)
    finally:
        deliverer.close()
        database.close()


class Database:
    """One connection, opened when it is needed and again after each outage."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._failures = 0
        self._not_before = 0.0

    def attempt(self, work: Callable[[psycopg.Connection[Any]], bool]) -> bool:
        """Do `work`; False when it said so, or when the database would not have it."""
        if time.monotonic() < self._not_before:
            return False
        try:
            if self._connection is None:
                self._connection = self._connect()
            done = work(self._connection)
        except psycopg.Error as error:
            self._failed(error)
            return False
        self._failures = 0
        return done

    def _failed(self, error: psycopg.Error) -> None:
        """Drop the connection and wait a little longer each time."""
        self.close()
        self._failures += 1
        pause = min(OUTAGE_CAP_S, 0.1 * 2 ** min(self._failures, 10))
        self._not_before = time.monotonic() + pause
        log.warning(
            "database.failed", error=type(error).__name__, sqlstate=error.sqlstate, pause_s=pause
        )

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Deliverer:
    """What is being sent, and what waits to be settled."""

    def __init__(
        self, sender: Sender | None, opener: TokenOpener, *, concurrency: int, lease: dt.timedelta
    ) -> None:
        self._sender, self._opener = sender, opener
        self._concurrency, self._lease = concurrency, lease
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="push")
        self._sending: dict[Future[Outcome], Claimed] = {}
        self._unsettled: list[Settlement] = []

    def turn(self, connection: psycopg.Connection[Any]) -> bool:
        """Settle what is done and fill the free threads; whether anything was claimed."""
        self.settle(connection)
        free = self._concurrency - len(self._sending)
        if self._sender is None or free == 0:
            return False
        claimed = outbox.claim(connection, limit=free, lease=self._lease)
        until = time.monotonic() + self._lease.total_seconds() / 2
        for each in claimed:
            self._sending[self._pool.submit(self._send, self._sender, each, until)] = each
        return bool(claimed)

    def settle(self, connection: psycopg.Connection[Any]) -> bool:
        """Write down every finished attempt; what the database does not take is kept."""
        states = outbox.settle(connection, self._unsettled)
        self._unsettled = []
        metrics.EXPIRED.inc(states["expired"])
        return True

    def rest(self, stop: threading.Event, poll: dt.timedelta) -> None:
        """Wait for an answer of the provider or, with none outstanding, for the next look."""
        if self._sending:
            wait(self._sending, poll.total_seconds(), FIRST_COMPLETED)
        else:
            stop.wait(poll.total_seconds())

    def finish(self, database: Database) -> None:
        """Settle what is under way, for a bounded time; leases see to whatever is left."""
        over = threading.Event()
        until = time.monotonic() + GRACE.total_seconds()
        unstarted = [self._sending.pop(f) for f in list(self._sending) if f.cancel()]
        database.attempt(lambda connection: _release(connection, unstarted))
        while (self._sending or self._unsettled) and time.monotonic() < until:
            self.collect()
            if not database.attempt(self.settle) or self._sending:
                self.rest(over, POLL)

    def close(self) -> None:
        """Take nothing more; threads that still wait for the provider end by its timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def collect(self) -> None:
        """Take in what the threads have finished."""
        for future in [future for future in self._sending if future.done()]:
            claimed = self._sending.pop(future)
            outcome = future.result()
            metrics.ATTEMPTS.labels(outcome.word).inc()
            log.info(
                "delivery.attempted",
                delivery_id=claimed.delivery_id,
                attempts=claimed.attempts,
                outcome=outcome.word,
                reason=outcome.reason,
            )
            self._unsettled.append(Settlement(claimed, outcome))

    def _send(self, sender: Sender, claimed: Claimed, until: float) -> Outcome:
        """In a thread of the pool: try once. Whatever surprises us is tried again later."""
        if time.monotonic() > until:
            return Outcome("retry", reason="LateStart")
        try:
            push = Push(
                self._opener.open(claimed.sealed), claimed.language, claimed.acknowledgement_id
            )
            with metrics.SECONDS.time():
                return sender.send(push)
        except Exception as error:
            return Outcome("retry", reason=type(error).__name__)


def _release(connection: psycopg.Connection[Any], claims: list[Claimed]) -> bool:
    outbox.release(connection, claims)
    return True


class Sweeps:
    """When to sweep, and what to say about it. Without `sending`, waiting alarms nobody."""

    def __init__(self, *, sending: bool) -> None:
        self._sending = sending
        self._sweep_at = self._forget_at = 0.0
        self._overdue = False

    def turn(self, connection: psycopg.Connection[Any]) -> bool:
        """Sweep if it is time; whether it was."""
        now = time.monotonic()
        if now < self._sweep_at:
            return False
        self._sweep_at = now + SWEEP_EVERY_S
        self._report(sweeper.sweep(connection))
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_S
            sweeper.forget_tokens(connection)
        return True

    def _report(self, backlog: sweeper.Backlog) -> None:
        """Into the metrics, and into the log when deliveries begin or cease to be overdue."""
        metrics.PENDING.set(backlog.pending)
        metrics.ABANDONED.set(backlog.abandoned)
        metrics.DEAD.set(backlog.dead)
        metrics.EXPIRED.inc(backlog.expired)
        if not self._sending:
            return
        metrics.OLDEST.set(backlog.oldest_s)
        metrics.OVERDUE.set(backlog.overdue)
        if bool(backlog.overdue) != self._overdue:
            self._overdue = bool(backlog.overdue)
            log.warning("deliveries.overdue", overdue=backlog.overdue, pending=backlog.pending)
