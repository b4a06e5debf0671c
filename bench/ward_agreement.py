"""Does the index in memory find the wards that PostGIS finds? Asks both about many points.

    python -m bench.ward_agreement --points 1000000 --border 100000

Makes a private cluster with real wards; with `--url` (postgresql+psycopg://…) it takes the edition
in force there. Random points lie in the boxes of random wards; border points are
vertices, middles of edges, and places up to some 20 m beside them. Ends with 1 if any differs.
"""

import argparse
import datetime as dt
import time
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rich.progress import track
from sqlalchemy import Connection, create_engine, text

from bench.real_wards import WARDS, installation
from geo.atlas import Atlas, edition_in_force, load_atlas

BATCH = 100_000
"""Points asked about at once: every batch makes PostGIS read all wards."""

Points = NDArray[np.float64]

FIRST_COVERING = """
    select i, min(code)
      from wards cross join lateral (
               select i from asked where ST_Covers(boundary, spot) offset 0) as inside
     where edition_id = :edition group by i
"""
"""`offset 0` keeps the wards outermost, so that PostGIS prepares each only once."""


def main() -> int:
    """Compare, and print how many points differ."""
    options = read_options()
    if options.url:
        return compare_in(options.url, options)
    with installation(options.wards) as (_, url):
        return compare_in(url, options)


def compare_in(url: str, options: argparse.Namespace) -> int:
    """Compare by the edition in force in a database."""
    pick = np.random.default_rng(options.seed)
    with create_engine(url).connect() as connection:
        edition = edition_in_force(connection, dt.datetime.now(dt.UTC))
        if edition is None:
            print("No edition is in force: import and activate one first.")
            return 2
        began = time.perf_counter()
        atlas = load_atlas(connection, edition.id)
        print(f"Edition {edition.id}, {len(atlas.codes)} wards, {elapsed(began)} to read.")
        boundaries = read_boundaries(connection, edition.id)
        differ = [
            compare(connection, atlas, random_points(boundaries, options.points, pick), "random"),
            compare(connection, atlas, border_points(boundaries, options.border, pick), "border"),
        ]
    print("\n| random points | differ | border points | differ |\n| --- | --- | --- | --- |")
    print(f"| {options.points:,} | {differ[0]:,} | {options.border:,} | {differ[1]:,} |")
    return 1 if sum(differ) else 0


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index and PostGIS, compared.")
    parser.add_argument("--points", type=int, default=1_000_000, help="random points")
    parser.add_argument("--border", type=int, default=100_000, help="points at and near borders")
    parser.add_argument("--url", help="database with an edition in force, as its owner")
    parser.add_argument("--wards", type=Path, default=WARDS)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def elapsed(began: float) -> str:
    """Seconds since."""
    return f"{time.perf_counter() - began:.1f} s"


def read_boundaries(connection: Connection, edition_id: int) -> NDArray[np.object_]:
    """The polygons to choose points from."""
    found = connection.scalars(
        text("select ST_AsBinary(boundary) from wards where edition_id = :id order by code"),
        {"id": edition_id},
    )
    return np.asarray(shapely.from_wkb(np.array(found.all(), dtype=np.object_)))


def random_points(boundaries: NDArray[np.object_], count: int, pick: np.random.Generator) -> Points:
    """Each anywhere in the box of a ward, every ward equally likely."""
    west, south, east, north = shapely.bounds(boundaries).T
    ward = pick.integers(0, len(boundaries), count)
    return np.column_stack(
        [pick.uniform(west[ward], east[ward]), pick.uniform(south[ward], north[ward])]
    )


def border_points(boundaries: NDArray[np.object_], count: int, pick: np.random.Generator) -> Points:
    """A third on vertices, a third half way between two, a third up to some 20 m beside them."""
    rings = shapely.get_rings(shapely.get_parts(boundaries))
    vertices, ring = shapely.get_coordinates(rings, return_index=True)
    edges = np.flatnonzero(ring[1:] == ring[:-1])
    at = pick.choice(edges, count)
    first, second = vertices[at], vertices[at + 1]
    kind = pick.integers(0, 3, (count, 1))
    beside = first + pick.normal(0, 1e-4, (count, 2))
    return np.asarray(np.where(kind == 0, first, np.where(kind == 1, (first + second) / 2, beside)))


def compare(connection: Connection, atlas: Atlas, points: Points, kind: str) -> int:
    """How many points have another first ward in PostGIS than in the index."""
    differ = covered = 0
    in_memory = in_postgis = 0.0
    for start in track(range(0, len(points), BATCH), description=f"{kind} points"):
        batch = points[start : start + BATCH]
        began = time.perf_counter()
        wards = atlas.index.wards_at(*np.ascontiguousarray(batch.T))
        in_memory += time.perf_counter() - began
        singles = [atlas.index.ward_at(lon, lat) for lon, lat in batch.tolist()]
        if singles != wards.tolist():
            raise AssertionError("One by one, points get other wards than all at once.")
        began = time.perf_counter()
        expected = ask_postgis(connection, atlas.edition_id, batch)
        in_postgis += time.perf_counter() - began
        for i, ward in enumerate(wards.tolist()):
            code = None if ward < 0 else atlas.codes[ward]
            covered += code is not None
            if code != expected.get(i):
                differ += 1
                lon, lat = batch[i]
                print(f"  {lon!r} {lat!r}: index {code}, PostGIS {expected.get(i)}")
    print(
        f"{len(points):,} {kind} points, {covered:,} of them in a ward: {differ} differ."
        f" Index {in_memory / max(len(points), 1) * 1e6:.1f} us a point,"
        f" PostGIS {in_postgis / max(len(points), 1) * 1e6:.1f} us."
    )
    return differ


def ask_postgis(connection: Connection, edition_id: int, points: Points) -> dict[int, str]:
    """For each point that a ward covers, the lowest code."""
    connection.execute(text("drop table if exists asked"))
    connection.execute(text("create temp table asked (i int, spot geometry(point, 4326))"))
    connection.execute(
        text("""
            insert into asked
            select i, ST_Point(lon, lat, 4326)
              from unnest(cast(:lons as float8[]), cast(:lats as float8[]))
                   with ordinality as given (lon, lat, n), lateral (select n - 1 as i) as zero_based
        """),
        {"lons": points[:, 0].tolist(), "lats": points[:, 1].tolist()},
    )
    connection.execute(text("create index on asked using gist (spot)"))
    connection.execute(text("analyze asked"))
    found = connection.execute(text(FIRST_COVERING), {"edition": edition_id})
    return dict(map(tuple, found))


if __name__ == "__main__":
    raise SystemExit(main())
