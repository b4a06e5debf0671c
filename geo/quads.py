"""Where a point is in web Mercator, as one number: 26 bits of x and of y by turns.

So every tile of the map, at any zoom, is one range of numbers. `web_quad` in the database gives the
same number (migration `0007`).
"""

import math

BITS = 26
"""Binary digits of x and of y: steps of 0.6 m at the equator."""
SIDE = 1 << BITS
MOST_NORTH = 85.06
"""Degrees; the square map ends a little before."""

Range = tuple[int, int]
"""The first and the last number of a range."""


def axes(lon: float, lat: float) -> tuple[int, int]:
    """The column and row of a point (degrees, EPSG:4326) in the finest grid, from north-west."""
    lat = min(MOST_NORTH, max(-MOST_NORTH, lat))
    x = math.floor((lon + 180) / 360 * SIDE)
    y = math.floor((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * SIDE)
    return min(SIDE - 1, max(0, x)), min(SIDE - 1, max(0, y))


def woven(x: int, y: int) -> int:
    """Two numbers bit by bit, the second one's bits to the left of the first one's."""
    return sum((x >> n & 1) << 2 * n | (y >> n & 1) << 2 * n + 1 for n in range(BITS))


def quad(lon: float, lat: float) -> int:
    """The number of a point."""
    return woven(*axes(lon, lat))


def of_tile(zoom: int, x: int, y: int) -> Range:
    """The numbers of the points in a tile."""
    shift = 2 * (BITS - zoom)
    first = woven(x, y) << shift
    return first, first + (1 << shift) - 1


def cover(west: float, south: float, east: float, north: float) -> list[Range]:
    """At most four tiles that hold a box (degrees, west < east, south < north), as ranges.

    A point on its edge may be numbered one step outside, so the box is taken one step larger.
    """
    left, top = (max(0, each - 1) for each in axes(west, north))
    right, bottom = (min(SIDE - 1, each + 1) for each in axes(east, south))
    widest = max(right - left, bottom - top)
    zoom = max(0, BITS - widest.bit_length())
    down = BITS - zoom
    columns, rows = {left >> down, right >> down}, {top >> down, bottom >> down}
    return sorted(of_tile(zoom, x, y) for x in columns for y in rows)
