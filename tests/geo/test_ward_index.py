"""Which wards a point or a disc is in: laws, hand-made coverages, and PostGIS as the judge."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from geo.packed_index import PackedIndex
from geo.ward_index import NOWHERE
from tests.geo.judge import (
    assert_same_shares,
    covers,
    draw,
    sampled_shares,
    true_distance,
)
from tests.geo.maps import at, difficult, grid, ring_of_eight, spots
from tests.geo.squares import square

GRID = PackedIndex.of(list(grid(4, 4).values()))
DIFFICULT = PackedIndex.of(list(difficult().values()))

lattice = st.builds(at, *[st.integers(-4, 20).map(lambda n: n / 4)] * 2)
"""Points on a quarter of a square: corners, borders, middles, and outside."""
around = st.builds(at, st.floats(-1, 8), st.floats(-1, 6))


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with engine.connect() as connection:
        yield connection


@given(lattice)
def test_a_border_belongs_to_every_ward_it_borders_and_the_first_wins(
    point: tuple[float, float],
) -> None:
    lon, lat = point
    touched = [
        n for n, shape in enumerate(grid(4, 4).values()) if shape.intersects(shapely.Point(point))
    ]

    assert GRID.covering(lon, lat) == touched
    assert GRID.ward_at(lon, lat) == (touched[0] if touched else NOWHERE)


@given(st.lists(lattice | around, min_size=1, max_size=30))
def test_many_points_get_the_answers_of_each(points: list[tuple[float, float]]) -> None:
    lons, lats = np.array(points).T

    assert DIFFICULT.wards_at(lons, lats).tolist() == [DIFFICULT.ward_at(*p) for p in points]
    assert DIFFICULT.wards_at(lons, lats).dtype == np.int32


def test_no_points_get_no_answers() -> None:
    assert DIFFICULT.wards_at(np.empty(0), np.empty(0)).tolist() == []


def test_an_edition_without_wards_answers_nothing() -> None:
    empty = PackedIndex.of([])

    assert empty.ward_at(*at(1, 1)) == NOWHERE
    assert empty.shares(*at(1, 1), 500) == []
    assert empty.nearest(*at(1, 1), 22_000) == []
    assert not empty.in_gap(*at(1, 1))


@pytest.mark.parametrize("coverage", [grid(4, 4), ring_of_eight(), difficult()])
def test_made_up_wards_are_found_as_by_postgis(
    connection: Connection, coverage: dict[str, Any]
) -> None:
    shapes = list(coverage.values())
    draw(connection, shapes)
    lons, lats = spots(shapes, seed=1)

    found = PackedIndex.of(shapes).wards_at(lons, lats)

    assert (found == covers(connection, lons, lats)).all()


@given(around, st.floats(1, 30_000))
def test_shares_are_parts_of_one_disc(point: tuple[float, float], radius_m: float) -> None:
    shares = DIFFICULT.shares(*point, radius_m)

    assert all(0 < share <= 1 for _, share in shares)
    assert sum(share for _, share in shares) <= 1 + 1e-9
    assert shares == DIFFICULT.shares(*point, radius_m)


@given(st.builds(at, st.floats(1.2, 2.8), st.floats(1.2, 2.8)), st.floats(0.1, 2000))
def test_shares_add_up_to_the_whole_disc_inside_a_coverage(
    point: tuple[float, float], radius_m: float
) -> None:
    assert sum(share for _, share in GRID.shares(*point, radius_m)) == pytest.approx(1, abs=1e-9)


def test_a_disc_on_a_corner_is_shared_by_its_four_wards() -> None:
    shares = GRID.shares(*at(1, 1), 50)

    assert [ward for ward, _ in shares] == [0, 1, 4, 5]
    assert [share for _, share in shares] == pytest.approx([0.25] * 4, abs=1e-9)


def test_an_overlap_counts_once_for_the_first_ward() -> None:
    index = PackedIndex.of([square(0), square(0, width=2), square(0, width=3)])

    assert index.covering(*at(0.5, 0.5)) == [0, 1, 2]
    assert dict(index.shares(*at(0.5, 0.5), 100)) == {0: 1.0}
    assert dict(index.shares(*at(1, 0.5), 100)) == pytest.approx({0: 0.5, 1: 0.5})
    assert dict(index.shares(*at(2.5, 0.5), 100)) == pytest.approx({2: 1.0})


def test_a_ward_inside_another_has_only_what_a_lower_code_leaves() -> None:
    inner_first = PackedIndex.of([square(1, 1), square(0, 0, width=3, height=3)])
    outer_first = PackedIndex.of([square(0, 0, width=3, height=3), square(1, 1)])

    # A disc much larger than the inner square, and within the outer one.
    shares = dict(inner_first.shares(*at(1.5, 1.5), 2500))
    assert shares == pytest.approx({0: 0.2344, 1: 0.7656}, abs=1e-3)
    assert dict(outer_first.shares(*at(1.5, 1.5), 2500)) == pytest.approx({0: 1.0})


@pytest.mark.parametrize("radius_m", [0.5, 10, 300, 3_000, 5_000, 5_001, 30_000, 100_000])
@pytest.mark.parametrize("spot", [(2.05, 3.7), (4.5, 2.3), (5.02, 1.0), (1.0, 2.0), (3.2, 5.3)])
def test_shares_are_those_of_the_disc_on_the_ellipsoid(
    connection: Connection, radius_m: float, spot: tuple[float, float]
) -> None:
    draw(connection, list(difficult().values()))

    found = DIFFICULT.shares(*at(*spot), radius_m)

    expected = sampled_shares(connection, *at(*spot), radius_m)
    assert_same_shares(found, expected, within=1e-3)


@pytest.mark.parametrize("radius_m", [25, 4_000, 20_000, 100_000])
def test_shares_hold_for_wards_with_very_long_edges(
    connection: Connection, radius_m: float
) -> None:
    shapes = [shapely.box(104, 15, 106, 17.0), shapely.box(104, 17.0, 106.5, 19)]
    draw(connection, shapes)

    found = PackedIndex.of(shapes).shares(105.1, 17.0, radius_m)

    assert_same_shares(found, sampled_shares(connection, 105.1, 17.0, radius_m), within=2e-3)


def test_distances_are_those_on_the_ellipsoid_to_the_centimetre(connection: Connection) -> None:
    draw(connection, list(difficult().values()))
    lons, lats = spots(difficult().values(), seed=2, count=60)

    for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True):
        for ward in DIFFICULT.covering(lon, lat):
            found = DIFFICULT.distance_to_border_m(ward, lon, lat)
            expected = true_distance(connection, ward, lon, lat)
            if found is None:
                assert expected > 499.9
            else:
                assert found == pytest.approx(expected, abs=0.02)


def test_a_hole_is_a_border_too() -> None:
    lon, lat = at(0.95, 1.5)

    assert DIFFICULT.distance_to_border_m(0, lon, lat) == pytest.approx(103.9, abs=0.5)


@pytest.mark.parametrize("spot", [(3.2, 0.5), (-0.9, -0.7), (9, 9), (4.7, 4.0), (3.5, 2.0)])
def test_the_nearest_wards_come_first_with_their_distances(
    connection: Connection, spot: tuple[float, float]
) -> None:
    draw(connection, list(difficult().values()))
    lon, lat = at(*spot)

    found = DIFFICULT.nearest(lon, lat, 22_000)

    assert [metres for _, metres in found] == sorted(metres for _, metres in found)
    assert len(found) == len(difficult())
    for ward, metres in found:
        if metres:
            assert metres == pytest.approx(true_distance(connection, ward, lon, lat), abs=0.1)
        else:
            assert ward in DIFFICULT.covering(lon, lat)


def test_of_equally_near_wards_the_first_comes_first() -> None:
    index = PackedIndex.of(list(ring_of_eight().values()), [square(1, 1)])

    east_and_west = [ward for ward, _ in index.nearest(*at(1.5, 1.5), 1040)]

    assert east_and_west == [3, 4]


def test_nothing_is_near_beyond_the_reach() -> None:
    metres = DIFFICULT.nearest(*at(-1, 0.5), 22_000)[0][1]

    assert metres == pytest.approx(2079, abs=2)
    assert DIFFICULT.nearest(*at(-1, 0.5), metres - 0.1) == []


def test_only_an_enclosed_hole_is_a_gap() -> None:
    index = PackedIndex.of(list(ring_of_eight().values()), [square(1, 1)])

    assert index.in_gap(*at(1.5, 1.5))
    assert not index.in_gap(*at(0.5, 0.5))
    assert not index.in_gap(*at(-0.1, 0.5))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(180, 0), (-180, 0), (0, 90), (0, -90), (179.9999, 89.9999), (-74.0, 40.7), (0, 0)],
)
@pytest.mark.parametrize("radius_m", [0.001, 25, 100_000])
def test_far_away_there_is_nothing_and_no_error(lon: float, lat: float, radius_m: float) -> None:
    assert DIFFICULT.ward_at(lon, lat) == NOWHERE
    assert DIFFICULT.shares(lon, lat, radius_m) == []
    assert DIFFICULT.nearest(lon, lat, 22_000) == []
    assert DIFFICULT.distance_to_border_m(0, lon, lat) is None
    assert not DIFFICULT.in_gap(lon, lat)


def test_many_threads_get_the_same_answers() -> None:
    index = PackedIndex.of(list(difficult().values()))
    lons, lats = spots(difficult().values(), seed=3)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: index.wards_at(lons, lats), range(16)))

    assert all((answer == answers[0]).all() for answer in answers)
