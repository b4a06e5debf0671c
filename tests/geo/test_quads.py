"""Places in web Mercator as numbers: the same in Python and in the database, a range for a tile."""

import math

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from geo import quads

lons, lats = st.floats(-180, 180), st.floats(-90, 90)
inland = st.tuples(st.floats(102, 118), st.floats(6, 24))


def tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """The tile of a point, as maps have it."""
    side = 1 << zoom
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
    return int((lon + 180) / 360 * side), int(y)


@given(inland, st.integers(0, 22))
def test_a_tile_is_the_range_of_its_points(place: tuple[float, float], zoom: int) -> None:
    number = quads.quad(*place)
    x, y = tile_at(*place, zoom)

    first, last = quads.of_tile(zoom, x, y)

    assert first <= number <= last
    assert not zoom or not first <= quads.quad(place[0] - 360 / 2**zoom, place[1]) <= last


@given(st.tuples(lons, lats), st.tuples(lons, lats), st.tuples(lons, lats))
def test_a_cover_holds_every_point_of_its_box(
    one: tuple[float, float], other: tuple[float, float], place: tuple[float, float]
) -> None:
    west, east = sorted((one[0], other[0]))
    south, north = sorted((one[1], other[1]))
    lon, lat = min(east, max(west, place[0])), min(north, max(south, place[1]))

    ranges = quads.cover(west, south, east, north)

    assert 1 <= len(ranges) <= 4
    assert any(first <= quads.quad(lon, lat) <= last for first, last in ranges)


@given(inland, st.floats(0.0001, 1))
def test_a_cover_is_not_much_larger_than_its_box(place: tuple[float, float], size: float) -> None:
    lon, lat = place

    ranges = quads.cover(lon, lat, lon + size, lat + size)

    steps = quads.SIDE * size / 360
    assert sum(last - first + 1 for first, last in ranges) <= 4 * (4 * steps + 8) ** 2


def test_the_database_numbers_places_alike(engine: Engine) -> None:
    places = [(102 + n * 0.0137 % 16, 6 + n * 0.0311 % 18) for n in range(2000)]
    places += [(-180, -90), (180, 90), (0, 0), (179.999999, 85.06), (105.46875, 21.0)]
    query = text("select web_quad(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))")

    with engine.connect() as connection:
        numbers = [connection.scalar(query, {"lon": lon, "lat": lat}) for lon, lat in places]

    assert numbers == [quads.quad(*place) for place in places]
