"""Drawing tiles of cases: who asks, with which rights, and the tile, in one round trip.

A map asks for a dozen tiles at once, so nothing here goes the longer way of other requests. The
session is read anew each time, as for any request.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from api.accounts.tables import StaffRole
from api.db import lane_connection
from api.lanes import Lanes
from api.settings import Settings

CASE_ROLES = [StaffRole.DUTY_OFFICER, StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT]
LANES, BATCH = 2, 8
"""A map asks for many tiles at once; what a lane takes must fit into a statement's time."""
MARGIN_S = 0.5

# The rights are an officer's only for an officer, and the station is theirs. Whoever is not
# standing there has the service's rights and no station: the tile's own condition finds nothing.
BECOME = """
with standing as (
    select session.token_hash, session.seen_at, staff.id, staff.role, staff.station_id,
        staff.role = any(%(roles)s) as fits
    from staff_sessions as session
    join staff on staff.id = session.staff_id
    where session.token_hash = %(token)s and session.expires_at > now()
        and session.seen_at > now() - %(idle)s and staff.disabled_at is null
), seen as (
    update staff_sessions as session set seen_at = now()
    from standing
    where session.token_hash = standing.token_hash
        and standing.seen_at < now() - interval '1 minute'
)
select fits,
    set_config('tinbao.station', case when fits then station_id end, true),
    set_config('tinbao.staff', id::text, true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('role', case when fits then 'tinbao_officer' else 'tinbao_api' end, true)
from standing
"""


class Ask(NamedTuple):
    """A tile that somebody wants: the hash of their token, the statement, its parameters."""

    token: bytes
    statement: str
    parameters: dict[str, Any]


class Drawn(NamedTuple):
    """A tile; `fits` is None for who is not signed in, False for who may not see cases."""

    fits: bool | None
    contents: bytes


async def draw(
    connection: AsyncConnection[Any], asks: Sequence[Ask], *, idle: dt.timedelta
) -> list[Drawn]:
    """Tiles for one token, in a transaction that the end of the pipeline ends."""
    becoming = connection.cursor()
    drawing = [connection.cursor(binary=True) for _ in asks]
    who = {"token": asks[0].token, "idle": idle, "roles": CASE_ROLES}
    try:
        async with connection.pipeline():
            await becoming.execute(BECOME, who, prepare=True)
            for cursor, ask in zip(drawing, asks, strict=True):
                await cursor.execute(ask.statement, ask.parameters, prepare=True)
        found = await becoming.fetchone()
        tiles = [await cursor.fetchone() for cursor in drawing]
    finally:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            await connection.rollback()
    if found is None or not found[0]:
        return [Drawn(found and found[0], b"")] * len(asks)
    return [Drawn(True, bytes(tile[0] or b"") if tile else b"") for tile in tiles]


async def draw_each(
    connection: AsyncConnection[Any], asks: Sequence[Ask], *, idle: dt.timedelta
) -> list[Drawn]:
    """`draw` for a lane: what one token asks for together, and nobody else's with it."""
    found: dict[int, Drawn] = {}
    numbers = {token: [n for n, ask in enumerate(asks) if ask.token == token]
               for token in {ask.token for ask in asks}}  # fmt: skip
    for mine in numbers.values():
        drawn = await draw(connection, [asks[n] for n in mine], idle=idle)
        found |= zip(mine, drawn, strict=True)
    return [found[n] for n in range(len(asks))]


def case_tiles(settings: Settings) -> Lanes[Ask, Drawn]:
    """The lanes in which a process draws tiles of cases."""
    return Lanes(
        "case_tiles",
        partial(lane_connection, settings),
        partial(draw_each, idle=settings.session_idle),
        within_s=settings.statement_timeout.total_seconds() + MARGIN_S,
        lanes=LANES,
        batch=BATCH,
    )
