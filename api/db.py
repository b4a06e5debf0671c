"""Connections. Services run under a role that can do little; the command line is the owner."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request
from psycopg import AsyncConnection
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from api.settings import Settings

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
        connect_args={"options": libpq_options(settings, API_ROLE), "connect_timeout": 2},
    )


def worker_engine(settings: Settings) -> Engine:
    """The worker's engine."""
    return create_engine(
        settings.service_url,
        pool_pre_ping=True,
        connect_args={
            "options": f"-c role={WORKER_ROLE} -c lock_timeout=5000",
            "connect_timeout": 2,
        },
    )


def reference_engine(settings: Settings) -> Engine:
    """What reads whole boundary editions into memory, which may take long."""
    return create_engine(
        settings.service_url,
        pool_size=1,
        pool_pre_ping=True,
        connect_args={"options": f"-c role={API_ROLE}", "connect_timeout": 2},
    )


async def lane_connection(settings: Settings) -> AsyncConnection[Any]:
    """A connection for one lane: each of its statements is a transaction of its own."""
    return await AsyncConnection.connect(
        libpq_url(settings.service_url),
        options=libpq_options(settings, API_ROLE),
        autocommit=True,
        connect_timeout=2,
    )


async def begin(request: Request) -> AsyncIterator[AsyncSession]:
    """One request, one transaction, committed before the answer leaves."""
    engine: AsyncEngine = request.app.state.engine
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


# scope="function": the default would commit only after the client has its answer.
Session = Annotated[AsyncSession, Depends(begin, scope="function")]
