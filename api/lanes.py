"""Micro-batches: what waits goes to the database together, one statement and one commit.

A lane is a connection of its own. An idle lane takes what there is at once, a busy one lets it
build up: a lone request is not slower, and a crowd shares round trip and commit. Lanes that hold
wait a little for company while others are at work, so that a crowd makes fewer, larger batches.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection
from sqlalchemy.exc import TimeoutError as PoolExhausted

from api import problems

log = structlog.get_logger()

Item = TypeVar("Item")
Result = TypeVar("Result")
Outcome = TypeVar("Outcome")
Connection = AsyncConnection[Any]

LANES = 2
BATCH = 256
WAITING = 2048
"""More than this many would wait for seconds: better to say so at once."""
OUTAGE_PAUSE_S = 0.2
DRAIN_S = 10.0
"""How long a stopping process waits for what was begun."""

# SQLSTATE classes and codes of a database that is away, full, overloaded, or gave up in time.
AWAY = ("08", "53", "55", "57", "58", "40", "25006", "XX")


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database, not the statement, is at fault."""
    if isinstance(error, TimeoutError | PoolExhausted):
        return True
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
    return bool(state.startswith(AWAY))


def is_collision(error: BaseException) -> bool:
    """Whether two transactions got into each other's way: alone, each gets through."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("40")


Waiting = tuple[Item, asyncio.Future[Result]]


class Lanes(Generic[Item, Result]):
    """Calls `run(connection, items)` with everything that waits; one result for each item.

    `run` must be harmless to repeat: a batch whose connection was lost is tried once more on a
    fresh one. Nothing here waits for the database longer than `within_s` at a time. A free lane
    leaves fewer items waiting than are under way in the others, but never longer than `hold_s`.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Awaitable[Connection]],
        run: Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        within_s: float,
        hold_s: float = 0.0,
        lanes: int = LANES,
        batch: int = BATCH,
        waiting: int = WAITING,
    ) -> None:
        self._name, self._connect, self._run = name, connect, run
        self._within_s, self._hold_s = within_s, hold_s
        self._count, self._batch, self._limit = lanes, batch, waiting
        self._waiting: deque[Waiting[Item, Result]] = deque()
        self._under_way = 0
        self._something = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Start the lanes; they connect when there is something to do."""
        self._tasks = [asyncio.create_task(self._lane()) for _ in range(self._count)]

    async def close(self) -> None:
        """Finish what waits, for a bounded time, and let go of the connections."""
        self._closing = True
        self._something.set()
        _, late = await asyncio.wait(self._tasks, timeout=DRAIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def __call__(self, item: Item) -> asyncio.Future[Result]:
        """The result of one item, or `ServiceUnavailable` when the database is away or full.

        An error of the item's own comes as it is, and concerns nobody else's.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        if self._closing or len(self._waiting) >= self._limit:
            future.set_exception(problems.ServiceUnavailable())
        else:
            self._waiting.append((item, future))
            if len(self._waiting) == 1 or self._enough():
                self._something.set()
        return future

    async def _lane(self) -> None:
        """Take what waits, again and again."""
        connection: Connection | None = None
        try:
            while (taken := await self._take()) is not None:
                if taken:
                    connection = await self._counted(connection, taken)
        finally:
            await drop(connection)

    async def _counted(
        self, connection: Connection | None, taken: list[Waiting[Item, Result]]
    ) -> Connection | None:
        """Answer a batch that counts as under way meanwhile."""
        self._under_way += len(taken)
        try:
            return await self._serve(connection, taken)
        finally:
            self._under_way -= len(taken)
            self._something.set()

    async def _take(self) -> list[Waiting[Item, Result]] | None:
        """Everything that waits, up to a batch, less what nobody waits for any more."""
        await self._until(lambda: bool(self._waiting) or self._closing)
        if self._closing and not self._waiting:
            return None
        if not self._enough():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._hold_s):
                    await self._until(self._enough)
        count = min(len(self._waiting), self._batch)
        taken = [self._waiting.popleft() for _ in range(count)]
        return [each for each in taken if not each[1].done()]

    async def _until(self, so: Callable[[], bool]) -> None:
        """Sleep until something has come, or a batch has ended, that makes it so."""
        while not so():
            self._something.clear()
            await self._something.wait()

    def _enough(self) -> bool:
        """Whether what waits is worth a round trip of its own now."""
        few = len(self._waiting) < min(self._under_way, self._batch)
        return self._closing or not self._hold_s or not few

    async def _serve(
        self, connection: Connection | None, taken: list[Waiting[Item, Result]]
    ) -> Connection | None:
        """Answer a batch; the connection to go on with, if it is still good."""
        for chance in range(2):
            served_before = connection is not None
            try:
                if connection is None:
                    connection = await self._bounded(self._connect())
                await self._answer(connection, taken)
            except Exception as error:
                lost = connection is not None and (connection.broken or connection.closed)
                await drop(connection)
                connection = None
                if chance == 0 and served_before and lost:
                    continue
                self._fail(taken, error)
                await asyncio.sleep(OUTAGE_PAUSE_S)
            return connection
        return connection

    async def _answer(self, connection: Connection, taken: list[Waiting[Item, Result]]) -> None:
        """Run a batch; when something in it is at fault, each item for itself."""
        try:
            results = await self._bounded(self._run(connection, [item for item, _ in taken]))
        except Exception as error:
            if is_away(error) and not is_collision(error):
                raise
            await self._replay(connection, taken)
            return
        for (_, future), result in zip(taken, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _replay(self, connection: Connection, taken: list[Waiting[Item, Result]]) -> None:
        """One bad row must not fail the others."""
        log.warning("lane.replayed", lane=self._name, items=len(taken))
        for item, future in taken:
            if future.done():
                continue
            try:
                (result,) = await self._bounded(self._run(connection, [item]))
            except TimeoutError:
                raise
            except Exception as error:
                if connection.broken or connection.closed:
                    raise
                if not future.done():
                    future.set_exception(honest(error))
            else:
                if not future.done():
                    future.set_result(result)

    async def _bounded(self, work: Awaitable[Outcome]) -> Outcome:
        """Await no longer than the database may take; a silent network is an outage too."""
        async with asyncio.timeout(self._within_s):
            return await work

    def _fail(self, taken: list[Waiting[Item, Result]], error: BaseException) -> None:
        """Tell everybody of a batch that it did not work."""
        log.warning("lane.failed", lane=self._name, items=len(taken), exc_info=error)
        for _, future in taken:
            if not future.done():
                future.set_exception(honest(error))


async def drop(connection: Connection | None) -> None:
    """Close a connection, whatever state it is in."""
    if connection is not None:
        with contextlib.suppress(psycopg.Error):
            await connection.close()


def honest(error: BaseException) -> BaseException:
    """What to raise to the request: a fresh 503 when the database is away."""
    return problems.ServiceUnavailable() if is_away(error) else error
