"""Which areas cover a point, exactly, from arrays that may be a file shared by many processes.

A grid of small square cells lies over the areas. A cell without borders names the area that covers
it. Any other cell lists areas, and for each the stretches of its borders in that cell and whether
the cell's lower left corner is inside. Walking from that corner up and then right to the point, one
is inside in the end if one was in the beginning and crossed the border an even number of times.

Borders keep their original doubles. Where rounding could change an answer, and on every border,
`geo.walk` decides without it; a point on a border is inside. Made by `geo.packing`.
"""

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.borders import Arrays
from geo.plane import Floats, metres_per_degree, nearest_squared, reach_round
from geo.walk import crossed_right, crossed_up, crossings, ends_inside, on_edge
from geo.ward_index import NOWHERE

Ints = NDArray[np.int64]

BLOCK_BITS = 4
BLOCK = 1 << BLOCK_BITS
"""The grid is stored in blocks of so many by so many cells; blocks at sea are all the same one."""

AREA_BITS = 24
AREA = (1 << AREA_BITS) - 1
"""A positive cell: the area's position plus one in these bits, `FAR` rings or fewer above them."""

FAR = 3
"""How many rings round a cell are known to be free of borders, at most."""

BATCH = 32_768
"""Points looked up at once: less than a hundred megabytes if all are beside borders."""


class Cells:
    """Areas known by their position. Reads only; safe in many threads."""

    def __init__(self, arrays: Arrays, xy: Floats) -> None:
        west, south, step, columns, rows, doubt = arrays["frame"].tolist()
        self.west: float = west
        self.south: float = south
        self.step: float = step
        self._columns, self._rows, self._doubt = int(columns), int(rows), float(doubt)
        self._per_degree = 1 / self.step
        self._across = -(-self._columns // BLOCK)
        self._blocks: memoryview[int] = arrays["blocks"].data
        self._cells: memoryview[int] = arrays["cells"].data
        self._first_listed: memoryview[int] = arrays["first_listed"].data
        self._listed: memoryview[int] = arrays["listed"].data
        self._first_stretch: memoryview[int] = arrays["first_stretch"].data
        self._stretches: memoryview[int] = arrays["stretches"].reshape(-1).data
        self._flat: Any = xy.reshape(-1).data
        self._arrays = arrays
        self._xy = xy

    def first(self, lon: float, lat: float) -> int:
        """The first area that covers the point, or -1."""
        fx = (lon - self.west) * self._per_degree
        fy = (lat - self.south) * self._per_degree
        if not (0.0 <= fx < self._columns and 0.0 <= fy < self._rows):
            return NOWHERE
        column, row = int(fx), int(fy)
        block = self._blocks[(row >> BLOCK_BITS) * self._across + (column >> BLOCK_BITS)]
        cell = self._cells[block + ((row & 15) << BLOCK_BITS) + (column & 15)]
        if cell >= 0:
            return (cell & AREA) - 1
        x0, y0 = self.west + column * self.step, self.south + row * self.step
        for pair in range(self._first_listed[~cell], self._first_listed[1 + ~cell]):
            if self._inside(pair, x0, y0, lon, lat):
                return int(self._listed[pair] >> 1)
        return NOWHERE

    def every(self, lon: float, lat: float) -> list[int]:
        """All areas that cover the point, in order."""
        fx = (lon - self.west) * self._per_degree
        fy = (lat - self.south) * self._per_degree
        if not (0.0 <= fx < self._columns and 0.0 <= fy < self._rows):
            return []
        column, row = int(fx), int(fy)
        cell = self._cell(column, row)
        if cell >= 0:
            return [(cell & AREA) - 1] if cell else []
        x0, y0 = self.west + column * self.step, self.south + row * self.step
        return [
            int(self._listed[pair] >> 1)
            for pair in range(self._first_listed[~cell], self._first_listed[1 + ~cell])
            if self._inside(pair, x0, y0, lon, lat)
        ]

    def _cell(self, column: int, row: int) -> int:
        if not (0 <= column < self._columns and 0 <= row < self._rows):
            return 0
        block = self._blocks[(row >> BLOCK_BITS) * self._across + (column >> BLOCK_BITS)]
        return int(self._cells[block + ((row & 15) << BLOCK_BITS) + (column & 15)])

    def _inside(self, pair: int, x0: float, y0: float, x: float, y: float) -> bool:  # noqa: PLR0912
        """Whether a listed area covers the point: the walk in floats, as long as they suffice."""
        if x < x0 or y < y0:
            return self._surely_inside(pair, x0, y0, x, y)
        doubt = self._doubt
        inside: int = self._listed[pair] & 1
        stretches = self._stretches
        for i in range(2 * self._first_stretch[pair], 2 * self._first_stretch[pair + 1], 2):
            numbers = iter(self._flat[2 * stretches[i] : 2 * stretches[i + 1] + 2].tolist())
            x1, y1 = next(numbers), next(numbers)
            above, left = y1 > y, x1 < x0
            if y1 == y and x1 == x:
                return True
            for x2, y2 in zip(numbers, numbers, strict=True):
                if (y2 > y) != above:
                    above = not above
                    low, high = (x1, x2) if x1 < x2 else (x2, x1)
                    if low > x0 and high < x:
                        inside ^= 1
                    elif low <= x and high >= x0:
                        across = (x2 - x1) * (y - y1)
                        side = across - (x - x1) * (y2 - y1)
                        corner = across - (x0 - x1) * (y2 - y1)
                        if -doubt < side < doubt or -doubt < corner < doubt:
                            edge = (x1, y1), (x2, y2)
                            if on_edge(*edge, (x, y)):
                                return True
                            inside ^= crossed_right(*edge, (x0, y0), (x, y))
                        elif (side < 0) != (corner < 0):
                            inside ^= 1
                elif y2 == y and (x2 == x or (y1 == y and (x1 < x) != (x2 < x))):
                    return True
                if (x2 < x0) != left:
                    left = not left
                    low, high = (y1, y2) if y1 < y2 else (y2, y1)
                    if low > y0 and high < y:
                        inside ^= 1
                    elif low <= y and high >= y0:
                        along = (x0 - x1) * (y2 - y1)
                        side = (x2 - x1) * (y - y1) - along
                        corner = (x2 - x1) * (y0 - y1) - along
                        if -doubt < side < doubt or -doubt < corner < doubt:
                            inside ^= crossed_up((x1, y1), (x2, y2), (x0, y0), (x, y))
                        elif (side < 0) != (corner < 0):
                            inside ^= 1
                x1, y1 = x2, y2
        return inside == 1

    def _surely_inside(self, pair: int, x0: float, y0: float, x: float, y: float) -> bool:
        """The same without rounding; borders count as inside."""
        stretches = [self._stretch(i) for i in self._stretches_of(pair)]
        return ends_inside(stretches, (x0, y0), self._listed[pair] & 1 == 1, (x, y))

    def _stretches_of(self, pair: int) -> range:
        return range(self._first_stretch[pair], self._first_stretch[pair + 1])

    def _stretch(self, i: int) -> list[tuple[float, float]]:
        start, stop = self._stretches[2 * i], self._stretches[2 * i + 1]
        numbers = iter(self._flat[2 * start : 2 * stop + 2].tolist())
        return list(zip(numbers, numbers, strict=True))

    def many(self, lons: Floats, lats: Floats) -> NDArray[np.int32]:
        """`first` of many points at once."""
        found = np.empty(len(lons), dtype=np.int32)
        for start in range(0, len(lons), BATCH):
            batch = slice(start, start + BATCH)
            found[batch] = self._many(lons[batch], lats[batch])
        return found

    def _many(self, lons: Floats, lats: Floats) -> Ints:
        fx, fy = (lons - self.west) * self._per_degree, (lats - self.south) * self._per_degree
        known = (fx >= 0) & (fx < self._columns) & (fy >= 0) & (fy < self._rows)
        column, row = (
            np.where(known, fx, 0).astype(np.int64),
            np.where(known, fy, 0).astype(np.int64),
        )
        block = self._arrays["blocks"][
            (row >> BLOCK_BITS) * self._across + (column >> BLOCK_BITS)
        ].astype(np.int64)
        cell = self._arrays["cells"][block + ((row & 15) << BLOCK_BITS) + (column & 15)].astype(
            np.int64
        )
        cell[~known] = 0
        found: Ints = (cell & AREA) - 1
        listed = (cell < 0).nonzero()[0]
        if len(listed):
            corners = (
                self.west + column[listed] * self.step,
                self.south + row[listed] * self.step,
            )
            found[listed] = self._listed_many(~cell[listed], *corners, lons[listed], lats[listed])
        return found

    def _listed_many(self, cell: Ints, x0: Floats, y0: Floats, x: Floats, y: Floats) -> Ints:
        """The first covering area for points in cells that list areas."""
        first = self._arrays["first_listed"]
        point, pair = spread(first[cell], first[cell + 1])
        edge_of, edge = self._edges(pair)
        at = point[edge_of]
        listed = self._arrays["listed"][pair].astype(np.int64)
        odd, touched = crossings(
            self._xy[edge].T,
            self._xy[edge + 1].T,
            np.stack([x0[at], y0[at]]),
            np.stack([x[at], y[at]]),
            self._doubt,
        )
        inside = (np.bincount(edge_of, odd, len(pair)).astype(np.int64) ^ listed) & 1
        inside[edge_of[touched]] = 1
        found = np.full(len(x), NOWHERE, dtype=np.int64)
        hits = inside.nonzero()[0][::-1]
        found[point[hits]] = listed[hits] >> 1
        return found

    def _edges(self, pair: Ints) -> tuple[Ints, Ints]:
        """For every border edge of listed areas: which of them, and its first vertex."""
        first = self._arrays["first_stretch"]
        owner, stretch = spread(first[pair], first[pair + 1])
        start, stop = self._arrays["stretches"][stretch].T
        stretch_of, edge = spread(start, stop)
        return owner[stretch_of], edge

    def around(self, lon: float, lat: float, radius_m: float) -> set[int]:
        """What the cells that a small disc may touch have in them; nothing if it is too large."""
        aside, up = reach_round(lat, radius_m)
        x, y, per_degree = lon - self.west, lat - self.south, self._per_degree
        left, right = (x - aside) * per_degree, (x + aside) * per_degree
        low, high = (y - up) * per_degree, (y + up) * per_degree
        if right - left > FAR or high - low > FAR:
            return set()
        return {
            self._cell(column, row)
            for row in range(math.floor(low), math.floor(high) + 1)
            for column in range(math.floor(left), math.floor(right) + 1)
        }

    def listed(self, cell: int) -> Iterator[tuple[int, list[tuple[int, list[float]]]]]:
        """The areas listed in a cell, with the stretches of their borders in it.

        Of each stretch the position of its first vertex, and longitudes and latitudes in turn.
        """
        stretches = self._stretches
        for pair in range(self._first_listed[~cell], self._first_listed[1 + ~cell]):
            first, end = self._first_stretch[pair], self._first_stretch[pair + 1]
            yield (
                self._listed[pair] >> 1,
                [
                    (
                        stretches[i],
                        self._flat[2 * stretches[i] : 2 * stretches[i + 1] + 2].tolist(),
                    )
                    for i in range(2 * first, 2 * end, 2)
                ],
            )

    def border_within(self, area: int, lon: float, lat: float, limit_m: float) -> float | None:
        """Metres to the nearest border of an area, holes included; None beyond `limit_m`.

        Edges are straight in degrees. Exact to a centimetre at 500 m, and in proportion nearer.
        Looks at the cells round the point, ring by ring, as long as one could hold a nearer border.
        """
        fx = (lon - self.west) * self._per_degree
        fy = (lat - self.south) * self._per_degree
        columns, rows = self._columns, self._rows
        if not (0.0 <= fx < columns and 0.0 <= fy < rows):
            aside, up = (reach * self._per_degree for reach in reach_round(lat, limit_m))
            if not (-aside <= fx <= columns + aside and -up <= fy <= rows + up):
                return None
        column, row = math.floor(fx), math.floor(fy)
        east, north = metres_per_degree(lat)
        width, height = self.step * east, self.step * north
        # Metres from the point to the west and south side of its cell.
        x, y = (fx - column) * width, (fy - row) * height
        clear = max(self._cell(column, row), 0) >> AREA_BITS
        best = limit = limit_m * limit_m
        for ring in range(clear, columns + rows):
            aside = min(x + (ring - 1) * width, ring * width - x)
            if ring and min(aside, y + (ring - 1) * height, ring * height - y) ** 2 > best:
                break
            for dx, widths, xs, dy, heights, ys in ring_of(ring):
                gap_x, gap_y = widths * width + xs * x, heights * height + ys * y
                if gap_x * gap_x + gap_y * gap_y <= best:
                    cell = self._cell(column + dx, row + dy)
                    if cell < 0:
                        for stretch in self._borders_of(area, cell):
                            found = nearest_squared(stretch, lon, lat, east, north)
                            best = min(best, found)
        return math.sqrt(best) if best < limit else None

    def _borders_of(self, area: int, cell: int) -> list[list[float]]:
        """The stretches of an area's border in a cell, longitudes and latitudes in turn."""
        stretches = self._stretches
        for pair in range(self._first_listed[~cell], self._first_listed[1 + ~cell]):
            if self._listed[pair] >> 1 == area:
                first, end = self._first_stretch[pair], self._first_stretch[pair + 1]
                return [
                    self._flat[2 * stretches[i] : 2 * stretches[i + 1] + 2].tolist()
                    for i in range(2 * first, 2 * end, 2)
                ]
        return []


@cache
def ring_of(ring: int) -> list[tuple[int, int, int, int, int, int]]:
    """The cells so many cells away, the nearest first: steps, and how far the gap between is.

    After each step come the cell widths (heights) that the gap is wide, and what times the distance
    of a point from the lower side of its cell comes to that.
    """
    span = range(-ring, ring + 1)
    steps = [(dx, dy) for dx in span for dy in span if max(abs(dx), abs(dy)) == ring]
    steps.sort(key=lambda step: step[0] ** 2 + step[1] ** 2)
    return [(dx, *_gap(dx), dy, *_gap(dy)) for dx, dy in steps]


def _gap(step: int) -> tuple[int, int]:
    if step > 0:
        return step, -1
    return (-step - 1, 1) if step else (0, 0)


def spread(first: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Every number of the ranges, and which range it is of."""
    counts = (end - first).astype(np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    begins = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) + np.repeat(first - begins, counts)
