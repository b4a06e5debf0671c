"""PostGIS as the judge of what the index says: the same questions asked in SQL."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from geo.plane import Floats


def draw(connection: Connection, shapes: Sequence[Any]) -> None:
    """Tell PostGIS the wards: table `drawn`, numbered in order."""
    connection.execute(text("create temp table drawn (n int, boundary geometry) on commit drop"))
    connection.execute(text("alter table drawn alter boundary set storage external"))
    connection.execute(
        text("insert into drawn values (:n, ST_GeomFromWKB(:wkb, 4326))"),
        [{"n": n, "wkb": shapely.to_wkb(shape)} for n, shape in enumerate(shapes)],
    )
    connection.execute(text("create index on drawn using gist (boundary)"))
    connection.execute(text("analyze drawn"))


def covers(connection: Connection, lons: Floats, lats: Floats) -> NDArray[np.int32]:
    """What PostGIS says: the first ward that covers each point, or -1."""
    found = connection.scalars(
        text("""
            select coalesce((select min(n) from drawn
                              where ST_Covers(boundary, ST_Point(lon, lat, 4326))), -1)
              from unnest(cast(:lons as float8[]), cast(:lats as float8[]))
                   with ordinality as points (lon, lat, i)
             order by i
        """),
        {"lons": lons.tolist(), "lats": lats.tolist()},
    )
    return np.array(found.all(), dtype=np.int32)


def sampled_shares(
    connection: Connection, lon: float, lat: float, radius_m: float, count: int = 20_000
) -> dict[int, float]:
    """Shares by counting points spread evenly over the disc, placed on the ellipsoid by PostGIS."""
    rows = connection.execute(
        text("""
            select n, count(*) / cast(:count as float8) as share
              from (select (select min(n) from drawn where ST_Covers(boundary, spot)) as n
                      from (select ST_Project(cast(ST_Point(:lon, :lat, 4326) as geography),
                                              :radius * sqrt((i - 0.5) / :count),
                                              i * pi() * (3 - sqrt(5)))::geometry as spot
                              from generate_series(1, :count) as i) as sunflower) as found
             where n is not null group by n
        """),
        {"lon": lon, "lat": lat, "radius": radius_m, "count": count},
    )
    return {row.n: row.share for row in rows}


def assert_same_shares(
    found: list[tuple[int, float]], expected: dict[int, float], within: float
) -> None:
    """Every share is as expected, and those too small for the sample are small."""
    assert [ward for ward, _ in found] == sorted(ward for ward, _ in found)
    for ward in expected.keys() | dict(found).keys():
        assert dict(found).get(ward, 0) == pytest.approx(expected.get(ward, 0), abs=within)


def true_distance(connection: Connection, ward: int, lon: float, lat: float) -> float:
    """Metres to a ward's border by PostGIS; edges straight in degrees become many short ones."""
    found: float = connection.execute(
        text("""
            select ST_Distance(
                     cast(ST_Segmentize(ST_Boundary(boundary), 0.0002) as geography),
                     cast(ST_Point(:lon, :lat, 4326) as geography))
              from drawn where n = :n
        """),
        {"n": ward, "lon": lon, "lat": lat},
    ).scalar_one()
    return found
