"""Connections. Services run under a role that can do little; the command line is the owner."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from psycopg import AsyncConnection
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from api.settings import Settings
from notifications.wakeups import Waker, wanted_by

API_ROLE = "tinbao_api"
OFFICER_ROLE = "tinbao_officer"
WORKER_ROLE = "tinbao_worker"

AS_OFFICER = text(
    "select set_config('role', 'tinbao_officer', true),"
    " set_config('tinbao.station', :station, true)"
)
AS_API = text("select set_config('role', 'tinbao_api', true)")


def libpq_url(url: str) -> str:
    """The URL as libpq reads it, without SQLAlchemy's driver."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def libpq_options(settings: Settings, role: str) -> str:
    """Start-up options: the role is the connection's default, so even RESET ROLE keeps it."""
    timeout = int(settings.statement_timeout.total_seconds() * 1000)
    return f"-c role={role} -c statement_timeout={timeout} -c lock_timeout={timeout}"


# A connection whose other end has gone silent is given up within seconds (libpq's own settings).
NOTICING: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}


SILENCE_MARGIN_S = 0.25
"""How long after `statement_timeout` a server has to say that it kept it."""


class Connection(AsyncConnection[Any]):
    """Hangs up on a server that stays silent.

    `statement_timeout` is kept by the server, and one that is frozen keeps nothing. Cancelling the
    wait instead would take psycopg up to ten seconds more, in the hope of an answer.
    """

    silence_s = 10.0

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        """As psycopg does, for so long; a connection hung up on is a lost one like any other."""
        loop = asyncio.get_running_loop()
        silence = loop.call_later(self.silence_s, hang_up, self.pgconn.socket)
        try:
            return await super().wait(*args, **kwargs)
        finally:
            silence.cancel()


def hang_up(descriptor: int) -> None:
    """End a connection under whoever waits for it."""
    with socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)


def connecting(settings: Settings) -> Callable[..., Awaitable[Connection]]:
    """Connects as psycopg does; silence may last a little longer than a statement."""

    async def connect(*args: Any, **kwargs: Any) -> Connection:
        made = await Connection.connect(*args, **kwargs)
        made.silence_s = settings.statement_timeout.total_seconds() + SILENCE_MARGIN_S
        return made

    return connect


def owner_engine(settings: Settings) -> Engine:
    """The owner's engine: migrations, imports, staff accounts."""
    return create_engine(settings.owner_url, pool_pre_ping=True)


def service_engine(settings: Settings) -> AsyncEngine:
    """The API's engine for everything but the hot paths."""
    return create_async_engine(
        settings.service_url,
        pool_size=settings.database_pool,
        max_overflow=0,
        pool_timeout=2,
        pool_pre_ping=True,
        connect_args={
            "options": libpq_options(settings, API_ROLE),
            "async_creator_fn": connecting(settings),
            **NOTICING,
        },
    )


def worker_engine(settings: Settings) -> Engine:
    """The worker's engine."""
    return create_engine(
        settings.service_url,
        pool_pre_ping=True,
        connect_args={
            "options": f"-c role={WORKER_ROLE} -c lock_timeout=5000",
            **NOTICING,
        },
    )


def reference_engine(settings: Settings) -> Engine:
    """What reads whole boundary editions into memory, which may take long."""
    return create_engine(
        settings.service_url,
        pool_size=1,
        pool_pre_ping=True,
        connect_args={"options": f"-c role={API_ROLE}", **NOTICING},
    )


async def lane_connection(settings: Settings) -> AsyncConnection[Any]:
    """A connection for one lane: each of its statements is a transaction of its own."""
    return await connecting(settings)(
        libpq_url(settings.service_url),
        options=libpq_options(settings, API_ROLE),
        autocommit=True,
        **NOTICING,
    )


async def begin(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction, committed before the answer leaves, then made known."""
    engine: AsyncEngine = request.app.state.engine
    known: dict[Any, Any] = request.app.state.refresher.session_info()
    async with AsyncSession(engine, expire_on_commit=False, info=known) as session, session.begin():
        yield session
    waker: Waker = request.app.state.waker
    waker.wake(*wanted_by(session))


# scope="function": the default would commit only after the client has its answer.
Session = Annotated[AsyncSession, Depends(begin, scope="function")]
