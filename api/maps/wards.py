"""Ward tiles of a boundary edition, drawn from the outlines that fit the zoom."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.maps.cache import Tile, TileCache, pack
from geo.outlines import FINISHED, STEPS, ZOOMS, step_m

LEAST_ZOOM, MOST_ZOOM = ZOOMS[0], ZOOMS[-1]
"""Maps stretch the deepest tiles for what is deeper."""
MARGIN = 64
"""Steps beyond a tile's edge that lines go on."""

TILE = f"""
    with tile as (
        select ST_Expand(ST_TileEnvelope(:z, :x, :y), :margin) as room,
               ST_MakeEnvelope(0, 0, {STEPS}, {STEPS})::box2d as square,
               :x * {STEPS}::float8 as x, :y * {STEPS}::float8 as y
    ), drawn as materialized (
        select w.code, w.name, w.name_en, w.type, w.province_code, {{shape}} as shape
          from tile, {{source}}
    )
    select ST_AsMVT(drawn, 'wards', {STEPS}, 'shape') from drawn where shape is not null
"""  # noqa: S608 - made of constants
OUTLINES = """
    ward_outlines o join wards w using (edition_id, code)
     where o.edition_id = :edition and o.bounds && tile.room
"""
# What lies within the tile is only moved there; the rest is cut, which costs five times as much.
OUTLINE = f"""
    case when o.bounds @ tile.room then ST_Translate(o.zoom_{{zoom}}, -tile.x, -tile.y)
         else ST_AsMVTGeom(
            ST_Affine(o.zoom_{{zoom}}, 1, 0, 0, -1, -tile.x, tile.y + {STEPS}),
            tile.square, {STEPS}, {MARGIN}) end
"""
BORDERS = """
    wards w where w.edition_id = :edition and w.boundary && ST_Transform(tile.room, 4326)
"""
BORDER = f"""
    ST_AsMVTGeom(
        ST_Transform(w.boundary, 3857), ST_TileEnvelope(:z, :x, :y)::box2d, {STEPS}, {MARGIN})
"""

STATEMENTS = {
    zoom: text(TILE.format(shape=OUTLINE.format(zoom=zoom), source=OUTLINES)) for zoom in ZOOMS
}
FROM_BORDERS = text(TILE.format(shape=BORDER, source=BORDERS))


async def draw_tile(
    connection: AsyncConnection, edition_id: int, z: int, x: int, y: int, *, outlined: bool
) -> bytes:
    """The tile of an edition; from the borders themselves while its outlines are not there.

    Served by `ix_ward_outlines_bounds`, or slowly by `ix_wards_boundary`.
    """
    statement = STATEMENTS[z] if outlined else FROM_BORDERS
    tile = {"edition": edition_id, "z": z, "x": x, "y": y, "margin": MARGIN * step_m(z)}
    return bytes(await connection.scalar(statement, tile) or b"")


class WardTiles:
    """The ward tiles of one process: made when somebody asks, then kept."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._outlined: set[int] = set()
        self.cache = TileCache()

    async def make(self, edition_id: int, z: int, x: int, y: int) -> Tile:
        """Draw a tile, and keep it."""
        async with self._engine.connect() as connection:
            if edition_id not in self._outlined and await connection.scalar(
                FINISHED, {"edition": edition_id}
            ):
                self._outlined.add(edition_id)
            outlined = edition_id in self._outlined
            contents = await draw_tile(connection, edition_id, z, x, y, outlined=outlined)
        tile = pack(contents)
        self.cache.keep((edition_id, z, x, y), tile)
        return tile
