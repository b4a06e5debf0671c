"""Waking those who look at tables: a NOTIFY after the commit, seldom, and sleeping until it comes.

A NOTIFY makes all commits of the cluster queue for one lock, so it is never part of a transaction
that writes, and many are said as one. It only wakes: the truth is in the tables, and whoever
misses it looks every few seconds anyway.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection
from multiprocessing.connection import wait
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger()

DELIVERIES = "tinbao_deliveries"
"""The channel that says: there may be something to deliver."""
EVERY_S = 0.075
"""What is wanted meanwhile is said together."""
WITHIN_S = 2.5
RETRY_S = 1.0
WANTED = "wakeups"

SAY = "select pg_notify(channel, '') from unnest(%(channels)s::text[]) as channel"


def wake_after(session: AsyncSession, *channels: str) -> None:
    """Have these channels woken once the session's transaction has been committed."""
    session.info.setdefault(WANTED, set()).update(channels)


def wanted_by(session: AsyncSession) -> Collection[str]:
    """The channels to wake after this session's commit."""
    wanted: Collection[str] = session.info.get(WANTED, ())
    return wanted


class Waker:
    """Says NOTIFY for a whole process: at once, and then again after a pause at the earliest.

    It has a connection of its own, which must commit by itself. Nobody waits for it, and a database
    that does not listen harms nobody.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection[Any]]], every_s: float = EVERY_S
    ) -> None:
        self._connect, self._every_s = connect, every_s
        self._wanted: set[str] = set()
        self._asked = asyncio.Event()
        self._closing = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start; the connection is made when there is something to say."""
        self._task = asyncio.create_task(self._speak())

    async def close(self) -> None:
        """Say what is still wanted, once, and let go of the connection."""
        self._closing.set()
        self._asked.set()
        if self._task is not None:
            await self._task

    def wake(self, *channels: str) -> None:
        """Wake whoever listens to these channels; call it after the commit."""
        if channels:
            self._wanted.update(channels)
            self._asked.set()

    async def _speak(self) -> None:
        """Say what is wanted, again and again."""
        while not self._closing.is_set():
            await self._asked.wait()
            self._asked.clear()
            said = await self._say()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._every_s if said else RETRY_S)
        await self._say()
        await self._drop()

    async def _say(self) -> bool:
        """One NOTIFY of all that is wanted; whether it worked. What was not said stays wanted."""
        channels, self._wanted = self._wanted, set()
        if not channels:
            return True
        try:
            async with asyncio.timeout(WITHIN_S):
                if self._connection is None:
                    self._connection = await self._connect()
                await self._connection.execute(SAY, {"channels": sorted(channels)})
        except (psycopg.Error, OSError, TimeoutError) as error:
            if not self._failing:
                log.warning("wakeups.failed", error=type(error).__name__)
            self._failing = True
            self.wake(*channels)
            await self._drop()
            return False
        self._failing = False
        return True

    async def _drop(self) -> None:
        """Close the connection, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


class Bell:
    """What a thread sleeps by: others ring it, and a database connection may wake it too.

    Ringing is safe anywhere, in the handler of a signal as well, where an event's lock is not.
    """

    def __init__(self) -> None:
        self._heard, self._button = socket.socketpair()
        self._heard.setblocking(False)
        self._button.setblocking(False)

    def ring(self) -> None:
        """Wake the sleeper, or keep it from falling asleep once."""
        with contextlib.suppress(OSError):
            self._button.send(b"!")

    def sleep(self, seconds: float, *lines: int) -> bool:
        """Sleep so long, or until a ring, or until one of the lines speaks; whether one did.

        A line is the descriptor of something that can be read from.
        """
        ready = wait([self._heard, *lines], seconds)
        with contextlib.suppress(BlockingIOError):
            while self._heard.recv(4096):
                pass
        return any(each is not self._heard for each in ready)

    def close(self) -> None:
        """Ringing does nothing any more."""
        self._heard.close()
        self._button.close()
