"""The loop around the outbox: claim ahead, send in a bounded pool of threads, settle in batches.

One thread owns the database connection, and sleeps until it is notified, until a push is answered,
or until something comes due; the others only talk to the provider. What they report is kept until
it is settled, through any outage of the database. A worker that dies loses nothing: its leases run
out and others take over.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import structlog

from notifications import metrics, outbox, sweeper
from notifications.outbox import Claimed, Settlement
from notifications.registrations import TokenOpener
from notifications.senders import Outcome, Push, Sender
from notifications.wakeups import DELIVERIES, Bell

log = structlog.get_logger()

LEASE = dt.timedelta(seconds=60)
"""How late a dead worker's deliveries may be. What has not started within a quarter of it is given
back, so an attempt may take half of it."""
POLL = dt.timedelta(seconds=2)
"""How late it may be noticed what nobody was woken for."""
GATHER_S = 0.02
"""So long after waking, what comes together is claimed and settled together."""
SOON_S = 0.05
"""When to look again where more may be due; retries that come one by one are taken together."""
BATCH = 500
"""More is never claimed ahead of the threads that send."""
MEMORY = 0.02
"""How much the newest answer weighs in what we think of the provider: the last hundred or so."""
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
    bell: Bell | None = None,
    concurrency: int = 16,
    poll: dt.timedelta = POLL,
    lease: dt.timedelta = LEASE,
) -> None:
    """Deliver until `stop` is set, then finish what is under way.

    Without a sender nothing is claimed: reporters read their inbox, and what is owed runs out.
    `connect` opens a connection that commits by itself and whose role may do the worker's work.
    Ring `bell` after setting `stop`; otherwise it is seen at the next look. The bell is closed in
    the end.
    """
    if sender is None:
        log.warning("push.unavailable", consequence="acknowledgements reach the inbox only")
    bell = bell or Bell()
    deliverer = Deliverer(sender, opener, bell, concurrency=concurrency, lease=lease)
    database = Database(connect, bell)
    sweeps = Sweeps(sending=sender is not None)
    try:
        while not stop.is_set():
            deliverer.collect()
            database.attempt(deliverer.turn)
            database.attempt(sweeps.turn)
            database.rest(min(poll.total_seconds(), deliverer.next_due_s))
            time.sleep(GATHER_S)
        deliverer.finish(database)
    finally:
        deliverer.close()
        database.close()
        bell.close()


class Database:
    """One connection, opened when it is needed and again after each outage; it listens, too."""

    def __init__(self, connect: Connect, bell: Bell) -> None:
        self._connect, self._bell = connect, bell
        self._connection: psycopg.Connection[Any] | None = None
        self._failures = 0
        self._not_before = 0.0

    def attempt(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        """Do `work`, unless the database will not have it."""
        if time.monotonic() < self._not_before:
            return
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._listen(self._connection)
            work(self._connection)
        except psycopg.Error as error:
            self._failed(error)
        else:
            self._failures = 0

    def _listen(self, connection: psycopg.Connection[Any]) -> None:
        """Be woken when something is owed; what comes in the middle of a statement counts, too."""
        connection.add_notify_handler(lambda _: self._bell.ring())
        connection.execute(f"listen {DELIVERIES}")

    def rest(self, seconds: float) -> None:
        """Sleep until the bell is rung, by a notification or another thread, or so long; in an
        outage, until the database may be tried again."""
        pause = self._not_before - time.monotonic()
        seconds = pause if pause > 0 else seconds
        if self._connection is None:
            self._bell.sleep(seconds)
            return
        try:
            if self._bell.sleep(seconds, self._connection.fileno()):
                take_in(self._connection)
        except psycopg.Error as error:
            self._failed(error)

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


def take_in(connection: psycopg.Connection[Any]) -> None:
    """Read what the database said unasked; it would wake the sleeper again and again."""
    connection.pgconn.consume_input()
    while connection.pgconn.notifies():
        pass


class Deliverer:
    """What is being sent or about to be, and what waits to be settled."""

    def __init__(
        self,
        sender: Sender | None,
        opener: TokenOpener,
        bell: Bell,
        *,
        concurrency: int,
        lease: dt.timedelta,
    ) -> None:
        self._sender, self._opener, self._bell = sender, opener, bell
        self._concurrency, self._lease = concurrency, lease
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="push")
        self._sending: dict[Future[Outcome | None], Claimed] = {}
        self._finished = 0
        """Attempts since the last turn: how fast the provider is."""
        self._refused = 0.0
        """The share of recent attempts that have to be made again: how well it is."""
        self._unsettled: list[Settlement] = []
        self._unstarted: list[Claimed] = []
        self.next_due_s = 0.0
        """In how many seconds there is something to claim again, as far as we know."""

    def turn(self, connection: psycopg.Connection[Any]) -> None:
        """Settle what is done, claim what there is room for, and see when to look again.

        There is room for twice what the provider took since the last turn: one that slows down
        finds little waiting here, which others could send.
        """
        self.settle(connection)
        self.next_due_s = threading.TIMEOUT_MAX
        room = min(BATCH, max(self._concurrency, 2 * self._finished)) - len(self._sending)
        self._finished = 0
        if self._sender is None or room <= 0:
            return
        if self._claim(connection, self._sender, room):
            self.next_due_s = SOON_S
        elif (seconds := outbox.next_due_s(connection)) is not None:
            self.next_due_s = max(seconds, SOON_S)

    def _claim(self, connection: psycopg.Connection[Any], sender: Sender, room: int) -> bool:
        """Hand to the threads what is due; whether anything was, and so more may be."""
        until = time.monotonic() + self._lease.total_seconds() / 4
        claimed = outbox.claim(connection, limit=room, lease=self._lease)
        for each in claimed:
            future = self._pool.submit(self._send, sender, each, until)
            self._sending[future] = each
            future.add_done_callback(lambda _: self._bell.ring())
        return bool(claimed)

    def settle(self, connection: psycopg.Connection[Any]) -> None:
        """Write down every finished attempt; what the database does not take is kept."""
        states = outbox.settle(connection, self._unsettled, refused=self._refused)
        self._unsettled = []
        metrics.EXPIRED.inc(states["expired"])
        outbox.release(connection, self._unstarted)
        self._unstarted = []

    def finish(self, database: Database) -> None:
        """Settle what is under way, for a bounded time; leases see to whatever is left."""
        until = time.monotonic() + GRACE.total_seconds()
        self._unstarted += [self._sending.pop(each) for each in [*self._sending] if each.cancel()]
        while True:
            self.collect()
            database.attempt(self.settle)
            left = self._sending or self._unsettled or self._unstarted
            if not left or time.monotonic() >= until:
                return
            database.rest(until - time.monotonic())

    def close(self) -> None:
        """Take nothing more; threads that still wait for the provider end by its timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def collect(self) -> None:
        """Take in what the threads have finished."""
        for future in [future for future in self._sending if future.done()]:
            claimed = self._sending.pop(future)
            outcome = future.result()
            if outcome is None:
                self._unstarted.append(claimed)
                continue
            self._finished += 1
            self._refused += MEMORY * ((outcome.word == "retry") - self._refused)
            metrics.ATTEMPTS.labels(outcome.word).inc()
            log.info(
                "delivery.attempted",
                delivery_id=claimed.delivery_id,
                attempts=claimed.attempts,
                outcome=outcome.word,
                reason=outcome.reason,
            )
            self._unsettled.append(Settlement(claimed, outcome))

    def _send(self, sender: Sender, claimed: Claimed, until: float) -> Outcome | None:
        """In a thread of the pool: try once, or not at all when it is late. Whatever surprises us
        is tried again later."""
        if time.monotonic() > until:
            return None
        try:
            push = Push(
                self._opener.open(claimed.sealed),
                claimed.kind,
                claimed.language,
                claimed.acknowledgement_id,
            )
            with metrics.SECONDS.time():
                return sender.send(push)
        except Exception as error:
            return Outcome("retry", reason=type(error).__name__)


class Sweeps:
    """When to sweep, and what to say about it. Without `sending`, waiting alarms nobody."""

    def __init__(self, *, sending: bool) -> None:
        self._sending = sending
        self._sweep_at = self._forget_at = 0.0
        self._overdue = False

    def turn(self, connection: psycopg.Connection[Any]) -> None:
        """Sweep if it is time."""
        now = time.monotonic()
        if now < self._sweep_at:
            return
        self._sweep_at = now + SWEEP_EVERY_S
        self._report(sweeper.sweep(connection))
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_S
            sweeper.forget_tokens(connection)

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
