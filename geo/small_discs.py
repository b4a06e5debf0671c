"""How much of a small disc each area has, from the borders in the few cells it touches.

An area that covers the centre has all of the disc, any other nothing, but for what borders cut off:
each edge that enters the disc moves the piece between its chord and the arc from one side to the
other. Areas are on the left of their borders.
"""

import math
from collections.abc import Container, Sequence

from geo.cells import AREA, Cells
from geo.plane import metres_per_degree

CLOSEST_M = 1e-6
"""On which side of an edge the centre is decides about half of the disc: nearer than this, rounding
could."""


def parts_of(
    cells: Cells,
    lon: float,
    lat: float,
    radius_m: float,
    covering: Sequence[int],
    ceding: Container[int],
) -> dict[int, float] | None:
    """Which part of the disc is in which area; some parts may be nothing.

    `covering` are the areas that cover its centre. None when it is not so simple: the disc is
    large, its centre is on a border, or there is an area of those `ceding` in its cells.
    """
    met = cells.around(lon, lat, radius_m)
    if len(met) == 1 and (cell := next(iter(met))) > 0:
        return {(cell & AREA) - 1: 1.0}
    if not met:
        return None
    scale = metres_per_degree(lat)
    parts = dict.fromkeys(covering, 1.0)
    seen: set[int] = set()
    for cell in met:
        if cell >= 0:
            continue
        for area, stretches in cells.listed(cell):
            if area in ceding:
                return None
            for first, stretch in stretches:
                cut = _cut_off(stretch, first, (lon, lat), scale, radius_m, seen)
                if cut is None:
                    return None
                parts[area] = parts.get(area, 0.0) + cut
    return parts


def _cut_off(
    stretch: list[float],
    first: int,
    centre: tuple[float, float],
    scale: tuple[float, float],
    radius: float,
    seen: set[int],
) -> float | None:
    """What part of the disc a line adds to the area on its left; None when it is too near.

    `first` numbers its edges, from that one on; those `seen` do not count again.
    """
    (lon, lat), (east, north) = centre, scale
    numbers = iter(stretch)
    bx, by = (next(numbers) - lon) * east, (next(numbers) - lat) * north
    added = 0.0
    for edge, (x, y) in enumerate(zip(numbers, numbers, strict=True), first):
        ax, ay, bx, by = bx, by, (x - lon) * east, (y - lat) * north
        if (
            (ax > radius and bx > radius)
            or (ax < -radius and bx < -radius)
            or (ay > radius and by > radius)
            or (ay < -radius and by < -radius)
        ):
            continue
        dx, dy = bx - ax, by - ay
        length2 = dx * dx + dy * dy
        aside = ax * dy - ay * dx
        root2 = length2 * radius * radius - aside * aside
        if root2 <= 0 or edge in seen:
            continue
        half, root = ax * dx + ay * dy, math.sqrt(root2)
        enter, leave = max((-half - root) / length2, 0.0), min((root - half) / length2, 1.0)
        if enter >= leave:
            continue
        seen.add(edge)
        px, py, qx, qy = ax + enter * dx, ay + enter * dy, ax + leave * dx, ay + leave * dy
        cross, dot = px * qy - py * qx, px * qx + py * qy
        if aside * aside < CLOSEST_M * CLOSEST_M * length2 and dot <= CLOSEST_M:
            return None
        added += cross - radius * radius * math.atan2(cross, dot)
    return added / (2 * math.pi * radius * radius)
