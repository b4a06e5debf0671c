"""The borders of many areas, for what happens within some metres of a point.

Every ring is cut into runs of at most `RUN` edges with a box each. A question looks at the boxes
first and at single edges only in the runs near the point. Plain arrays, which may be a file shared
by many processes, and no geometry engine: borders of any shape, valid or not, have an answer.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.plane import (
    Floats,
    azimuthal,
    box_round,
    disc_shares,
    distances,
    metres_per_degree,
    scaled,
)

Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]
Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name, in memory or in a file."""

RUN = 32
"""Edges in a run: half makes the boxes cost more than the edges they save, double the reverse."""

SCALED_UP_TO_M = 5_000.0
"""Discs up to this radius are measured in the scaled plane, larger ones in the azimuthal one."""


def outline(areas: Geometries) -> dict[str, NDArray[Any]]:
    """The arrays of `Borders` for (multi)polygons; the areas are on the left of their rings."""
    west, south, east, north = shapely.bounds(areas).T if len(areas) else np.empty((4, 0))
    middle = np.nan_to_num((south + north) / 2)
    scales = [math.prod(metres_per_degree(lat)) for lat in middle.tolist()]
    rings, owners, holes = _rings(shapely.orient_polygons(areas))
    lengths = np.array([len(ring) for ring in rings], dtype=np.int64)
    xy: Floats = np.concatenate(rings) if rings else np.empty((0, 2))
    ring_ends = np.cumsum(lengths)
    ring_owner = np.array(owners, dtype=np.int64)

    runs = -((1 - lengths) // RUN)
    ring = np.repeat(np.arange(len(lengths)), runs)
    starts = (ring_ends - lengths)[ring] + RUN * _ramp(runs)
    ends = np.minimum(starts + RUN, (ring_ends - 1)[ring])
    return {
        "xy": xy,
        "ring_ends": ring_ends,
        "ring_owner": ring_owner,
        "ring_sign": np.where(np.array(holes, dtype=np.bool_), -1.0, 1.0),
        "ring": ring,
        "starts": starts,
        "ends": ends,
        "first_run": np.searchsorted(ring_owner[ring], np.arange(len(areas) + 1)),
        "boxes": _boxes(xy, starts, ends),
        "around": np.column_stack([west, south, -east, -north]),
        "areas_m2": shapely.area(areas) * scales,
    }


def _boxes(xy: Floats, starts: Ints, ends: Ints) -> Floats:
    """West, south, -east, -north of each run, its last vertex included.

    Signs as `_meet` wants them: it takes one comparison instead of four.
    """
    if not len(starts):
        return np.empty((0, 4))
    low, high = np.minimum.reduceat(xy, starts), np.maximum.reduceat(xy, starts)
    return np.concatenate([np.minimum(low, xy[ends]), -np.maximum(high, xy[ends])], axis=1)


class Borders:
    """The rings of areas, known by their position; from the arrays that `outline` makes."""

    def __init__(self, arrays: Arrays) -> None:
        self._xy: Floats = arrays["xy"]
        self._ring_owner: Ints = arrays["ring_owner"]
        self._ring_sign: Floats = arrays["ring_sign"]
        self._ring: Ints = arrays["ring"]
        self._starts: Ints = arrays["starts"]
        self._ends: Ints = arrays["ends"]
        self._first_run: Ints = arrays["first_run"]
        self._boxes: Floats = arrays["boxes"]
        self._around: Floats = arrays["around"]
        self._areas_m2: Floats = arrays["areas_m2"]

    def disc(self, lon: float, lat: float, radius_m: float) -> tuple[Ints, Floats]:
        """The areas whose box meets a disc, in order, and how many m2 of the disc each has."""
        large = radius_m > SCALED_UP_TO_M
        # In the azimuthal plane a long straight edge bends a little: look a little further.
        box = box_round(lon, lat, radius_m * 1.02 if large else radius_m)
        areas = _meet(self._around, box).nonzero()[0]
        if not len(areas):
            return areas, np.zeros(0)
        runs = self._runs_of(areas)
        near = _meet(self._boxes[runs], box)
        inside = self._wholly_inside(areas, lon, lat, radius_m) if large else np.zeros(0, np.int64)
        if len(inside):
            crossed = ~np.isin(self._ring_owner[self._ring[runs]], inside)
            runs, near = runs[crossed], near[crossed]
        found = np.zeros(len(areas))
        found[np.searchsorted(areas, inside)] = self._areas_m2[inside]
        # A run outside the box may as well be the straight line between its ends: seen from the
        # centre both turn through the same angle, and neither enters the disc.
        ends, starts = self._ends[runs], self._starts[runs]
        count = np.where(near, ends - starts, 1)
        a = np.repeat(starts, count) + _ramp(count)
        b = np.where(np.repeat(near, count), a + 1, np.repeat(ends, count))
        ring = np.repeat(self._ring[runs], count)
        (ax, ay), (bx, by) = self._xy[a].T, self._xy[b].T
        if large:
            split = _split_count(lat, radius_m / 4, bx - ax, by - ay)
            split[~np.repeat(near, count)] = 1
            ax, ay, bx, by = _split(split, ax, ay, bx, by)
            ring = np.repeat(ring, split)
        project = azimuthal if large else scaled
        shares = disc_shares(
            *project(lon, lat, ax, ay), *project(lon, lat, bx, by), radius=radius_m
        )
        # Which way round a ring runs does not matter: its share is all of one sign.
        rings, ring = np.unique(ring, return_inverse=True)
        signed = self._ring_sign[rings] * np.abs(np.bincount(ring, shares, len(rings)))
        np.add.at(found, np.searchsorted(areas, self._ring_owner[rings]), signed)
        return areas, found

    def nearest(self, lon: float, lat: float, within_m: float) -> list[tuple[int, float]]:
        """Areas whose border is within so many metres, nearest first; of equals the first listed.

        Good for some tens of kilometres. Equal means: to the millimetre.
        """
        box = box_round(lon, lat, within_m)
        runs = self._runs_of(_meet(self._around, box).nonzero()[0])
        runs = runs[_meet(self._boxes[runs], box)]
        if not len(runs):
            return []
        owners, first, own = np.unique(
            self._ring_owner[self._ring[runs]], return_index=True, return_inverse=True
        )
        upper = np.minimum.reduceat(distances(lon, lat, *self._xy[self._starts[runs]].T), first)
        worth = self._box_distances(runs, lon, lat) <= np.minimum(upper, within_m)[own] + 0.01
        x, y = self._feet(runs[worth], lon, lat).T
        east, north = metres_per_degree(lat)
        metres = distances(lon, lat, lon + x / east, lat + y / north)
        edges = (self._ends - self._starts)[runs[worth]]
        least = np.full(len(owners), np.inf)
        np.minimum.at(least, np.repeat(own[worth], edges), metres)
        order = np.lexsort((owners, np.round(least, 3)))
        return [(int(owners[i]), float(least[i])) for i in order if least[i] <= within_m]

    def _runs_of(self, areas: Ints) -> Ints:
        first = self._first_run[areas]
        count = self._first_run[areas + 1] - first
        return np.repeat(first, count) + _ramp(count)

    def _box_distances(self, runs: Ints, lon: float, lat: float) -> Floats:
        """Never more than the metres to any edge of the run, and little less."""
        west, south, east, north = self._boxes[runs].T
        return 0.99 * distances(lon, lat, np.clip(lon, west, -east), np.clip(lat, south, -north))

    def _feet(self, runs: Ints, lon: float, lat: float) -> Floats:
        """The nearest point of every edge of these runs: x and y in the scaled plane."""
        pieces = self._pieces(runs)
        centre, scale = np.array([lon, lat]), np.array(metres_per_degree(lat))
        a = (np.concatenate([piece[:-1] for piece in pieces]) - centre) * scale
        b = (np.concatenate([piece[1:] for piece in pieces]) - centre) * scale
        edge = b - a
        length2 = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-30)
        along = np.einsum("ij,ij->i", a, edge) / -length2
        return np.asarray(a + np.minimum(np.maximum(along, 0.0), 1.0)[:, None] * edge)

    def _pieces(self, runs: Ints) -> list[Floats]:
        """The vertices of each run, both ends included."""
        ends = zip(self._starts[runs].tolist(), self._ends[runs].tolist(), strict=True)
        return [self._xy[start : end + 1] for start, end in ends]

    def _wholly_inside(self, areas: Ints, lon: float, lat: float, radius_m: float) -> Ints:
        """Areas whose box lies in the disc."""
        west, south, east, north = self._around[areas].T
        corners = [(x, y) for x in (west, -east) for y in (south, -north)]
        farthest = np.max([distances(lon, lat, x, y) for x, y in corners], axis=0)
        return np.asarray(areas[farthest < radius_m * 0.999])


def _rings(areas: Geometries) -> tuple[list[Floats], list[int], list[bool]]:
    """Vertices of every ring in order of `areas`, whose it is, and whether it is a hole."""
    rings: list[Floats] = []
    owners: list[int] = []
    holes: list[bool] = []
    for position, area in enumerate(areas):
        for ring, hole in _rings_of_wkb(shapely.to_wkb(area, output_dimension=2, byte_order=1)):
            rings.append(ring)
            owners.append(position)
            holes.append(hole)
    return rings, owners, holes


def _rings_of_wkb(wkb: bytes) -> Iterator[tuple[Floats, bool]]:
    """Rings of a little-endian (multi)polygon, read in place: ten times quicker than one by one."""
    kind, parts = struct.unpack_from("<II", wkb, 1)
    at = 9
    if kind == 3:
        at, parts = 0, 1
    for _ in range(parts):
        (count,) = struct.unpack_from("<I", wkb, at + 5)
        at += 9
        for index in range(count):
            (vertices,) = struct.unpack_from("<I", wkb, at)
            ring = np.frombuffer(wkb, "<f8", vertices * 2, at + 4).reshape(-1, 2)
            at += 4 + vertices * 16
            yield ring, index > 0


def _meet(boxes: Floats, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Which boxes, each given as west, south, -east, -north, meet this one (all signs plain)."""
    west, south, east, north = box
    inside: NDArray[np.bool_] = np.less_equal(boxes, np.array([east, north, -west, -south]))
    return np.asarray(inside.all(axis=1))


def _ramp(counts: Ints) -> Ints:
    """0, 1, 2 … for each count: [3, 1, 2] gives [0, 1, 2, 0, 0, 1]."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) - np.repeat(ends - counts, counts))


def _split_count(lat: float, longest_m: float, dx: Floats, dy: Floats) -> Ints:
    """Into how many pieces each edge goes, so that bending it does not show in the disc."""
    east, north = metres_per_degree(lat)
    pieces = np.ceil(np.hypot(dx * east, dy * north) / longest_m)
    return np.asarray(np.maximum(pieces, 1), dtype=np.int64)


def _split(
    pieces: Ints, ax: Floats, ay: Floats, bx: Floats, by: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Every edge in so many equal pieces, in order."""
    step = _ramp(pieces)
    n = np.repeat(pieces, pieces)
    ax, ay, bx, by = (np.repeat(v, pieces) for v in (ax, ay, bx, by))
    t, u = step / n, (step + 1) / n
    return (
        ax + t * (bx - ax),
        ay + t * (by - ay),
        np.where(step + 1 < n, ax + u * (bx - ax), bx),
        np.where(step + 1 < n, ay + u * (by - ay), by),
    )
