"""Ward tiles of a boundary edition, drawn from the outlines that fit the zoom."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from api.db import lane_connection
from api.lanes import Lanes
from api.maps.cache import Tile, TileCache, pack
from api.settings import Settings
from geo.outlines import FINISHED, STEPS, ZOOMS, step_m

LEAST_ZOOM, MOST_ZOOM = ZOOMS[0], ZOOMS[-1]
"""Maps stretch the deepest tiles for what is deeper."""
MARGIN = 64
"""Steps beyond a tile's edge that lines go on."""

TILE = f"""
    with tile as (
        select ST_Expand(ST_TileEnvelope(%(z)s, %(x)s, %(y)s), %(margin)s) as room,
               ST_MakeEnvelope(0, 0, {STEPS}, {STEPS})::box2d as square,
               %(x)s * {STEPS}::float8 as x, %(y)s * {STEPS}::float8 as y
    ), drawn as materialized (
        select w.code, w.name, w.name_en, w.type, w.province_code, {{shape}} as shape
          from tile, {{source}}
    )
    select ST_AsMVT(drawn, 'wards', {STEPS}, 'shape') from drawn where shape is not null
"""  # noqa: S608 - made of constants
OUTLINES = """
    ward_outlines o join wards w using (edition_id, code)
     where o.edition_id = %(edition)s and o.bounds && tile.room
"""
# What lies within the tile is only moved there; the rest is cut, which costs five times as much.
OUTLINE = f"""
    case when o.bounds @ tile.room then ST_Translate(o.zoom_{{zoom}}, -tile.x, -tile.y)
         else ST_AsMVTGeom(
            ST_Affine(o.zoom_{{zoom}}, 1, 0, 0, -1, -tile.x, tile.y + {STEPS}),
            tile.square, {STEPS}, {MARGIN}) end
"""
BORDERS = """
    wards w where w.edition_id = %(edition)s and w.boundary && ST_Transform(tile.room, 4326)
"""
BORDER = f"""
    ST_AsMVTGeom(
        ST_Transform(w.boundary, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s)::box2d,
        {STEPS}, {MARGIN})
"""

STATEMENTS = {zoom: TILE.format(shape=OUTLINE.format(zoom=zoom), source=OUTLINES) for zoom in ZOOMS}
FROM_BORDERS = TILE.format(shape=BORDER, source=BORDERS)
LANES, BATCH = 2, 2
"""A tile takes some milliseconds of a processor: nobody should wait behind many."""


class Place(NamedTuple):
    """A tile of an edition."""

    edition_id: int
    z: int
    x: int
    y: int


class WardTiles:
    """The ward tiles of one process: made when somebody asks, then kept."""

    def __init__(self, settings: Settings) -> None:
        self._drawing = Lanes(
            "ward_tiles",
            partial(lane_connection, settings),
            self._draw_each,
            within_s=settings.lane_timeout_s,
            lanes=LANES,
            batch=BATCH,
        )
        self._outlined: set[int] = set()
        self.cache = TileCache()

    def open(self) -> None:
        """Start."""
        self._drawing.open()

    async def close(self) -> None:
        """Finish what was begun."""
        await self._drawing.close()

    async def make(self, place: Place) -> Tile:
        """Draw a tile, and keep it."""
        tile = pack(await self._drawing(place))
        self.cache.keep(place, tile)
        return tile

    async def _draw_each(
        self, connection: AsyncConnection[Any], places: Sequence[Place]
    ) -> list[bytes]:
        """Tiles for a lane."""
        return [await self._draw(connection, place) for place in places]

    async def _draw(self, connection: AsyncConnection[Any], place: Place) -> bytes:
        """A tile; from the borders themselves while the edition's outlines are not there.

        Served by `ix_ward_outlines_bounds`, or slowly by `ix_wards_boundary`.
        """
        edition = place.edition_id
        cursor = connection.cursor(binary=True)
        if edition not in self._outlined:
            found = await (await cursor.execute(FINISHED, {"edition": edition})).fetchone()
            if found and found[0]:
                self._outlined.add(edition)
        statement = STATEMENTS[place.z] if edition in self._outlined else FROM_BORDERS
        asked = {
            "edition": edition, "z": place.z, "x": place.x, "y": place.y,
            "margin": MARGIN * step_m(place.z),
        }  # fmt: skip
        drawn = await (await cursor.execute(statement, asked, prepare=True)).fetchone()
        return bytes(drawn[0] or b"") if drawn else b""
