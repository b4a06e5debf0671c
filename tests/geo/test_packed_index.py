"""The packed index against GEOS, which decides orientation exactly too, and its file."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geo import packing
from geo.packed_index import PackedIndex, pack
from geo.packing import frame_round
from geo.plane import Floats, scaled
from geo.ward_index import NOWHERE
from tests.geo.maps import difficult, grid, spots
from tests.geo.squares import SIDE, SOUTH, WEST, square

Points = tuple[Floats, Floats]


def covering(shapes: Sequence[Any], lon: float, lat: float) -> list[int]:
    """What GEOS says, which does not round either."""
    found: list[int] = shapely.intersects_xy(np.array(shapes), lon, lat).nonzero()[0].tolist()
    return found


def assert_found_as_by_geos(shapes: Sequence[Any], points: Points) -> None:
    """Each point has its wards, one by one and all at once."""
    index = PackedIndex.of(shapes, overlaps=[])
    many = index.wards_at(*points).tolist()
    for lon, lat, first in zip(*(axis.tolist() for axis in points), many, strict=True):
        expected = covering(shapes, lon, lat)
        assert index.covering(lon, lat) == expected, (lon, lat)
        assert index.ward_at(lon, lat) == (expected[0] if expected else NOWHERE), (lon, lat)
        assert first == index.ward_at(lon, lat), (lon, lat)


def fgb(shape: Any) -> Any:
    """Coordinates as the FlatGeobuf files have them: whole multiples of 2^-22 degrees."""
    return shapely.transform(shape, lambda xy: np.round(xy * 2**22) / 2**22)


def geojson(shape: Any) -> Any:
    """Coordinates as the GeoJSON file has them: six decimals."""
    return shapely.transform(shape, lambda xy: np.round(xy, 6))


def raw(shape: Any) -> Any:
    """Coordinates with all their bits."""
    return shape


def coverage(seed: int, kept: Callable[[Any], Any], count: int = 40) -> list[Any]:
    """Voronoi cells that share their vertices, some lost, enlarged, with holes or several parts."""
    pick = np.random.default_rng(seed)
    spread = pick.choice([0.0004, 0.01, 0.2])
    centres = shapely.MultiPoint(np.array([105.8, 21.0]) + pick.uniform(0, spread, (count, 2)))
    pieces = list(shapely.get_parts(shapely.voronoi_polygons(centres)))
    pieces = [shapely.segmentize(piece, spread / pick.integers(1, 40)) for piece in pieces]
    shapes: list[Any] = []
    for piece in pieces:
        match pick.integers(0, 8):
            case 0:
                continue
            case 1:
                shape = piece.buffer(spread * pick.choice([1e-6, 0.01, 0.1]))
            case 2:
                shape = piece - piece.centroid.buffer(spread / 40, quad_segs=2)
            case 3 if shapes:
                shape = shapely.union_all([piece, shapes.pop()])
            case _:
                shape = piece
        shape = shapely.make_valid(kept(shape), method="structure", keep_collapsed=False)
        if not shape.is_empty:
            shapes.append(shape)
    return shapes


def beside(points: Points) -> Points:
    """The points, and their neighbours among the doubles."""
    lons, lats = points
    steps = [(np.nextafter(lons, x), np.nextafter(lats, y)) for x in (0, 200) for y in (0, 200)] + [
        (lons, np.nextafter(lats, 200)),
        (np.nextafter(lons, 200), lats),
    ]
    columns = [np.column_stack(axis).reshape(-1) for axis in zip(points, *steps, strict=True)]
    return columns[0], columns[1]


@given(st.integers(0, 2**32), st.sampled_from([fgb, geojson, raw]))
@settings(max_examples=25, deadline=None)
def test_every_place_in_a_made_up_coverage_is_found_as_by_geos(
    seed: int, kept: Callable[[Any], Any]
) -> None:
    shapes = coverage(seed, kept)
    lons, lats = spots(shapes, seed, count=60)

    assert_found_as_by_geos(shapes, beside((lons, lats)))


@pytest.mark.parametrize("kept", [fgb, geojson, raw])
def test_doubles_beside_long_crooked_edges_are_told_apart(kept: Callable[[Any], Any]) -> None:
    """Along an edge no double may lie exactly on it: which side each is on needs every bit."""
    split = [(105.0, 21.0), (105.3337, 21.00071), (105.9, 21.71)]
    shapes = [
        kept(shapely.Polygon([*split, (105.0, 21.71)])),
        kept(shapely.Polygon([*split, (105.9, 21.0)])),
    ]
    pick = np.random.default_rng(9)
    ring = shapely.get_coordinates(shapes[0])[:3]
    part = pick.integers(0, 2, 500)
    along = pick.uniform(0, 1, (500, 1))
    lons, lats = (ring[part] + along * (ring[part + 1] - ring[part])).T.copy()

    assert_found_as_by_geos(shapes, beside((lons, lats)))


def test_points_on_the_lines_of_the_grid_are_found() -> None:
    shapes = list(difficult().values())
    west, south, step, columns, rows, _ = pack(shapes, overlaps=[])["wards.frame"].tolist()
    pick = np.random.default_rng(3)
    lons = west + pick.integers(0, columns + 1, 600) * step
    lats = south + pick.integers(0, rows + 1, 600) * step
    lons[::3], lats[1::3] = pick.uniform(105, 105.2, 200), pick.uniform(21, 21.1, 200)

    assert_found_as_by_geos(shapes, beside((lons, lats)))


def test_the_grid_gives_way_to_vertices_and_edges_on_its_lines() -> None:
    """The first grid tried would have a vertex on a line, the second an edge through a corner."""
    frame = [(105.0, 21.0), (105.1, 21.0), (105.1, 21.1), (105.0, 21.1)]
    first, second = (frame_round(np.array(frame), 0.0025, attempt) for attempt in (1, 2))
    on_line = (first.west + 9 * first.step, 21.05)
    corner = (second.west + 20 * second.step, second.south + 12 * second.step)
    through = [(corner[0] + d, corner[1] + d) for d in (2**-12, -(2**-12))]
    assert (through[0][0] + through[1][0]) / 2 == corner[0]
    shape = shapely.Polygon([*frame, on_line, *through])
    assert shape.is_valid

    made = pack([shape])["wards.frame"].tolist()

    assert made[0] not in {first.west, second.west}
    assert_found_as_by_geos([shape], beside(spots([shape], seed=1, count=200)))


def test_a_ward_that_covers_a_cell_crossed_by_others_is_found() -> None:
    """Lists of borders alone would miss it."""
    large = square(0, 0, width=4, height=4)
    shapes = [*grid(4, 4).values(), large]

    assert_found_as_by_geos(shapes, spots(shapes, seed=5, count=300))
    assert_found_as_by_geos(shapes[::-1], spots(shapes, seed=6, count=300))


def test_a_coverage_of_half_the_world_gets_larger_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MOST_CELLS", 1 << 20)
    shapes = [shapely.box(-170, -80, 0, 10.5), shapely.box(0, -60, 1e-9, 70), square(0)]

    assert_found_as_by_geos(shapes, beside(spots(shapes, seed=7, count=100)))


def test_numbers_of_numpy_are_as_good_as_pythons() -> None:
    shapes = list(difficult().values())
    index = PackedIndex.of(shapes, overlaps=[])
    lons, lats = spots(shapes, seed=8, count=300)

    singles = [index.ward_at(lon, lat) for lon, lat in zip(lons, lats, strict=True)]

    assert singles == index.wards_at(lons, lats).tolist()


@pytest.mark.parametrize("lon", [math.nan, math.inf, -math.inf, 1e300])
def test_no_ward_covers_what_is_no_place(lon: float) -> None:
    index = PackedIndex.of([square(0)])

    assert index.ward_at(lon, 21.01) == index.ward_at(105.01, lon) == NOWHERE
    assert index.covering(lon, 21.01) == []


def true_border_m(shape: Any, lon: float, lat: float) -> float:
    """Metres to the nearest edge: all of them, one after the other."""
    plane = shapely.transform(
        shapely.boundary(shape),
        lambda xy: np.column_stack(scaled(lon, lat, xy[:, 0], xy[:, 1])),
    )
    return float(plane.distance(shapely.Point(0, 0)))


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_distance_to_the_border_is_that_to_its_nearest_edge(seed: int) -> None:
    shapes = coverage(seed, raw, count=15)
    index = PackedIndex.of(shapes, overlaps=[])
    lons, lats = spots(shapes, seed, count=40)

    for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True):
        for ward, shape in enumerate(shapes):
            expected = true_border_m(shape, lon, lat)
            found = index.distance_to_border_m(ward, lon, lat)
            if found is None:
                assert expected > 499.999
            else:
                assert found == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 2**32), st.sampled_from([5.0, 25.0, 200.0, 800.0]), st.booleans())
@settings(max_examples=20, deadline=None)
def test_shares_are_parts_of_a_round_disc(seed: int, radius_m: float, apart: bool) -> None:
    """Wards that overlap, and wards that do not: holes, several parts, tiny and large."""
    shapes = [
        shape
        for shape in (coverage(seed, raw, count=12) if apart else difficult().values())
        if shapely.area(shape) > 0
    ]
    index = PackedIndex.of(shapes)
    lons, lats = spots(shapes, seed, count=15)

    for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True):
        found = dict(index.shares(lon, lat, radius_m))
        expected = drawn_shares(shapes, lon, lat, radius_m)
        for ward in found.keys() | expected.keys():
            assert found.get(ward, 0) == pytest.approx(expected.get(ward, 0), abs=2e-4)


@pytest.mark.parametrize(
    ("column", "row", "expected"),
    [
        (0.5, 0.5, {0: 1.0}),
        (1.7, 0.2, {1: 1.0}),
        (1.0, 0.5, {0: 0.5, 1: 0.5}),
        (1.0, 1.0, {0: 0.25, 1: 0.25}),
        (0.0, 0.5, {0: 0.5}),
        (5.0, 0.5, {}),
    ],
)
@given(st.floats(0, 1e-3, exclude_min=True))
@example(5e-324)
@example(1e-200)
@settings(max_examples=30, deadline=None)
def test_the_smallest_disc_is_where_its_centre_is(
    column: float, row: float, expected: dict[int, float], radius_m: float
) -> None:
    index = PackedIndex.of([square(0), square(1)])
    lon, lat = WEST + column * SIDE, SOUTH + row * SIDE

    assert dict(index.shares(lon, lat, radius_m)) == pytest.approx(expected, abs=1e-3)


def drawn_shares(
    shapes: Sequence[Any], lon: float, lat: float, radius_m: float
) -> dict[int, float]:
    """Shares of a polygon of 400 corners, cut by GEOS in the plane; the first ward takes all."""
    rest: Any = shapely.Point(0, 0).buffer(radius_m, quad_segs=100)
    whole = rest.area
    shares = {}
    for ward, shape in enumerate(shapes):
        plane = shapely.transform(
            shape, lambda xy: np.column_stack(scaled(lon, lat, xy[:, 0], xy[:, 1]))
        )
        shares[ward] = rest.intersection(plane).area / whole
        rest = rest.difference(plane)
    return shares
