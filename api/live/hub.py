"""One reader of the feed for a whole process, and the streams it tells."""

import asyncio
import contextlib
import datetime as dt
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from api import problems
from api.accounts.sessions import OfficerIdentity, standing_sessions
from api.lanes import drop
from api.live import feed
from api.live.feed import Change
from notifications.inbox import Position

log = structlog.get_logger()

Connection = AsyncConnection[Any]

POLL_S = 0.5
PAGE = 500
REPLAYED_PAGES = 20
"""Whoever missed more than so many changes of all stations reads the queue anew."""
RETRY_S = 0.5
CHECK_EVERY_S = 0.4
"""How soon a session that ended, or an officer who was moved, is noticed on open streams."""
BEHIND_S = 1.5
"""After so long without a look at the feed nobody knows what is new."""
INTEREST_S = 60.0
"""So long after somebody asked what is new, the feed is read."""
BUFFERED = 256
"""A client that lags behind by more changes than this reads its queue anew."""


@dataclass(eq=False)
class Stream:
    """One open page of an officer."""

    token_hash: bytes
    officer: OfficerIdentity
    begins: Position
    """Everything behind this place is told by the hub."""
    changes: asyncio.Queue[Change | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BUFFERED)
    )
    """None ends the stream."""
    lagged: bool = False

    def tell(self, change: Change | None) -> None:
        """Hand a change over; one that no longer fits is lost, and the stream knows."""
        try:
            self.changes.put_nowait(change)
        except asyncio.QueueFull:
            self.lagged = True
            if change is None:
                self.changes.get_nowait()
                self.changes.put_nowait(None)

    async def next(self, within_s: float) -> Change | None:
        """The next change; None at the end. Raises TimeoutError when nothing happens."""
        async with asyncio.timeout(within_s):
            return await self.changes.get()


class Hub:
    """Reads the feed, wakes on NOTIFY and looks every half second anyway; tells the streams."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], *, session_idle: dt.timedelta
    ) -> None:
        self._connect, self._session_idle = connect, session_idle
        self._streams: dict[str, set[Stream]] = defaultdict(set)
        self._position: Position | None = None
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self._replaying = asyncio.Lock()
        self._past: Connection | None = None
        self._told: Counter[str] = Counter()
        self._dozed = 0
        self._looked_at = self._asked_at = -math.inf

    def news_of(self, station_id: str) -> tuple[int, int] | None:
        """What changes whenever something concerns a station; None when nobody looks just now.

        What was read of the station's cases after asking holds as long as this is the same.
        """
        self._asked_at = time.monotonic()
        behind = self._asked_at - self._looked_at > BEHIND_S
        return None if behind else (self._dozed, self._told[station_id])

    @property
    def idle(self) -> bool:
        """Whether nobody wants to know what happens."""
        return not self._streams and time.monotonic() - self._asked_at > INTEREST_S

    @property
    def ready(self) -> bool:
        """Whether the feed is being read."""
        return self._position is not None and not self._ended

    @property
    def streams(self) -> list[Stream]:
        """All that are open."""
        return [stream for of_station in self._streams.values() for stream in of_station]

    def open(self) -> None:
        """Start."""
        self._tasks = [
            asyncio.create_task(self._again_and_again("feed", self._follow)),
            asyncio.create_task(self._again_and_again("sessions", self._check)),
        ]

    async def close(self) -> None:
        """End every stream, and the reading."""
        self.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await drop(self._past)

    def end(self) -> None:
        """End every stream, and open no more: the process stops."""
        self._ended = True
        for stream in self.streams:
            stream.tell(None)

    @contextlib.contextmanager
    def listening(self, token_hash: bytes, officer: OfficerIdentity) -> Iterator[Stream]:
        """A stream for an officer's station, while it is open.

        Raises `ServiceUnavailable` while the feed is not being read.
        """
        if self._position is None or self._ended:
            raise problems.ServiceUnavailable
        stream = Stream(token_hash, officer, self._position)
        of_station = self._streams[str(officer.station_id)]
        of_station.add(stream)
        try:
            yield stream
        finally:
            of_station.discard(stream)
            if not of_station:
                self._streams.pop(str(officer.station_id), None)

    async def replay(
        self, station_id: str, *, since: Position, until: Position
    ) -> list[Change] | None:
        """What a station was told between two places; None when that is too much, or not now.

        One at a time on one connection: after an outage everybody comes back at once.
        """
        async with self._replaying:
            for _ in range(2):  # the connection may have been lost since it was last used
                try:
                    if self._past is None:
                        self._past = await self._connect()
                    return await self._between(self._past, station_id, since, until)
                except (psycopg.Error, OSError, TimeoutError):
                    await drop(self._past)
                    self._past = None
        return None

    async def _between(
        self, connection: Connection, station_id: str, since: Position, until: Position
    ) -> list[Change] | None:
        """What a station was told between two places, if it is not too much."""
        found: list[Change] = []
        for _ in range(REPLAYED_PAGES):
            page = await read(connection, since)
            found += [each for each in page if station_id in each.concerns]
            if len(page) < PAGE or page[-1].position >= until:
                return [each for each in found if each.position <= until]
            since = page[-1].position
        return None

    async def _again_and_again(
        self, name: str, work: Callable[[Connection], Awaitable[None]]
    ) -> None:
        """Work on a connection; on another one after each outage."""
        failing = False
        while True:
            connection: Connection | None = None
            try:
                connection = await self._connect()
                await work(connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                if not failing:
                    log.warning("live.interrupted", task=name, error=type(error).__name__)
                failing = True
            finally:
                await drop(connection)
            await asyncio.sleep(RETRY_S)

    async def _follow(self, connection: Connection) -> None:
        """Tell the streams what happens, from where the last connection stopped.

        While nobody cares, only the place is kept up to date.
        """
        await connection.execute(f"listen {feed.CHANNEL}")
        if self._position is None:
            self._position = await end(connection)
        while True:
            if self.idle:
                await self._doze(connection)
                continue
            page = await read(connection, self._position)
            for change in page:
                self._tell(change)
                self._position = change.position
            if len(page) < PAGE:
                self._looked_at = time.monotonic()
                async for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    pass

    async def _doze(self, connection: Connection) -> None:
        """Let wake-ups pass until somebody cares or it is time to look where the feed ends."""
        self._dozed += 1
        at = await end(connection)
        if self.idle:
            self._position = at
        until = time.monotonic() + POLL_S
        while self.idle and (left := until - time.monotonic()) > 0:
            async for _ in connection.notifies(timeout=left, stop_after=1):
                pass

    def _tell(self, change: Change) -> None:
        for station_id in change.concerns:
            self._told[station_id] += 1
            for stream in self._streams.get(station_id, ()):
                stream.tell(change)

    async def _check(self, connection: Connection) -> None:
        """End the streams of sessions that are over and of officers who work elsewhere now."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            streams = self.streams
            if not streams:
                continue
            hashes = list({stream.token_hash for stream in streams})
            standing = await standing_sessions(connection, hashes, idle=self._session_idle)
            for stream in streams:
                if standing.get(stream.token_hash) != (
                    stream.officer.role,
                    stream.officer.station_id,
                ):
                    stream.tell(None)


async def end(connection: Connection) -> Position:
    """Where the feed ends."""
    cursor = await connection.execute(feed.END)
    (oldest,) = await cursor.fetchone() or ("1",)
    return feed.before(oldest)


async def read(connection: Connection, position: Position) -> list[Change]:
    """A page of the feed."""
    cursor = await connection.execute(feed.READ, feed.after(position, PAGE), prepare=True)
    return feed.changes(await cursor.fetchall())
