"""The real wards of Vietnam, with their overlaps, gaps, islands and crooked borders."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from sqlalchemy import Connection, Engine

from geo.packed_index import PackedIndex
from geo.ward_index import NOWHERE
from tests.geo.judge import assert_same_shares, covers, draw, sampled_shares, true_distance
from tests.geo.maps import spots

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

OVERLAP = 103.939, 22.516
"""Where three wards claim the same 3.5 km2."""
GAP = 106.793, 20.691
"""In the largest hole of the coverage."""

pytestmark = pytest.mark.real_data


class Wards:
    """The wards of a file in order of their codes, and their index."""

    def __init__(self, name: str) -> None:
        if not (DATA / name).exists():
            pytest.skip(f"{DATA / name} is absent")
        source = f"/vsigzip/{DATA / name}" if name.endswith(".gz") else DATA / name
        _, _, boundaries, (codes,) = pyogrio.raw.read(source, columns=["code"])
        order = np.argsort(codes)
        self.codes: list[str] = codes[order].tolist()
        self.shapes = shapely.from_wkb(boundaries[order])
        self.index = PackedIndex.of(self.shapes, overlaps=[])


@pytest.fixture(scope="module")
def hanoi() -> Wards:
    """The 126 wards of Hà Nội, coordinates to six decimals."""
    return Wards("hanoi-wards.geojson")


@pytest.fixture(scope="module")
def vietnam() -> Wards:
    """All 3,321 wards."""
    return Wards("wards-2025.fgb.gz")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def vietnam_drawn(engine: Engine, vietnam: Wards) -> Iterator[Connection]:
    """A transaction in which PostGIS knows all wards."""
    with engine.connect() as connection:
        draw(connection, vietnam.shapes)
        yield connection


def test_hanoi_is_found_as_by_postgis(connection: Connection, hanoi: Wards) -> None:
    draw(connection, hanoi.shapes)
    lons, lats = spots(hanoi.shapes, seed=4, count=3000)

    found = hanoi.index.wards_at(lons, lats)

    assert (found == covers(connection, lons, lats)).all()
    singles = [hanoi.index.ward_at(*point) for point in zip(lons, lats, strict=True)]
    assert found.tolist() == singles


@pytest.mark.parametrize("radius_m", [10, 400, 5_000, 20_000])
def test_discs_in_hanoi_are_shared_as_by_postgis(
    connection: Connection, hanoi: Wards, radius_m: float
) -> None:
    draw(connection, hanoi.shapes)
    index = PackedIndex.of(hanoi.shapes)
    lons, lats = spots(hanoi.shapes[40:60], seed=5, count=1)

    for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True):
        expected = sampled_shares(connection, lon, lat, radius_m, count=8000)
        assert_same_shares(index.shares(lon, lat, radius_m), expected, within=1.5e-3)


def test_distances_in_hanoi_are_those_of_postgis(connection: Connection, hanoi: Wards) -> None:
    draw(connection, hanoi.shapes)
    lons, lats = spots(hanoi.shapes, seed=6, count=30)

    for lon, lat in zip(lons.tolist(), lats.tolist(), strict=True):
        for ward in hanoi.index.covering(lon, lat):
            found = hanoi.index.distance_to_border_m(ward, lon, lat)
            expected = true_distance(connection, ward, lon, lat)
            assert expected > 499.9 if found is None else found == pytest.approx(expected, abs=0.02)


def test_vietnam_is_found_as_by_postgis(vietnam_drawn: Connection, vietnam: Wards) -> None:
    """Some 20,000 places at and beside borders and vertices, in overlaps, and anywhere."""
    pick = np.random.default_rng(7)
    some = vietnam.shapes[pick.choice(len(vietnam.shapes), 300, replace=False)]
    low, high = np.array(OVERLAP) - 0.03, np.array(OVERLAP) + 0.03
    overlapping = pick.uniform(low, high, (3000, 2)).T
    lons, lats = np.concatenate([spots(some, seed=7, count=6000), overlapping], axis=1)

    found = vietnam.index.wards_at(lons, lats)

    assert len(lons) > 20_000
    assert (found == covers(vietnam_drawn, lons, lats)).all()


def test_vietnam_is_found_as_by_geos_in_six_decimals(vietnam: Wards) -> None:
    """The same boundaries as a GeoJSON file would have them: vertices, middles, and beside them."""
    pick = np.random.default_rng(8)
    shapes = shapely.transform(vietnam.shapes, lambda xy: np.round(xy, 6))
    shapes = shapes[shapely.is_valid(shapes)]
    some = shapes[pick.choice(len(shapes), 200, replace=False)]
    lons, lats = spots(some, seed=8, count=4000)

    found = PackedIndex.of(shapes, overlaps=[]).wards_at(lons, lats)

    shapely.prepare(shapes)
    point, ward = shapely.STRtree(shapes).query(shapely.points(lons, lats))
    covers_it = shapely.intersects_xy(shapes[ward], lons[point], lats[point])
    expected = np.full(len(lons), len(shapes))
    np.minimum.at(expected, point[covers_it], ward[covers_it])
    expected[expected == len(shapes)] = NOWHERE
    assert (found == expected).all()


def test_three_wards_claim_one_place_and_the_first_code_has_it(vietnam: Wards) -> None:
    claimed = vietnam.index.covering(*OVERLAP)

    assert [vietnam.codes[ward] for ward in claimed] == ["02647", "02683", "02746"]
    assert vietnam.index.ward_at(*OVERLAP) == claimed[0]
    three = PackedIndex.of(vietnam.shapes[claimed])
    assert dict(three.shares(*OVERLAP, 50)) == pytest.approx({0: 1.0})


def test_the_largest_gap_lies_between_wards(vietnam: Wards) -> None:
    assert vietnam.index.ward_at(*GAP) == NOWHERE

    near = vietnam.index.nearest(*GAP, 500)

    assert near
    assert {vietnam.codes[ward][:2] for ward, _ in near} == {"11"}


@pytest.mark.parametrize(
    ("lon", "lat", "radius_m"),
    [(107.3, 20.6, 20_000), (105.85, 21.03, 100_000), (106.70, 10.78, 60_000)],
)
def test_discs_of_many_kilometres_are_shared_as_by_postgis(
    vietnam_drawn: Connection, vietnam: Wards, lon: float, lat: float, radius_m: float
) -> None:
    found = vietnam.index.shares(lon, lat, radius_m)

    expected = sampled_shares(vietnam_drawn, lon, lat, radius_m, count=4000)
    assert_same_shares(found, expected, within=3e-3)
