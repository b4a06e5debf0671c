"""Walking from a known corner up and then right to a point, and counting the borders crossed.

The walk runs at `x0` from `y0` to just above `y`, and there from `x0` to `x`. No vertex has the
longitude `x0` and no edge runs through the corner: `geo.packing` sees to that. So every
crossing is one, and a point that lies on no edge is inside if and only if the corner is and the
number of crossings is even, or the corner is not and it is odd.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo.plane import Floats

Point = tuple[float, float]
Flags = NDArray[np.bool_]

ROUNDING = 4e-16
"""The sign of a cross product is certain beyond this part of the sum of its two terms."""


def side(a: Point, b: Point, p: Point) -> int:
    """1 when `p` is left of the line from `a` to `b`, -1 right of it, 0 on it. Without rounding."""
    one, other = (b[0] - a[0]) * (p[1] - a[1]), (p[0] - a[0]) * (b[1] - a[1])
    found = one - other
    # Below some 1e-290 products underflow.
    if abs(found) > ROUNDING * (abs(one) + abs(other)) + 1e-290:
        return 1 if found > 0 else -1
    (ax, ay), (bx, by), (px, py) = ((Fraction(x), Fraction(y)) for x, y in (a, b, p))
    exact = (bx - ax) * (py - ay) - (px - ax) * (by - ay)
    return (exact > 0) - (exact < 0)


def ends_inside(
    stretches: Iterable[Sequence[Point]], corner: Point, corner_inside: bool, point: Point
) -> bool:
    """Whether a closed area covers the point; without rounding.

    `stretches` are the parts of its border that meet a box with the corner and the point in it.
    """
    inside = corner_inside
    for stretch in stretches:
        for a, b in pairwise(stretch):
            if on_edge(a, b, point):
                return True
            inside ^= crossed_right(a, b, corner, point) ^ crossed_up(a, b, corner, point)
    return inside


def on_edge(a: Point, b: Point, point: Point) -> bool:
    """Whether the edge holds the point."""
    x, y = point
    return (
        min(a[0], b[0]) <= x <= max(a[0], b[0])
        and min(a[1], b[1]) <= y <= max(a[1], b[1])
        and side(a, b, point) == 0
    )


def crossed_right(a: Point, b: Point, corner: Point, point: Point) -> bool:
    """Whether the edge crosses the latitude just above the point's between corner and point."""
    y = point[1]
    if (a[1] > y) == (b[1] > y):
        return False
    low, high = (a, b) if a[1] < b[1] else (b, a)
    at_corner = side(low, high, (corner[0], y))
    if at_corner == 0:
        # Just above, the edge is right of the corner when it leans to the right.
        at_corner = 1 if high[0] > low[0] else -1
    return at_corner != side(low, high, point)


def crossed_up(a: Point, b: Point, corner: Point, point: Point) -> bool:
    """Whether the edge crosses the corner's longitude above the corner, but not above the point."""
    x0, y = corner[0], point[1]
    if (a[0] < x0) == (b[0] < x0):
        return False
    low, high = (a, b) if a[0] < b[0] else (b, a)
    return (side(low, high, (x0, y)) >= 0) != (side(low, high, corner) > 0)


def crossings(
    a: Floats, b: Floats, corner: Floats, point: Floats, doubt: float
) -> tuple[Flags, Flags]:
    """Which edges are crossed an odd number of times, and which hold the point; without rounding.

    Each argument has a row of longitudes and one of latitudes. `doubt` is an upper bound for the
    rounding of any of the cross products.
    """
    (x1, y1), (x2, y2), (x0, y0), (x, y) = a, b, corner, point
    odd = np.zeros(len(x), dtype=np.bool_)
    doubtful = (x < x0) | (y < y0)
    level1, level2 = y1 == y, y2 == y
    touched = (level1 & (x1 == x)) | (level2 & (x2 == x))
    touched |= level1 & level2 & ((x1 < x) != (x2 < x))

    i = ((y1 > y) != (y2 > y)).nonzero()[0]
    rise, across = y2[i] - y1[i], (x2[i] - x1[i]) * (y[i] - y1[i])
    at_point, at_corner = across - (x[i] - x1[i]) * rise, across - (x0[i] - x1[i]) * rise
    odd[i] = (at_point < 0) != (at_corner < 0)
    doubtful[i] |= np.minimum(np.abs(at_point), np.abs(at_corner)) < doubt

    i = ((x1 < x0) != (x2 < x0)).nonzero()[0]
    run, along = x2[i] - x1[i], (x0[i] - x1[i]) * (y2[i] - y1[i])
    at_point, at_corner = run * (y[i] - y1[i]) - along, run * (y0[i] - y1[i]) - along
    odd[i] ^= (at_point < 0) != (at_corner < 0)
    doubtful[i] |= np.minimum(np.abs(at_point), np.abs(at_corner)) < doubt

    for n in (doubtful & ~touched).nonzero()[0].tolist():
        one, other, start, end = (tuple(axis[:, n].tolist()) for axis in (a, b, corner, point))
        touched[n] = on_edge(one, other, end)
        odd[n] = crossed_right(one, other, start, end) ^ crossed_up(one, other, start, end)
    return odd, touched
