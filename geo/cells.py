"""Which areas cover a point, exactly, from arrays that may be a file shared by many processes.

A grid of small square cells lies over the areas. A cell without borders names the area that covers
it. Any other cell lists areas, and for each the stretches of its borders in that cell and whether
the cell's lower left corner is inside. Walking from that corner up and then right to the point, one
is inside in the end if one was in the beginning and crossed the border an even number of times.

Borders keep their original doubles. Where rounding could change an answer, and on every border,
`geo.exact` decides; there a point on a border is inside. Made by `geo.packing`.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geo.exact import walk_ends_inside
from geo.plane import Floats, box_round, metres_per_degree

Arrays = Mapping[str, NDArray[np.generic]]
Ints = NDArray[np.int64]

NOWHERE = -1
"""The position of a point that no area covers."""

BLOCK_BITS = 4
BLOCK = 1 << BLOCK_BITS
"""The grid is stored in blocks of so many by so many cells; blocks at sea are all the same one."""

AREA_BITS = 24
AREA = (1 << AREA_BITS) - 1
"""A positive cell: the area's position plus one in these bits, `FAR` rings or fewer above them."""

FAR = 3
"""How many rings round a cell are known to be free of borders, at most."""

BATCH = 32_768
"""Points looked up at once: some ten megabytes."""


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
        self._blocks = arrays["blocks"].data
        self._cells = arrays["cells"].data
        self._first_listed = arrays["first_listed"].data
        self._listed = arrays["listed"].data
        self._first_stretch = arrays["first_stretch"].data
        self._stretches = arrays["stretches"].reshape(-1).data
        self._flat = xy.reshape(-1).data
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
            if y1 == y:
                return self._surely_inside(pair, x0, y0, x, y)
            for x2, y2 in zip(numbers, numbers, strict=True):
                if (y2 > y) is not above:
                    above = not above
                    low, high = (x1, x2) if x1 < x2 else (x2, x1)
                    if low > x0 and high < x:
                        inside ^= 1
                    elif low <= x and high >= x0:
                        across = (x2 - x1) * (y - y1)
                        side = across - (x - x1) * (y2 - y1)
                        corner = across - (x0 - x1) * (y2 - y1)
                        if -doubt < side < doubt or -doubt < corner < doubt:
                            return self._surely_inside(pair, x0, y0, x, y)
                        if (side < 0) is not (corner < 0):
                            inside ^= 1
                elif y2 == y:
                    return self._surely_inside(pair, x0, y0, x, y)
                if (x2 < x0) is not left:
                    left = not left
                    low, high = (y1, y2) if y1 < y2 else (y2, y1)
                    if low > y0 and high < y:
                        inside ^= 1
                    elif low <= y and high >= y0:
                        along = (x0 - x1) * (y2 - y1)
                        side = (x2 - x1) * (y - y1) - along
                        corner = (x2 - x1) * (y0 - y1) - along
                        if -doubt < side < doubt or -doubt < corner < doubt:
                            return self._surely_inside(pair, x0, y0, x, y)
                        if (side < 0) is not (corner < 0):
                            inside ^= 1
                x1, y1 = x2, y2
        return inside == 1

    def _surely_inside(self, pair: int, x0: float, y0: float, x: float, y: float) -> bool:
        """The same without rounding; borders count as inside."""
        stretches = [self._stretch(i) for i in self._stretches_of(pair)]
        return walk_ends_inside(stretches, (x0, y0), self._listed[pair] & 1 == 1, (x, y))

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
        column, row = np.where(known, fx, 0).astype(np.int64), np.where(known, fy, 0).astype(np.int64)
        block = self._arrays["blocks"][
            (row >> BLOCK_BITS) * self._across + (column >> BLOCK_BITS)
        ].astype(np.int64)
        cell = self._arrays["cells"][block + ((row & 15) << BLOCK_BITS) + (column & 15)].astype(
            np.int64
        )
        cell[~known] = 0
        found = (cell & AREA) - 1
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
        crossings, doubtful = _crossings(
            self._xy[edge].T, self._xy[edge + 1].T, x0[at], y0[at], x[at], y[at], self._doubt
        )
        listed = self._arrays["listed"][pair].astype(np.int64)
        inside = (np.bincount(edge_of, crossings, len(pair)).astype(np.int64) ^ listed) & 1
        doubts = np.unique(edge_of[doubtful])
        for i in doubts.tolist():
            n = point[i]
            corner, spot = (float(x0[n]), float(y0[n])), (float(x[n]), float(y[n]))
            inside[i] = self._surely_inside(int(pair[i]), *corner, *spot)
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

    def only(self, lon: float, lat: float, radius_m: float) -> int:
        """The one area that covers a small disc and all cells it touches; -1 if not so simple."""
        west, south, east, north = box_round(lon, lat, radius_m)
        per_degree = self._per_degree
        left, right = (west - self.west) * per_degree, (east - self.west) * per_degree
        low, high = (south - self.south) * per_degree, (north - self.south) * per_degree
        inside = 0.0 <= left and right < self._columns and 0.0 <= low and high < self._rows
        if not inside or right - left > FAR or high - low > FAR:
            return NOWHERE
        one = self._cell(int(left), int(low)) & (AREA | 1 << 31)
        for row in range(int(low), int(high) + 1):
            for column in range(int(left), int(right) + 1):
                cell = self._cell(column, row)
                if cell <= 0 or cell & AREA != one:
                    return NOWHERE
        return one - 1

    def border_within(self, area: int, lon: float, lat: float, limit_m: float) -> float | None:
        """Metres to the nearest border of an area, holes included; None beyond `limit_m`.

        Edges are straight in degrees. Exact to a centimetre at 500 m, and in proportion nearer.
        """
        west, south, east, north = box_round(lon, lat, limit_m)
        if not (
            self.west <= east
            and west <= self.west + self._columns * self.step
            and self.south <= north
            and south <= self.south + self._rows * self.step
        ):
            return None
        scale = metres_per_degree(lat)
        column = math.floor((lon - self.west) * self._per_degree)
        row = math.floor((lat - self.south) * self._per_degree)
        nearer = _Nearer(self, area, (lon, lat), scale, limit_m * limit_m)
        inside = 0 <= column < self._columns and 0 <= row < self._rows
        cell = self._cell(column, row) if inside else 0
        rings = itertools.count(max(cell, 0) >> AREA_BITS)
        for ring in rings:
            if not nearer.look(column, row, ring):
                break
        return nearer.metres

    def edges_in(self, column: int, row: int, area: int) -> Iterator[Floats]:
        """The stretches of an area's border in a cell."""
        if not (0 <= column < self._columns and 0 <= row < self._rows):
            return
        cell = self._cell(column, row)
        if cell < 0:
            for pair in range(self._first_listed[~cell], self._first_listed[1 + ~cell]):
                if self._listed[pair] >> 1 == area:
                    for i in self._stretches_of(pair):
                        yield self._stretches[2 * i], self._stretches[2 * i + 1]
