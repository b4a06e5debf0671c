"""When a pair of coordinates is certainly swapped."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.points import EAST, NORTH, SOUTH, WEST, swapped

anything = st.floats(allow_nan=True, allow_infinity=True)
on_earth = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
in_vietnam = st.tuples(st.floats(WEST, EAST), st.floats(SOUTH, NORTH))


@given(on_earth)
def test_a_place_anywhere_on_earth_is_never_called_swapped(pair: tuple[float, float]) -> None:
    assert swapped(*pair) is None


@given(in_vietnam)
def test_a_place_in_vietnam_given_the_wrong_way_round_is_mended(pair: tuple[float, float]) -> None:
    lon, lat = pair

    assert swapped(lat, lon) == (lon, lat)


@given(anything, anything)
def test_what_is_mended_was_no_place_and_is_one_in_vietnam_now(lon: float, lat: float) -> None:
    mended = swapped(lon, lat)

    if mended is not None:
        assert mended == (lat, lon)
        assert abs(lat) > 90
        assert WEST <= mended[0] <= EAST
        assert SOUTH <= mended[1] <= NORTH


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        (48.85, 102.3),  # reversed it would be in Russia
        (21.0, 95.0),  # reversed it would be in Myanmar
        (math.nan, 105.8),
        (21.0, math.inf),
    ],
)
def test_a_wrong_pair_that_is_not_vietnam_reversed_is_not_mended(lon: float, lat: float) -> None:
    assert swapped(lon, lat) is None
