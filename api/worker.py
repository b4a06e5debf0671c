"""The worker process: pushes, the switch of editions at midnight, and the jobs."""

import signal
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import psycopg
import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine, text

from api.areas.activation import reown_stragglers
from api.clock import now
from api.db import NOTICING, WORKER_ROLE, libpq_url, worker_engine
from api.jobs.app import Work
from api.jobs.runner import Jobs
from api.live.urgent import wake_for_urgent
from api.secrets import load_push_private
from api.settings import Settings
from api.telemetry import serve_metrics
from geo.atlas import Atlases
from notifications import outbox
from notifications import worker as deliveries
from notifications.fcm import FcmSender
from notifications.registrations import TokenOpener
from notifications.wakeups import Bell

log = structlog.get_logger()

TIDY_EVERY_S = 1.0
RETRY_S = 2.0
LEASE_PER_TIMEOUT = 2
"""A push starts within half a time-out, as a rule at once, and takes one at most: this leaves
room to settle it, and is how late what a dead worker held becomes due again."""

BEAT = text("""
insert into worker_heartbeats (worker, at) values (:worker, now())
on conflict (worker) do update set at = now()
""")


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way."""
    stop, bell = threading.Event(), Bell()

    def ask(_: int, __: FrameType | None) -> None:
        stop.set()
        bell.ring()

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, ask)
    serve_metrics(settings.worker_metrics_port)
    engine = worker_engine(settings)
    keeper = Keeper(engine, stop, bell, settings.indexes)
    keeper.start()
    jobs = Jobs(settings, Work(engine, bell.ring, stop, indexes=settings.indexes))
    jobs.start()
    deliveries.run(
        connector(settings),
        sender_of(settings),
        TokenOpener(X25519PrivateKey.from_private_bytes(load_push_private(settings.keys))),
        stop=stop,
        bell=bell,
        concurrency=settings.push.concurrency,
        lease=LEASE_PER_TIMEOUT * settings.push.timeout,
    )
    jobs.halt()
    keeper.join()
    jobs.join()
    engine.dispose()


def connector(settings: Settings) -> Callable[[], psycopg.Connection]:
    """How the deliveries' loop connects."""

    def connect() -> psycopg.Connection:
        return psycopg.connect(
            libpq_url(settings.service_url),
            autocommit=True,
            options=f"-c role={WORKER_ROLE} -c statement_timeout=30000 -c lock_timeout=5000"
            f" {outbox.BY_KEYS}",
            **NOTICING,
        )

    return connect


def sender_of(settings: Settings) -> FcmSender | None:
    """FCM when there are credentials; otherwise there is only the inbox."""
    push = settings.push
    if push.credentials_file is None:
        return None
    return FcmSender(push.credentials_file, push.endpoint, push.timeout)


class Keeper(threading.Thread):
    """What is looked for every second: a sign of life, urgent cases, those of another owner."""

    def __init__(self, engine: Engine, stop: threading.Event, bell: Bell, indexes: Path) -> None:
        super().__init__(name="keeper", daemon=True)
        self.engine, self.stop_asked, self.bell = engine, stop, bell
        self.atlases = Atlases(engine, now, indexes)
        self.worker = uuid.uuid4()

    def run(self) -> None:
        """One round a second; a database that is away is waited for."""
        failing = False
        while not self.stop_asked.is_set():
            try:
                self.round()
                failing = False
            except Exception:
                if not failing:
                    log.warning("keeper.failed", exc_info=True)
                failing = True
            self.stop_asked.wait(RETRY_S if failing else TIDY_EVERY_S)

    def round(self) -> None:
        """Beat, wake officers, re-own what has another edition."""
        with self.engine.begin() as connection:
            connection.execute(BEAT, {"worker": self.worker})
        self.atlases.refresh()
        with self.engine.begin() as connection:
            owed = wake_for_urgent(connection, now())
        moved = reown_stragglers(self.engine, self.atlases, now())
        if moved:
            log.info("reports.reowned", moved=moved)
        if owed or moved:
            self.bell.ring()
