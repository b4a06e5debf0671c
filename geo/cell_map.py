"""The cells of an edition's land, and whose ward each is: the one that its centre lies in."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo import grid
from geo.atlas import Atlas
from geo.grid import Cells, Floats

RESOLUTION = 8
"""About 0.7 square kilometres: the finest that hotspots are ever told of."""
NOWHERE = -1

WIDE = 1.0
"""Square degrees. The box of an archipelago is mostly sea: its islands have boxes of their own."""

BOXES = text(f"""
    select ST_XMin(part.geom), ST_YMin(part.geom), ST_XMax(part.geom), ST_YMax(part.geom)
    from wards, ST_Dump(case when ST_Area(ST_Envelope(boundary)) > {WIDE} then boundary
        else ST_Envelope(boundary) end) as part
    where edition_id = :edition
        and (cast(:province as text) is null or province_code = :province)
""")  # noqa: S608 - made of the constant above


@dataclass(frozen=True)
class CellMap:
    """Cells of resolution 8 in order, and the position in the atlas of the ward of each."""

    cells: Cells
    wards: NDArray[np.int32]

    def of(self, positions: NDArray[np.int32]) -> "CellMap":
        """The part that lies in the wards at these positions."""
        kept = np.isin(self.wards, positions)
        return CellMap(self.cells[kept], self.wards[kept])


def load_cell_map(connection: Connection, atlas: Atlas, province: str | None) -> CellMap:
    """The map of a province of an atlas's edition, or of the whole country.

    Takes a tenth of a second for a province, some seconds for the country.
    """
    asked = {"edition": atlas.edition_id, "province": province}
    boxes = np.array(connection.execute(BOXES, asked).all(), float).reshape(-1, 4)
    found = cell_map(atlas, boxes)
    if province is None:
        return found
    wards = [at for at, ward in enumerate(atlas.wards.values()) if ward.province_code == province]
    return found.of(np.array(wards, np.int32))


def cell_map(atlas: Atlas, boxes: Floats) -> CellMap:
    """The map of wards whose parts lie in these boxes (west, south, east, north; degrees)."""
    inside = [grid.cells_of(shapely.box(*box), RESOLUTION) for box in boxes]
    cells = grid.in_order(np.concatenate([np.zeros(0, np.uint64), *inside]))
    lons, lats = grid.centres(cells).T
    wards = atlas.index.wards_at(np.ascontiguousarray(lons), np.ascontiguousarray(lats))
    land = wards != NOWHERE
    return CellMap(cells[land], wards[land].astype(np.int32))
