"""Waiting until feeds and counts may go past what was written so far."""

import asyncio
import time

from sqlalchemy import Engine, text

OVER = text("select pg_snapshot_xmin(pg_current_snapshot()) > cast(:mine as xid8)")
WITHIN_S, STEP_S = 30, 0.02


def wait_for_older(engine: Engine) -> None:
    """Until every transaction that began before this is over, those of other tests as well."""
    with engine.begin() as connection:
        mine = connection.scalar(text("select pg_current_xact_id()::text"))
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        with engine.connect() as connection:
            if connection.scalar(OVER, {"mine": mine}):
                return
        time.sleep(STEP_S)
    raise TimeoutError


async def all_shown(engine: Engine) -> None:
    """Until inboxes and streams show what was written so far."""
    await asyncio.to_thread(wait_for_older, engine)
