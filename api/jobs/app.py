"""The schedules: what is done when, by whichever worker comes first.

Procrastinate lets each moment of a schedule be begun once, however many workers there are. A job
may still be cut off in the middle or run beside another one, so each is safe to repeat: it works in
short transactions of its own and skips what is done or being done. A job that fails says so in the
log and is over: the schedule brings the next one.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy import Engine, text

from api import limits
from api.clock import VIETNAM, now
from api.clocks import ladder
from api.clocks.book import ClockBook
from api.clocks.recompute import recompute
from api.clocks.rules import Shelf
from api.scorecards import keeping, nightly

log = structlog.get_logger()

SCHEMA = "jobs"
CATCH_UP_S = 86_400.0
"""A nightly job whose night nobody was awake for runs when a worker is."""
MORNING_HOUR = 6
STALLED_S = 60.0
KEPT_HOURS = 24

FORGET = (
    text("delete from worker_heartbeats where at < now() - interval '1 day'"),
    text("delete from staff_sessions where expires_at < now() - interval '30 days'"),
)


@dataclass(frozen=True)
class Work:
    """The jobs, on the worker's engine; `ring` wakes the deliveries when pushes were owed."""

    engine: Engine
    ring: Callable[[], None]
    stop: threading.Event
    """Set when the worker ends: a long job stops between two batches."""
    shelf: Shelf = field(default_factory=Shelf)
    indexes: Path | None = None
    """Where the files of the wards' indexes are."""

    def climb_ladder(self) -> None:
        """Tell those concerned of what is overdue."""
        told = ladder.climb(self.engine, self.book(), now())
        if told:
            log.info("clocks.overdue", told=told)
            self.ring()

    def recompute_deadlines(self) -> None:
        """Work out every open case's deadline again: rules and holidays may have changed."""
        changed = recompute(self.engine, self.book(), now(), self.stop)
        log.info("clocks.recomputed", changed=changed)

    def count_stays(self) -> None:
        """Count for the scorecards what has happened since the last time."""
        keeping.count_stays(self.engine, Shelf(), now(), self.stop)

    def write_scorecards(self) -> None:
        """Write down the cards of the days that are over."""
        if made := nightly.write_cards(self.engine, now(), self.stop):
            log.info("scorecards.written", windows=made)

    def freeze_hotspots(self) -> None:
        """Make the layers of the day that has begun.

        Not in the middle of it: then whoever asks first has them made, of all there is by then.
        """
        if now().astimezone(VIETNAM).hour >= MORNING_HOUR:
            return
        from api.hotspots.nightly import freeze  # noqa: PLC0415 - heavy, and once a night

        if made := freeze(self.engine, self.indexes, self.stop, now()):
            log.info("hotspots.frozen", layers=made)

    def watch_trends(self) -> None:
        """Tell commanders of what has changed."""
        from api.trends.alerts import look  # noqa: PLC0415 - heavy, and once a night

        if told := look(self.engine, self.indexes, self.stop, now()):
            log.info("trends.told", alerts=told)

    def forget(self) -> None:
        """Remove what is only of passing use."""
        with self.engine.begin() as connection:
            limits.forget(connection)
            for statement in FORGET:
                connection.execute(statement)

    def book(self) -> ClockBook:
        """The rules and the calendar in force."""
        with self.engine.connect() as connection:
            return self.shelf.book(connection)


def jobs_app(connector: PsycopgConnector, work: Work) -> App:
    """The schedules (in UTC) on a connection."""
    app = App(connector=connector, periodic_defaults={"max_delay": CATCH_UP_S})
    for cron, job in (
        ("* * * * *", work.climb_ladder),
        ("10 19 * * *", work.recompute_deadlines),
        ("*/10 * * * *", work.forget),
        ("5 17 * * *", work.freeze_hotspots),
        ("40 19 * * *", work.watch_trends),
        ("*/5 * * * *", work.count_stays),
        ("20 * * * *", work.write_scorecards),
    ):
        schedule(app, cron, job)

    async def tidy(timestamp: int) -> None:  # noqa: ARG001 - when it was due
        await tidy_jobs(app)

    app.periodic(cron="*/5 * * * *")(app.task(name="tidy_jobs", queueing_lock="tidy_jobs")(tidy))
    return app


def schedule(app: App, cron: str, job: Callable[[], None]) -> None:
    """Have a job done at its times; one that still waits is not queued a second time."""
    name = job.__name__

    async def run(timestamp: int) -> None:  # noqa: ARG001 - when it was due
        try:
            await asyncio.to_thread(job)
        except Exception:
            log.warning("job.failed", job=name, exc_info=True)

    app.periodic(cron=cron)(app.task(name=name, queueing_lock=name)(run))


async def tidy_jobs(app: App) -> None:
    """Forget jobs of workers that died under them: their schedules have gone on."""
    manager = app.job_manager
    for stalled in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
        await manager.finish_job(stalled, Status.FAILED, delete_job=True)
    await manager.delete_old_jobs(
        KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
