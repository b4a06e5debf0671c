"""Vector tiles of points written from columns: as PostGIS writes them, where the points are."""

import math
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from geo import mvt, quads
from tests.mvt import layers

inland = st.tuples(st.floats(102, 118), st.floats(6, 24))
step = st.integers(0, mvt.STEPS - 1)
fact = st.one_of(st.text(max_size=200), st.integers(0, 2**40), st.booleans())
point = st.tuples(step, step, st.uuids(), fact, fact)


def written(points: list[tuple[int, int, uuid.UUID, Any, Any]]) -> bytes:
    """A layer of points that each have an id and two facts."""
    known: dict[bytes, int] = {}
    told = [[known.setdefault(mvt.value(each), len(known)) for each in row[3:]] for row in points]
    numbers = np.arange(len(known), len(known) + len(points))
    values: list[bytes | memoryview] = [
        *known,
        mvt.uuid_values(b"".join(row[2].bytes for row in points)),
    ]
    places = np.array([row[:2] for row in points], np.int64).reshape(-1, 2).T
    facts = np.vstack((numbers, np.array(told, np.int64).reshape(-1, 2).T))
    return mvt.layer("points", ("id", "one", "other"), values, facts, places)


@given(st.lists(point, max_size=300))
def test_points_are_read_back(points: list[tuple[int, int, uuid.UUID, Any, Any]]) -> None:
    found = layers(written(points)).get("points", [])

    assert [each.lines for each in found] == [[[(x, y)]] for x, y, *_ in points]
    assert [each.facts for each in found] == [
        {"id": str(number), "one": one, "other": other} for _, _, number, one, other in points
    ]


def test_postgis_writes_the_same_bytes_for_the_same_points(engine: Engine) -> None:
    query = text("""
        select ST_AsMVT(point, 'points', 4096, 'shape') from (
            select id::text, n % 2 = 0 as one, ST_MakePoint(n * 13 % 4096, n * 7 % 4096) as shape
              from unnest(cast(:ids as uuid[])) with ordinality as given (id, n)) point
    """)
    ids = [uuid.UUID(int=n**9) for n in range(1, 301)]
    with engine.connect() as connection:
        theirs = bytes(connection.execute(query, {"ids": ids}).scalar_one())

    n = np.arange(1, 301)
    # PostGIS numbers values as they come: an id, no, an id, yes, and then ids.
    first, second, *others = (mvt.uuid_values(each.bytes) for each in ids)
    values: list[bytes | memoryview] = [first, mvt.value(False), second, mvt.value(True), *others]
    facts = np.array((np.where(n < 3, 2 * n - 2, n + 1), np.where(n % 2, 1, 3)))
    ours = mvt.layer("points", ("id", "one"), values, facts, np.array((n * 13, n * 7)) % 4096)

    assert ours == theirs


def test_more_values_than_a_feature_can_name_are_refused() -> None:
    places = np.zeros((2, 1), np.int64)

    assert mvt.layer("a", ("b",), [], np.array([[mvt.MOST_NUMBER - 1]]), places)
    with pytest.raises(ValueError, match="three bytes"):
        mvt.layer("a", ("b",), [], np.array([[mvt.MOST_NUMBER]]), places)


@given(inland, st.integers(0, 18))
def test_a_point_is_where_its_number_and_its_degrees_say(
    place: tuple[float, float], zoom: int
) -> None:
    lon, lat = place
    column, row = quads.axes(lon, lat)
    tile = zoom, column >> quads.BITS - zoom, row >> quads.BITS - zoom

    ((x,), (y,)) = mvt.in_tile(np.array([quads.quad(lon, lat)]), zoom)
    exact = mvt.placed_at(np.array([lon]), np.array([lat]), tile)

    finest = max(1, 1 << zoom - mvt.EXACT_BELOW) if zoom > mvt.EXACT_BELOW else 1
    assert max(abs(x - exact[0, 0]), abs(y - exact[1, 0])) <= finest
    north = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    assert abs((north * 2**zoom - tile[2]) * mvt.STEPS - exact[1, 0] - 0.5) < 0.501


def test_numbers_unweave_as_they_were_woven() -> None:
    pairs = [(n * 37 % 4096, n * 101 % 4096) for n in range(500)]

    columns, rows = mvt.unwoven(np.array([quads.woven(*each) for each in pairs]), 12)

    assert list(zip(columns, rows, strict=True)) == pairs
