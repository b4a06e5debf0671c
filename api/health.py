"""Is it alive, is it ready, and if not, why."""

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api import problems
from api.clock import Now
from api.migrations import latest_revision

router = APIRouter(tags=["health"])

LEAST_FREE_BYTES = 512 * 1024 * 1024

CHECK = text("""
select (select version_num from alembic_version),
    (select extract(epoch from now() - max(at))::float8 from worker_heartbeats),
    (select extract(epoch from now() - min(due_at))::float8 from deliveries where state = 'pending')
""")
STALE_WORKER_S = 30
LATE_DELIVERY_S = 300


class HealthOut(BaseModel):
    """The process answers."""

    status: str


class ReadyOut(BaseModel):
    """Ready, with what does not stop it but wants looking after."""

    status: str
    warnings: list[str]
    edition: int | None


class NotReady(problems.ServiceUnavailable):
    """Not ready; `reasons` says why."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__()
        self.members["reasons"] = reasons


@router.get("/healthz")
async def read_health() -> HealthOut:
    """The process is alive."""
    return HealthOut(status="ok")


@router.get("/readyz", responses=problems.documented(problems.ServiceUnavailable))
async def read_readiness(request: Request, now: Now) -> ReadyOut:
    """Whether reports can be taken in now. A worker that is away is a warning: it loses nothing."""
    state = request.app.state
    reasons = [] if state.refresher.problem is None else [f"reference: {state.refresher.problem}"]
    if state.refresher.stale:
        reasons.append("reference: not refreshed for too long")
    warnings: list[str] = []
    try:
        async with state.engine.connect() as connection:
            row = (await connection.execute(CHECK)).one()
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        reasons.append(f"database: {type(cause).__name__}")
    else:
        reasons += schema_reasons(row[0])
        pushing = state.settings.push.credentials_file is not None
        warnings += worker_warnings(row[1], row[2] if pushing else None)
    reasons += disk_reasons(state.settings.home)
    if reasons:
        raise NotReady(reasons)
    atlas = state.atlases.current(now)
    if atlas is None:
        warnings.append("no boundary edition is in force: every report goes to the national desk")
    return ReadyOut(
        status="degraded" if warnings else "ready",
        warnings=warnings,
        edition=atlas and atlas.edition_id,
    )


def schema_reasons(found: Any) -> list[str]:
    """Whether the database is migrated to what this code expects."""
    wanted = latest_revision()
    return [] if found == wanted else [f"schema: at {found}, needs {wanted}: tinbao db upgrade"]


def worker_warnings(heartbeat_s: float | None, late_s: float | None) -> list[str]:
    """What the worker leaves undone."""
    warnings = []
    if heartbeat_s is None or heartbeat_s > STALE_WORKER_S:
        warnings.append("worker: no sign of life; acknowledgements wait in the inbox")
    if late_s is not None and late_s > LATE_DELIVERY_S:
        warnings.append(f"deliveries: the oldest has been due for {late_s:.0f} s")
    return warnings


def disk_reasons(home: Path) -> list[str]:
    """Whether the home folder's disk is nearly full."""
    folder = home if home.exists() else Path("/")
    free = shutil.disk_usage(folder).free
    return [] if free >= LEAST_FREE_BYTES else [f"disk: {free // 2**20} MiB free"]
