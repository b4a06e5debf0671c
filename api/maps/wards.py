"""Ward tiles of a boundary edition, drawn from the outlines that fit the zoom."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.maps.cache import Tile, TileCache, pack
from geo.outlines import EQUATOR_M, FINISHED, LEVELS

LEAST_ZOOM, MOST_ZOOM = LEVELS[0], LEVELS[-1] + 1
"""Maps stretch the deepest tiles for what is deeper."""
EXTENT, MARGIN = 4096, 64
"""Steps across a tile, and how far beyond its edge lines go on."""

TILE = """
    select ST_AsMVT(drawn, 'wards', 4096, 'shape')
      from (select w.code, w.name, w.name_en, w.type, w.province_code,
                   ST_AsMVTGeom({shape}, ST_TileEnvelope(:z, :x, :y), 4096, 64) as shape
              from {source}) as drawn
     where shape is not null
"""
OUTLINES = """
    ward_outlines o join wards w using (edition_id, code)
     where o.edition_id = :edition
       and o.bounds && ST_Expand(ST_TileEnvelope(:z, :x, :y), :margin)
"""
BORDERS = """
    wards w where w.edition_id = :edition and w.boundary &&
        ST_Transform(ST_Expand(ST_TileEnvelope(:z, :x, :y), :margin), 4326)
"""

STATEMENTS = {
    level: text(TILE.format(shape=f"o.level_{level}", source=OUTLINES)) for level in LEVELS
}
FROM_BORDERS = text(TILE.format(shape="ST_Transform(w.boundary, 3857)", source=BORDERS))


def level_of(zoom: int) -> int:
    """The level that is fine enough for a zoom."""
    return zoom - zoom % 2


async def draw_tile(
    connection: AsyncConnection, edition_id: int, z: int, x: int, y: int, *, outlined: bool
) -> bytes:
    """The tile of an edition; from the borders themselves while its outlines are not there.

    Served by `ix_ward_outlines_bounds`, or slowly by `ix_wards_boundary`.
    """
    statement = STATEMENTS[level_of(z)] if outlined else FROM_BORDERS
    margin = EQUATOR_M / 2**z * MARGIN / EXTENT
    tile = {"edition": edition_id, "z": z, "x": x, "y": y, "margin": margin}
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
