"""Walking to a point and counting crossings, on coordinates so coarse that everything coincides."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.walk import crossings, ends_inside, side

even = st.integers(-6, 6).map(lambda n: 2.0 * n)
rings = st.lists(st.tuples(even, even), min_size=3, max_size=8, unique=True)
anywhere = st.tuples(*[st.integers(-26, 26).map(lambda n: n / 2)] * 2)


@given(rings, st.tuples(*[st.integers(-7, 6).map(lambda n: 2.0 * n + 1)] * 2), anywhere)
def test_a_walk_ends_inside_exactly_when_the_point_is_covered(
    ring: list[tuple[float, float]], corner: tuple[float, float], point: tuple[float, float]
) -> None:
    area = shapely.Polygon(ring)
    assume(area.is_valid)
    assume(not area.boundary.intersects(shapely.Point(corner)))
    inside = area.intersects(shapely.Point(corner))
    covered = area.intersects(shapely.Point(point))

    assert ends_inside([[*ring, ring[0]]], corner, inside, point) == covered

    a, b = np.array(ring).T, np.array([*ring[1:], ring[0]]).T
    start, end = (np.repeat([[x], [y]], len(ring), axis=1) for x, y in (corner, point))
    odd, touched = crossings(a, b, start, end, doubt=1e-9)
    assert (bool(touched.any()) or (odd.sum() % 2 == 1) != inside) == covered


@given(
    st.tuples(st.floats(100, 110), st.floats(8, 24)),
    st.tuples(st.floats(100, 110), st.floats(8, 24)),
    st.floats(0, 1),
)
def test_sides_are_told_apart_by_a_single_bit(
    a: tuple[float, float], b: tuple[float, float], part: float
) -> None:
    assume(a[0] < b[0] - 1e-3)
    x, y = a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])

    sides = [side(a, b, (x, math.nextafter(y, to))) for to in (0, 200)]

    assert sides == sorted(sides)
    assert side(a, b, (x, y)) == -side(b, a, (x, y))
    assert sides[0] <= side(a, b, (x, y)) <= sides[1]
    assert side(a, b, (x, y - 1e-9)) == -1
    assert side(a, b, (x, y + 1e-9)) == 1


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-160, 1.0, 1e150])
def test_sides_are_right_at_any_size(scale: float) -> None:
    corners = (0.0, 0.0), (3 * scale, 1 * scale)

    assert side(*corners, (6 * scale, 2 * scale)) == 0
    assert side(*corners, (6 * scale, 3 * scale)) == 1
    assert side(*corners, (7 * scale, 2 * scale)) == -1
