"""Drawing tiles of cases: who asks, with which rights, and the cases, in one round trip.

A map asks for a dozen tiles at once, so nothing here goes the longer way of other requests. The
session is read anew each time, as for any request.
"""

import datetime as dt
import time
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from api import problems
from api.accounts.sessions import standing_sessions
from api.accounts.tables import StaffRole
from api.db import lane_connection
from api.lanes import Lanes
from api.live.hub import Hub
from api.maps import cases
from api.maps.cache import Tile, TileCache, pack, quick
from api.maps.repeated import Questions
from api.settings import Settings
from api.triage.filters import QueueFilter

CASE_ROLES = [StaffRole.DUTY_OFFICER, StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT]
LANES, BATCH = 2, 2
"""A map asks for many tiles at once: lanes share them, and none waits long for the others of its
lane."""
KEPT_S = 5.0
"""Some things happen by themselves: a deadline passes, a claim ends."""
MOST_TOKENS = 10_000
"""Of so many sessions a process remembers the station."""

# The rights are an officer's only for an officer, and the station is theirs. Whoever is not
# standing there has the service's rights and no station: the tile's own condition finds nothing.
# Cases that are alike are brought together by hashing, which takes less than to sort them; without
# values the planner cannot tell.
BECOME = """
with standing as (
    select session.token_hash, session.seen_at, staff.id, staff.role, staff.station_id,
        staff.role = any(%(roles)s) and staff.station_id = %(station)s as fits
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
    set_config('enable_sort', 'off', true),
    set_config('role', case when fits then 'tinbao_officer' else 'tinbao_api' end, true)
from standing
"""


class Ask(NamedTuple):
    """A tile that somebody wants: the hash of their token, the station they were just found at,
    the statement, its parameters."""

    token: bytes
    station: str
    statement: str
    parameters: dict[str, Any]


class Drawn(NamedTuple):
    """What a tile shows; `fits` is None for who is not signed in, False for who is not at that
    station."""

    fits: bool | None
    rows: Sequence[cases.Row]


async def draw(
    connection: AsyncConnection[Any], asks: Sequence[Ask], *, idle: dt.timedelta
) -> list[Drawn]:
    """Tiles for one token and station, in a transaction that the end of the pipeline ends."""
    becoming = connection.cursor()
    drawing = [connection.cursor(binary=True) for _ in asks]
    first = asks[0]
    who = {"token": first.token, "station": first.station, "idle": idle, "roles": CASE_ROLES}
    try:
        async with connection.pipeline():
            await becoming.execute(BECOME, who, prepare=True)
            for cursor, ask in zip(drawing, asks, strict=True):
                await cursor.execute(ask.statement, ask.parameters, prepare=True)
        found = await becoming.fetchone()
        rows = [await cursor.fetchall() for cursor in drawing]
    finally:
        if connection.info.transaction_status == TransactionStatus.INERROR:
            await connection.rollback()
    if found is None or not found[0]:
        return [Drawn(found and found[0], ())] * len(asks)
    return [Drawn(True, each) for each in rows]


async def draw_each(
    connection: AsyncConnection[Any], asks: Sequence[Ask], *, idle: dt.timedelta
) -> list[Drawn]:
    """`draw` for a lane: what one token asks for together, and nobody else's with it."""
    found: dict[int, Drawn] = {}
    numbers: dict[tuple[bytes, str], list[int]] = {}
    for n, ask in enumerate(asks):
        numbers.setdefault((ask.token, ask.station), []).append(n)
    for mine in numbers.values():
        drawn = await draw(connection, [asks[n] for n in mine], idle=idle)
        found |= zip(mine, drawn, strict=True)
    return [found[n] for n in range(len(asks))]


class Wanted(NamedTuple):
    """A tile that somebody wants: zoom, column, row, what of the cases, and how."""

    z: int
    x: int
    y: int
    filter: QueueFilter
    counted: bool


class CaseTiles:
    """The tiles of cases of one process: drawn, and kept while nothing happens at the station."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        connect = partial(lane_connection, settings)
        idle = settings.session_idle
        self._standing = Lanes(
            "standing",
            connect,
            partial(each_standing, idle=idle),
            within_s=settings.lane_timeout_s,
            lanes=1,
        )
        self._drawing = Lanes(
            "case_tiles",
            connect,
            partial(draw_each, idle=idle),
            within_s=settings.lane_timeout_s,
            lanes=LANES,
            batch=BATCH,
        )
        self._hub = hub
        self._stations: dict[bytes, str] = {}
        self.cache = TileCache()
        self.questions = Questions()

    def open(self) -> None:
        """Start."""
        self._standing.open()
        self._drawing.open()

    async def close(self) -> None:
        """Finish what was begun."""
        await self._standing.close()
        await self._drawing.close()

    async def tile(self, token: bytes, wanted: Wanted) -> Tile:
        """A tile for whoever has a token; raises `NotAuthenticated` or `RoleNotAllowed`.

        To draw it is to find out who asks. So whoever was here before is looked up apart only for
        a kept tile, or when they are not where they were.
        """
        station = self._stations.get(token)
        if station is not None and self._kept(station, wanted) is None:
            tile = await self._drawn(token, station, wanted)
            if tile is not None:
                return tile
        station = await self._station_of(token)
        tile = self._kept(station, wanted) or await self._drawn(token, station, wanted)
        if tile is None:
            raise problems.ServiceUnavailable  # moved just now: they shall ask again
        return tile

    async def _station_of(self, token: bytes) -> str:
        """Where somebody stands."""
        standing = await self._standing(token)
        if standing is None:
            raise problems.NotAuthenticated
        role, station = standing
        if role not in CASE_ROLES or station is None:
            raise problems.RoleNotAllowed
        if len(self._stations) >= MOST_TOKENS:
            self._stations.clear()
        self._stations[token] = station
        return station

    def _key(self, station: str, wanted: Wanted) -> Hashable:
        """What a tile is kept under; None for one that is not kept."""
        news = self._hub.news_of(station)
        if news is None or wanted.filter.mine:
            return None
        return station, news, time.monotonic() // KEPT_S, wanted

    def _kept(self, station: str, wanted: Wanted) -> Tile | None:
        """A tile of a station that was drawn before, while nothing happened there."""
        key = self._key(station, wanted)
        return None if key is None else self.cache.get(key)

    async def _drawn(self, token: bytes, station: str, wanted: Wanted) -> Tile | None:
        """A tile of a station, kept from then on; None for who is not standing there."""
        key = self._key(station, wanted)
        z, x, y, asked, counted = wanted
        exact = cases.is_exact(z, counted=counted)
        statement, known = cases.written(asked, counted=counted, exact=exact)
        parameters = known | cases.parameters_of(z, x, y)
        drawn = await self._drawing(Ask(token, station, statement, parameters))
        if drawn.fits is None:
            raise problems.NotAuthenticated
        if not drawn.fits:
            return None
        tile = pack(cases.contents_of(drawn.rows, (z, x, y), counted=counted), quick)
        if key is not None:
            self.cache.keep(key, tile)
        return tile


async def each_standing(
    connection: AsyncConnection[Any], tokens: Sequence[bytes], *, idle: dt.timedelta
) -> list[tuple[str, str | None] | None]:
    """Role and station of whoever is signed in, for a lane."""
    found = await standing_sessions(connection, tokens, idle=idle)
    return [found.get(token) for token in tokens]
