"""Where the wards of an edition overlap, and where they leave holes between them.

Neighbours in good data share their vertices bit for bit. Every edge drawn once in each direction
is therefore dropped by sorting, and only the rest (coasts, outer borders, faults: about a
fourteenth of all) is cut at its crossings and assembled into faces. A face in no ward is a gap, one
in several is an overlap. The answers equal those of intersecting every pair of neighbours and
uniting the whole country, at about a tenth of the cost.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.shapes import Shapes, area_m2, width_m

NOISE_M2 = 1e-6
"""Faces below a square millimetre are rounding of crossings, not land."""

SLIVER_M = 1.0
"""Narrower overlaps and gaps are called slivers: no fix is that exact."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Land that two wards claim, `codes` in order; `width_m` is that of the widest piece."""

    codes: tuple[str, str]
    area_m2: float
    width_m: float
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Gap:
    """An enclosed hole in the coverage: land that no ward claims."""

    hole: Any
    area_m2: float
    width_m: float


@dataclass(frozen=True, slots=True)
class Topology:
    """The faults of a coverage, largest first."""

    overlaps: list[Overlap]
    gaps: list[Gap]


def examine(codes: list[str], boundaries: Shapes) -> Topology:
    """Find every overlap and enclosed gap of valid polygons, EPSG:4326."""
    if len(boundaries) == 0:
        return Topology([], [])
    cut = shapely.unary_union(unmatched_lines(boundaries))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(cut)))
    faces = faces[area_m2(faces) > NOISE_M2]
    inside = shapely.STRtree(boundaries).query(
        shapely.point_on_surface(faces), predicate="intersects"
    )[0]
    claims = np.bincount(inside, minlength=len(faces))
    return Topology(
        overlaps=find_overlaps(codes, boundaries, faces[claims > 1]),
        gaps=describe_gaps(faces[claims == 0]),
    )


def mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread 64-bit keys in place (the finaliser of MurmurHash3, a bijection)."""
    shift = np.uint64(33)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        bits ^= bits >> shift
        bits *= np.uint64(factor)
    bits ^= bits >> shift
    return bits


def unmatched_lines(boundaries: Shapes) -> Shapes:
    """The edges not drawn equally often in both directions, as lines along their rings.

    Edges are told apart by a 64-bit hash of their end points that does not depend on the
    direction: among four million edges two share a hash once in two million countries.
    """
    points, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(shapely.orient_polygons(boundaries))),
        return_index=True,
    )
    points += 0.0  # so that -0.0 and 0.0 are one coordinate
    bits = points.view(np.uint64)
    vertex = mix(bits[:, 0].copy())
    vertex *= np.uint64(31)
    vertex += bits[:, 1]
    mix(vertex)
    key = vertex[:-1] + vertex[1:]
    direction = np.where(vertex[:-1] < vertex[1:], np.int8(1), np.int8(-1))
    direction[vertex[:-1] == vertex[1:]] = 0
    direction[ring[:-1] != ring[1:]] = 0
    del vertex, bits

    order = np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    net = np.add.reduceat(direction[order], first, dtype=np.int64)
    kept = np.sort(order[first[net != 0]])
    del key, order, first
    return chained(points, ring, kept)


def chained(
    points: NDArray[np.float64], ring: NDArray[np.int64], edges: NDArray[np.int64]
) -> Shapes:
    """Edges (`i` joins point `i` to `i + 1`) as lines, consecutive ones of a ring in one line."""
    if len(edges) == 0:
        return np.array([], dtype=object)
    begins = np.ones(len(edges), dtype=bool)
    begins[1:] = (np.diff(edges) != 1) | (np.diff(ring[edges]) != 0)
    line = np.cumsum(begins) - 1
    starts = edges[begins]
    vertices = np.concatenate([starts, edges + 1])
    lines = np.concatenate([np.arange(len(starts)), line])
    along = np.lexsort((vertices, lines))
    drawn: Shapes = shapely.linestrings(points[vertices[along]], indices=lines[along])
    return drawn


def find_overlaps(codes: list[str], boundaries: Shapes, faces: Shapes) -> list[Overlap]:
    """The pairs of wards that share part of any of the faces; largest area first."""
    pieces: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    claimed: defaultdict[int, list[tuple[str, Any]]] = defaultdict(list)
    for face, ward in zip(
        *shapely.STRtree(boundaries).query(faces, predicate="intersects"), strict=True
    ):
        claimed[face].append((codes[ward], shapely.intersection(faces[face], boundaries[ward])))
    for claims in claimed.values():
        for (one, here), (other, there) in combinations(sorted(claims, key=lambda c: c[0]), 2):
            shared = shapely.intersection(here, there)
            if one != other and shared.area > 0:
                pieces[one, other].append(shared)
    found = []
    for pair, shapes in pieces.items():
        shared = np.array(shapes, dtype=object)
        areas = area_m2(shared)
        if areas.sum() > NOISE_M2:
            spot = shapely.point_on_surface(shared[areas.argmax()])
            widest = float(width_m(shared, areas).max())
            found.append(Overlap(pair, float(areas.sum()), widest, spot.x, spot.y))
    return sorted(found, key=lambda overlap: (-overlap.area_m2, overlap.codes))


def describe_gaps(holes: Shapes) -> list[Gap]:
    """The holes with their sizes, largest first."""
    areas = area_m2(holes)
    widths = width_m(holes, areas)
    return [Gap(holes[i], float(areas[i]), float(widths[i])) for i in np.argsort(-areas)]
