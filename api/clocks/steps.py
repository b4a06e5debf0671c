"""What a step of a case does to its clocks, and which rules and calendar are in force for that."""

import datetime as dt
import uuid

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.clocks.book import ClockBook
from api.clocks.deadlines import (
    ACKNOWLEDGED,
    CLOSINGS,
    CORRECTED,
    EXTENSION_EVENTS,
    MOVED,
    QUESTIONED,
    REOPENED,
    RESUMING,
)
from api.clocks.history import refresh
from api.clocks.rules import Shelf

CONCERNING = (
    RESUMING | MOVED | CLOSINGS | EXTENSION_EVENTS | {ACKNOWLEDGED, CORRECTED, QUESTIONED, REOPENED}
)
"""The steps that may move a clock."""

INFO = "clocks"
"""Under which name a session knows the book in force."""


def concern(step: str) -> bool:
    """Whether a step may move a clock."""
    return step in CONCERNING


async def book_of(session: AsyncSession) -> ClockBook:
    """The book that the process keeps fresh; without a process around it, the stored one."""
    known: ClockBook | None = session.info.get(INFO)
    if known is not None:
        return known
    connection = await session.connection()
    return await connection.run_sync(Shelf().book)


async def after_step(session: AsyncSession, case_id: uuid.UUID, now: dt.datetime) -> None:
    """Write when the case is due after a step; with the service's rights, in its transaction."""
    book = await book_of(session)

    def write(connection: Connection) -> None:
        refresh(connection, book, [case_id], now)

    await (await session.connection()).run_sync(write)
