"""The cells of an edition's land."""

import datetime as dt
from pathlib import Path

import numpy as np
import shapely
from sqlalchemy import Engine

from geo import grid
from geo.atlas import load_atlas
from geo.cell_map import BOXES, RESOLUTION, load_cell_map
from geo.load import import_edition
from tests.geo.squares import ward, write

COAST = shapely.box(108.0, 11.0, 108.06, 11.05)
ISLANDS = [shapely.box(x, y, x + 0.05, y + 0.04) for x, y in ((109.0, 9.0), (111.0, 10.5))]


def test_an_archipelago_has_the_cells_of_its_islands(unmapped: Engine, tmp_path: Path) -> None:
    wards = [ward("01001", COAST), ward("01002", shapely.MultiPolygon(ISLANDS))]
    file = write(tmp_path / "wards.geojson", wards)
    report = import_edition(unmapped, file, effective_from=dt.date(2025, 7, 1))
    assert report.edition_id is not None

    with unmapped.connect() as connection:
        atlas = load_atlas(connection, report.edition_id)
        asked = {"edition": report.edition_id, "province": "01"}
        boxes = [shapely.box(*box) for box in connection.execute(BOXES, asked)]
        found = load_cell_map(connection, atlas, "01")

    assert max(box.area for box in boxes) < 0.01
    expected = [np.unique(grid.cells_of(land, RESOLUTION)) for land in (COAST, *ISLANDS)]
    assert found.cells.tolist() == np.unique(np.concatenate(expected)).tolist()
    of_islands = np.isin(found.cells, np.concatenate(expected[1:]))
    assert [atlas.codes[at] for at in np.unique(found.wards[of_islands])] == ["01002"]
    assert [atlas.codes[at] for at in np.unique(found.wards[~of_islands])] == ["01001"]
