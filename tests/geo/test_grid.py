"""The grid against H3 itself and against shapely."""

import h3.api.numpy_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo import grid

TOWN = shapely.box(105.80, 21.00, 105.86, 21.05).difference(
    shapely.box(105.82, 21.02, 105.83, 21.03)
)


@pytest.mark.parametrize("resolution", [7, 8, 9])
def test_the_cells_of_an_area_are_those_whose_centre_lies_in_it(resolution: int) -> None:
    cells = grid.cells_of(TOWN, resolution)

    middle = h3.latlng_to_cell(21.025, 105.83, resolution)
    near = np.unique(h3.grid_disk(middle, 40))
    inside = shapely.contains_xy(TOWN, grid.centres(near))
    assert cells.tolist() == near[inside].tolist()


def test_an_area_without_a_centre_has_the_cells_it_touches() -> None:
    yard = shapely.box(105.85, 21.03, 105.8501, 21.0301)

    assert grid.cells_of(yard, 8).tolist() == [h3.latlng_to_cell(21.03, 105.85, 8)]


def test_neighbourhoods_are_the_first_rings_within_the_area() -> None:
    cells = grid.cells_of(TOWN, 9)

    found = grid.neighbourhoods(cells)

    for cell, row in zip(cells.tolist(), found.members, strict=True):
        members = {int(cells[each]) for each in row if each < len(cells)}
        assert members == set(h3.grid_disk(cell, 1).tolist()) & set(cells.tolist())
        assert cells[row[0]] == cell
    assert found.sums(np.ones(len(cells), np.int64)).tolist() == found.sizes.tolist()


def test_a_pentagon_has_five_neighbours() -> None:
    pentagon = h3.get_pentagons(9)[0]
    cells = np.unique(h3.grid_disk(pentagon, 2))

    sizes = grid.neighbourhoods(cells).sizes

    assert sizes[np.searchsorted(cells, pentagon)] == 6


def test_no_cells_have_no_neighbourhoods() -> None:
    none = np.zeros(0, np.uint64)

    assert len(grid.neighbourhoods(none).sums(np.zeros(0))) == 0
    assert grid.centres(none).shape == (0, 2)


@given(st.floats(-180, 180), st.floats(-90, 90), st.integers(0, 15), st.integers(0, 15))
def test_a_parent_is_h3s(lon: float, lat: float, one: int, other: int) -> None:
    coarse, fine = sorted([one, other])
    cells = grid.cells_at([lon], [lat], fine)

    assert grid.parents(cells, coarse).tolist() == [h3.cell_to_parent(int(cells[0]), coarse)]


def test_an_outline_is_a_closed_ring_counter_clockwise() -> None:
    ring = grid.outline(h3.latlng_to_cell(21.03, 105.85, 8))

    assert ring[0] == ring[-1]
    assert shapely.LinearRing(ring).is_ccw
    assert shapely.Polygon(ring).contains(shapely.Point(105.85, 21.03))
