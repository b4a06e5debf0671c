"""Local planes against the ellipsoid of PostGIS, and the area of a disc against what is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from geo.plane import azimuthal, box_round, disc_shares, distances, scaled

HANOI = 105.85, 21.03
CA_MAU = 104.8, 8.6


@pytest.mark.parametrize("centre", [HANOI, CA_MAU])
@pytest.mark.parametrize(
    ("metres", "within"), [(500, 0.001), (5_000, 0.001), (22_000, 0.02), (100_000, 2)]
)
def test_distances_and_directions_are_those_of_the_ellipsoid(
    engine: Engine, centre: tuple[float, float], metres: float, within: float
) -> None:
    azimuths = np.radians(np.arange(0, 360, 15))
    with engine.connect() as connection:
        rows = connection.execute(
            text("""
                select ST_X(spot), ST_Y(spot)
                  from unnest(cast(:azimuths as float8[])) as azimuth,
                       lateral (select ST_Project(cast(ST_Point(:lon, :lat, 4326) as geography),
                                                  :metres, azimuth)::geometry as spot) as projected
            """),
            {"azimuths": azimuths.tolist(), "lon": centre[0], "lat": centre[1], "metres": metres},
        ).all()
    lons, lats = np.array([tuple(row) for row in rows]).T

    assert distances(*centre, lons, lats) == pytest.approx(metres, abs=within)
    x, y = azimuthal(*centre, lons, lats)
    assert x == pytest.approx(metres * np.sin(azimuths), abs=max(within, metres * 2e-5))
    assert y == pytest.approx(metres * np.cos(azimuths), abs=max(within, metres * 2e-5))
    if metres <= 5_000:
        x, y = scaled(*centre, lons, lats)
        assert np.hypot(x, y) == pytest.approx(metres, rel=4e-4)


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.001, 100_000))
def test_a_box_holds_its_disc(lon: float, lat: float, radius_m: float) -> None:
    west, south, east, north = box_round(lon, lat, radius_m)

    assert west < lon < east
    assert south < lat < north
    if abs(lat) < 80:
        edges = np.array([west, east, lon, lon]), np.array([lat, lat, south, north])
        assert (distances(lon, lat, *edges) >= radius_m * (1 - 1e-4)).all()


@given(st.integers(3, 40), st.floats(0, 3), st.floats(0, 6.3), st.floats(0.1, 10))
def test_a_polygon_round_the_disc_has_all_of_it_and_one_inside_its_own_area(
    corners: int, shift: float, turn: float, radius: float
) -> None:
    angles = turn + np.arange(corners + 1) * 2 * math.pi / corners

    def shared(reach: float, offset: float) -> float:
        x, y = reach * np.cos(angles) + offset, reach * np.sin(angles)
        return float(disc_shares(x[:-1], y[:-1], x[1:], y[1:], radius).sum())

    own = corners / 2 * math.sin(2 * math.pi / corners)
    assert shared(radius * 100, shift * radius) == pytest.approx(math.pi * radius**2)
    assert shared(radius, 0) == pytest.approx(own * radius**2)
    assert shared(radius, 2.001 * radius + shift) == pytest.approx(0, abs=1e-9 * radius**2)


def test_half_planes_quarters_and_caps_of_a_disc_have_the_area_of_the_textbook() -> None:
    def cut(x: float, y: float) -> float:
        """The unit disc's part east of x and north of y."""
        ring = np.array([(x, y), (9, y), (9, 9), (x, 9), (x, y)])
        ax, ay, bx, by = *ring[:-1].T, *ring[1:].T
        return float(disc_shares(ax, ay, bx, by, 1.0).sum())

    assert cut(0, -9) == pytest.approx(math.pi / 2)
    assert cut(0, 0) == pytest.approx(math.pi / 4)
    assert cut(0.5, -9) == pytest.approx(math.acos(0.5) - 0.5 * math.sqrt(0.75))
    assert cut(1, -9) == pytest.approx(0, abs=1e-12)
