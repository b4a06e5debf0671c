"""The worker's thread for jobs: an event loop of its own, and connections of its own."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from api.db import NOTICING, WORKER_ROLE, libpq_url
from api.jobs.app import SCHEMA, Work, jobs_app
from api.settings import Settings

log = structlog.get_logger()

RETRY_S = 2.0
POLL_S = 2.0
AT_ONCE = 4
"""So a long job holds up no short one."""
GRACE_S = 15.0
POOL_WAIT_S = 5.0


def pool_of(url: str) -> AsyncConnectionPool:
    """The jobs' connections; nobody else looks into their schema."""
    options = (
        f"-c role={WORKER_ROLE} -c search_path={SCHEMA},public"
        " -c statement_timeout=30000 -c lock_timeout=5000"
    )
    kwargs: dict[str, Any] = {"options": options, **NOTICING}
    return AsyncConnectionPool(
        libpq_url(url),
        kwargs=kwargs,
        min_size=1,
        max_size=AT_ONCE,
        timeout=POOL_WAIT_S,
        open=False,
        check=AsyncConnectionPool.check_connection,
    )


@asynccontextmanager
async def opened(url: str, work: Work) -> AsyncIterator[App]:
    """The schedules on connections of their own, which are closed however this ends."""
    pool = pool_of(url)
    try:
        await pool.open(wait=True, timeout=POOL_WAIT_S)
        app = jobs_app(PsycopgConnector(), work)
        async with app.open_async(pool):
            yield app
    finally:
        await pool.close()


class Jobs(threading.Thread):
    """Runs the schedules until told to halt; a database that is away is waited for."""

    def __init__(self, settings: Settings, work: Work) -> None:
        super().__init__(name="jobs", daemon=True)
        self.url, self.work = settings.service_url, work
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._halt = asyncio.Event()
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)

    def halt(self) -> None:
        """Ask the thread to finish what is under way and end."""
        self.work.stop.set()
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._halt.set)

    def run(self) -> None:
        """The loop of the thread."""
        with self._runner as runner:
            runner.run(self._rounds())

    async def _rounds(self) -> None:
        """Work; begin again when the database comes back."""
        failing = False
        while not self._halt.is_set():
            try:
                await self._work()
                failing = False
            except Exception:
                if not failing:
                    log.warning("jobs.failed", exc_info=True)
                failing = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._halt.wait(), RETRY_S)

    async def _work(self) -> None:
        """Serve until told to halt, or until something breaks."""
        serving = asyncio.create_task(self._serve())
        halting = asyncio.create_task(self._halt.wait())
        await asyncio.wait({serving, halting}, return_when=asyncio.FIRST_COMPLETED)
        halting.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    async def _serve(self) -> None:
        """Run the schedules; cancelled, they finish what is under way."""
        async with opened(self.url, self.work) as app:
            await app.run_worker_async(
                concurrency=AT_ONCE,
                fetch_job_polling_interval=POLL_S,
                shutdown_graceful_timeout=GRACE_S,
                listen_notify=False,
                install_signal_handlers=False,
                delete_jobs="successful",
            )
