"""How fast wards are found: the packed index in process, beside prepared queries to PostGIS.

`python -m bench.locate --url postgresql+psycopg://…` takes the edition in force; without a URL a
private cluster is made and `--wards` (a FlatGeobuf file, gzipped or not) imported. Processor time
throughout, of both sides for PostGIS, which must run on this machine.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from sqlalchemy import create_engine

from api.db import libpq_url
from bench.real_wards import WARDS, installation
from bench.table import Figure, headline, show
from bench.ward_agreement import read_boundaries
from geo.atlas import Atlas, edition_in_force, load_atlas
from geo.index_files import opened, provide
from geo.packed_index import PackedIndex, pack
from geo.routing import Place, route

Points = NDArray[np.float64]

POINTS, ASKED_OF_POSTGIS, WEIGHED = 10_000, 1_500, 20_000
BESIDE_DEGREES = 3e-4
"""Border points are a vertex moved by so much, one sigma: 33 m."""

MOST_VERTICES = 430
"""Wards cut into pieces of at most so many vertices become some 28,000."""

WHOLE = """
    select code from wards
     where edition_id = %s and ST_Covers(boundary, ST_Point(%s, %s, 4326)) order by code limit 1
"""
PIECES = """
    select code from pieces
     where edition_id = %s and ST_Covers(piece, ST_Point(%s, %s, 4326)) order by code limit 1
"""
CUT = """
    create temp table pieces as
    select edition_id, code, ST_Subdivide(boundary, 128) as piece from wards
     where edition_id = %s;
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--url", help="database with an edition in force, as its owner")
    parser.add_argument("--wards", type=Path, default=WARDS)
    parser.add_argument("--weigh", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.weigh:
        print(json.dumps(weigh(options.weigh)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.url:
            measure(options.url, Path(folder), options.rounds)
        else:
            with installation(options.wards) as (_, url):
                measure(url, Path(folder), options.rounds)


def measure(url: str, folder: Path, rounds: int) -> None:
    """All figures."""
    pick = np.random.default_rng(1)
    with create_engine(url).connect() as connection:
        edition = edition_in_force(connection, dt.datetime.now(dt.UTC))
        if edition is None:
            raise SystemExit("No edition is in force: import and activate one first.")
        began = time.process_time()
        atlas = load_atlas(connection, edition.id, folder)
        built = time.process_time() - began
        boundaries = read_boundaries(connection, edition.id)
    places = {
        "uniform": uniform_points(atlas, boundaries, pick),
        "ward": ward_points(boundaries, pick),
        "border": border_points(boundaries, pick),
    }
    file = next(folder.glob("*.index"))
    print(f"{len(atlas.codes):,} wards; made in {built:.1f} s of one core, reading them included;")
    print(f"the file has {file.stat().st_size / 1e6:.0f} MB.")
    compare(url, edition.id, atlas, places, rounds)
    show_memory(file, rounds)
    show_growth(atlas, boundaries, folder, rounds)


def uniform_points(
    atlas: Atlas, boundaries: NDArray[np.object_], pick: np.random.Generator
) -> Points:
    """Anywhere on land."""
    west, south, east, north = shapely.total_bounds(boundaries)
    points = pick.uniform((west, south), (east, north), (POINTS * 12, 2))
    return points[atlas.index.wards_at(*np.ascontiguousarray(points.T)) >= 0][:POINTS]


def ward_points(boundaries: NDArray[np.object_], pick: np.random.Generator) -> Points:
    """In any ward, every ward equally likely, anywhere in it."""
    found: list[Points] = []
    shapely.prepare(boundaries)
    while sum(map(len, found)) < POINTS:
        ward = pick.integers(0, len(boundaries), POINTS)
        west, south, east, north = shapely.bounds(boundaries[ward]).T
        points = pick.uniform(np.stack([west, south], 1), np.stack([east, north], 1))
        found.append(points[shapely.contains_xy(boundaries[ward], points)])
    return np.concatenate(found)[:POINTS]


def border_points(boundaries: NDArray[np.object_], pick: np.random.Generator) -> Points:
    """Beside any vertex."""
    vertices = shapely.get_coordinates(boundaries)
    some = vertices[pick.integers(0, len(vertices), POINTS)]
    return np.asarray(some + pick.normal(0, BESIDE_DEGREES, some.shape))


@dataclass
class Measured:
    """What one kind of points took, a value a round."""

    scalar: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    route: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    pieces: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """What the better query takes for each of what the index takes, one by one."""
        best = [min(pair) for pair in zip(self.whole, self.pieces, strict=True)]
        return [theirs / ours for ours, theirs in zip(self.scalar, best, strict=True)]

    def figures(self, kind: str) -> list[Figure]:
        """As lines of a table."""
        goals = ("≤ 4", "≤ 0.8", "≥ 40") if kind == "ward" else ("", "", "")
        return [
            Figure(f"{kind}: one by one", self.scalar, "µs", goals[0]),
            Figure(f"{kind}: 10,000 at once", self.batch, "µs", goals[1]),
            Figure(f"{kind}: route, accuracy 25 m", self.route, "µs"),
            Figure(f"{kind}: PostGIS, whole wards", self.whole, "µs"),
            Figure(f"{kind}: PostGIS, pieces of 128 vertices", self.pieces, "µs"),
            Figure(f"{kind}: PostGIS's better one / one by one", self.ratios, "", goals[2]),
        ]


def compare(
    url: str, edition_id: int, atlas: Atlas, places: dict[str, Points], rounds: int
) -> None:
    """The index and PostGIS in turns."""
    measured = {kind: Measured() for kind in places}
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        connection.prepare_threshold = 0
        connection.execute(CUT, [edition_id])
        connection.execute("create index on pieces using gist (piece)")
        connection.execute("analyze pieces")
        for _ in range(rounds):
            for kind, points in places.items():
                asked = [tuple(point) for point in points.tolist()]
                figures = measured[kind]
                figures.scalar.append(cpu_us(atlas.index.ward_at, asked))
                figures.batch.append(batch_us(atlas.index, points))
                figures.route.append(
                    cpu_us(lambda lon, lat: route(atlas, Place(lon, lat, 25.0, "gps")), asked)
                )
                some = asked[:ASKED_OF_POSTGIS]
                figures.whole.append(round_trip_us(connection, WHOLE, edition_id, some))
                figures.pieces.append(round_trip_us(connection, PIECES, edition_id, some))
    lines = [line for kind, figures in measured.items() for line in figures.figures(kind)]
    show("A ward for a point, processor time a point", lines)
    headline("A ward for a point, in process", "a prepared PostGIS query", measured["ward"].ratios)


def cpu_us(ask: Callable[[float, float], Any], points: list[tuple[float, ...]]) -> float:
    """Microseconds a point of this process."""
    began = time.process_time()
    for lon, lat in points:
        ask(lon, lat)
    return (time.process_time() - began) / len(points) * 1e6


def batch_us(index: Any, points: Points) -> float:
    """The same, all at once."""
    lons, lats = np.ascontiguousarray(points.T)
    began = time.process_time()
    index.wards_at(lons, lats)
    return (time.process_time() - began) / len(points) * 1e6


def round_trip_us(
    connection: psycopg.Connection[Any],
    query: str,
    edition_id: int,
    points: list[tuple[float, ...]],
) -> float:
    """Microseconds a point of this process and of the server's that answers it."""
    cursor = connection.cursor()

    def ask(lon: float, lat: float) -> None:
        cursor.execute(query, (edition_id, lon, lat), prepare=True).fetchone()

    cpu_us(ask, points[:50])
    server = connection.info.backend_pid
    before = process_s(server)
    client = cpu_us(ask, points)
    return client + (process_s(server) - before) / len(points) * 1e6


def process_s(pid: int) -> float:
    """Processor seconds a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def show_memory(file: Path, rounds: int) -> None:
    """What each of several processes needs for itself, while this one uses the file too."""
    arrays = opened(file)
    touched = [array.max(initial=0) for array in arrays.values()]
    weighed = [
        json.loads(
            subprocess.run(
                [sys.executable, "-m", "bench.locate", "--weigh", str(file)],
                check=True, capture_output=True, text=True,
            ).stdout
        )
        for _ in range(rounds)
    ]  # fmt: skip
    assert len(touched) == len(arrays)
    show(
        f"Another process opens the file and asks about {WEIGHED:,} points",
        [
            Figure("open", [one["open_ms"] for one in weighed], "ms", "≤ 10"),
            Figure("private memory more", [one["private_mb"] for one in weighed], "MB", "0"),
            Figure("shared memory more", [one["shared_mb"] for one in weighed], "MB"),
        ],
    )


def weigh(file: Path) -> dict[str, float]:
    """What opening and using the file adds to this process."""
    pick = np.random.default_rng(2)
    points = pick.uniform((103, 9), (109, 23), (WEIGHED, 2)).tolist()
    before = memory_mb()
    began = time.perf_counter()
    index = PackedIndex(opened(file))
    open_ms = (time.perf_counter() - began) * 1e3
    for lon, lat in points:
        index.ward_at(lon, lat)
    private, shared = (after - was for after, was in zip(memory_mb(), before, strict=True))
    return {"open_ms": open_ms, "private_mb": private, "shared_mb": shared}


def memory_mb() -> tuple[float, float]:
    """Private and shared memory of this process."""
    kinds = {"Private": 0.0, "Shared": 0.0}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, amount = line.split()[:2]
        kind = name.partition("_")[0]
        if kind in kinds:
            kinds[kind] += int(amount) / 1024
    return kinds["Private"], kinds["Shared"]


def show_growth(atlas: Atlas, boundaries: NDArray[np.object_], folder: Path, rounds: int) -> None:
    """From the wards of Hà Nội to 28,000 pieces."""
    capital = np.array([ward.province_code == "01" for ward in atlas.wards.values()])
    figures = []
    for shapes in (boundaries[capital], boundaries, cut(boundaries)):
        began = time.process_time()
        arrays = provide(folder, str(len(shapes)), partial(pack, shapes, overlaps=[]))
        made = time.process_time() - began
        index = PackedIndex(arrays)
        size = (folder / f"{len(shapes)}.index").stat().st_size / 1e6
        points = ward_points(shapes, np.random.default_rng(3))
        asked = [tuple(point) for point in points.tolist()]
        scalar, batch = [], []
        for _ in range(rounds):
            scalar.append(cpu_us(index.ward_at, asked))
            batch.append(batch_us(index, points))
        name = f"{len(shapes):,} areas, {size:.0f} MB, made in {made:.1f} s"
        figures += [
            Figure(f"{name}: one by one", scalar, "µs"),
            Figure(f"{name}: 10,000 at once", batch, "µs"),
        ]
    show("Points in any area, by the number of areas", figures)


def cut(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Halve whatever has too many vertices, as ST_Subdivide does."""
    done: list[NDArray[np.object_]] = []
    while len(shapes):
        many = shapely.get_num_coordinates(shapes) > MOST_VERTICES
        done.append(shapes[~many])
        shapes = shapes[many]
        west, south, east, north = shapely.bounds(shapes).T
        wide = east - west > north - south
        middle_x = np.where(wide, (west + east) / 2, east)
        middle_y = np.where(wide, north, (south + north) / 2)
        low = shapely.box(west, south, middle_x, middle_y)
        high = shapely.box(
            np.where(wide, middle_x, west), np.where(wide, south, middle_y), east, north
        )
        halves = np.concatenate([shapely.intersection(shapes, half) for half in (low, high)])
        shapes = halves[shapely.area(halves) > 0]
    pieces = np.concatenate(done)
    return np.asarray(pieces[np.isin(shapely.get_type_id(pieces), (3, 6))])


if __name__ == "__main__":
    main()
