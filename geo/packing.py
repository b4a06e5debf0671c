"""Making the arrays that `geo.cells` reads, with numpy alone: some seconds for a country.

No vertex lies on a line of the grid and no edge runs through a corner of it: the grid is moved a
little until that is so. Then whether a corner is inside an area follows from the crossings of the
area's border with the grid's horizontal lines, and cells without borders are as their corner is.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.cells import AREA_BITS, BLOCK, BLOCK_BITS, FAR, Ints, spread
from geo.plane import Floats
from geo.walk import ROUNDING, side

Flags = NDArray[np.bool_]
Packed = dict[str, NDArray[np.generic]]

STEP = 0.0025
"""Side of a cell in degrees, 270 m. Twice that makes the file of the country a seventh smaller and
places near borders a third slower; half would need four times as many cells."""

MOST_CELLS = 1 << 26
"""Coverages so large that they would have more get larger cells."""

MARGIN = 1e-9
"""Borders this close to a cell, in degrees, are listed in it: more than rounding can move a point
into the next cell."""

SHIFT = 0.3819660112501051
"""By which part of a cell the grid starts before the first vertex; a number no data is made of."""


class CollisionError(Exception):
    """A vertex lies on a line of the grid, or an edge runs through a corner."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The grid: where it begins, the side of its cells in degrees, and how many there are."""

    west: float
    south: float
    step: float
    columns: int
    rows: int

    def column(self, lons: Floats) -> Floats:
        """In which column, with a fraction. Rounded a little."""
        return np.asarray((lons - self.west) * (1 / self.step))

    def row(self, lats: Floats) -> Floats:
        """In which row, with a fraction. Rounded a little."""
        return np.asarray((lats - self.south) * (1 / self.step))


def pack_cells(xy: Floats, ends: Ints, owners: Ints, count: int, step: float = STEP) -> Packed:
    """The arrays for `count` areas whose closed rings follow each other in `xy`.

    `ends` are the positions after the last vertex of each ring, `owners` the area of each.
    """
    for attempt in range(1, 100):
        frame = frame_round(xy, step, attempt)
        try:
            return _packed(frame, xy, ends, owners, count)
        except CollisionError:
            continue
    raise ValueError("There is no grid whose lines avoid all vertices.")


def frame_round(xy: Floats, step: float, attempt: int) -> Frame:
    """A grid with a free cell on every side."""
    if not len(xy):
        return Frame(0.0, 0.0, step, 1, 1)
    (west, south), (east, north) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    while (east - west + 3 * step) * (north - south + 3 * step) > MOST_CELLS * step * step:
        step *= 2
    shift = 1 + attempt * SHIFT % 1
    west, south = west - shift * step, south - shift * step
    columns, rows = math.ceil((east - west) / step) + 1, math.ceil((north - south) / step) + 1
    return Frame(west, south, step, columns, rows)


def _packed(frame: Frame, xy: Floats, ends: Ints, owners: Ints, count: int) -> Packed:
    areas = np.repeat(owners.astype(np.int32), np.diff(ends, prepend=0))
    is_edge = np.ones(len(xy), dtype=np.bool_)
    is_edge[ends - 1] = False
    cell, starts, stops = _stretches(frame, xy, is_edge)
    inside_cell, inside_area = _corners_inside(frame, xy, is_edge, areas)

    bordered = np.zeros(frame.columns * frame.rows, dtype=np.bool_)
    bordered[cell] = True
    listed = bordered.copy()
    order = np.argsort(inside_cell, kind="stable")
    inside_cell, inside_area = inside_cell[order], inside_area[order]
    listed[inside_cell[1:][inside_cell[1:] == inside_cell[:-1]]] = True

    grid = np.zeros(frame.columns * frame.rows, dtype=np.int32)
    alone = ~listed[inside_cell]
    grid[inside_cell[alone]] = inside_area[alone] + 1
    _note_rings(grid, bordered, frame)
    cells = listed.nonzero()[0]
    grid[cells] = ~np.arange(len(cells), dtype=np.int32)

    # Pairs of a cell and an area whose border is in the cell, or that covers it (its corner).
    stretch_pair = cell * count + areas[starts]
    inside_pair = inside_cell[~alone] * count + inside_area[~alone]
    pairs, first = np.unique(np.concatenate([stretch_pair, inside_pair]), return_inverse=True)
    inside = np.zeros(len(pairs), dtype=np.int32)
    inside[first[len(stretch_pair) :]] = 1
    amounts = np.bincount(first[: len(stretch_pair)], minlength=len(pairs))
    blocks, stored = _in_blocks(grid.reshape(frame.rows, frame.columns))
    return {
        "frame": np.array(
            [
                *(frame.west, frame.south, frame.step, frame.columns, frame.rows),
                _largest_rounding(frame, xy, is_edge),
            ]
        ),
        "blocks": blocks,
        "cells": stored,
        "first_listed": _starts(np.bincount(np.searchsorted(cells, pairs // max(count, 1)))),
        "listed": (pairs % max(count, 1)).astype(np.int32) * 2 + inside,
        "first_stretch": _starts(amounts),
        "stretches": np.column_stack([starts, stops]).astype(np.int32),
    }


def _starts(amounts: Ints) -> NDArray[np.int32]:
    """Where each begins when so many of each follow each other, and the end of the last."""
    return np.concatenate([[0], np.cumsum(amounts)]).astype(np.int32)


def _largest_rounding(frame: Frame, xy: Floats, is_edge: Flags) -> float:
    """An upper bound for the rounding of a cross product of an edge and a point near it."""
    if not len(xy):
        return 0.0
    longest = np.abs(np.diff(xy, axis=0)).max(axis=1, where=is_edge[:-1, None], initial=0).max()
    return 2 * ROUNDING * float(longest + 2 * frame.step) ** 2


def _stretches(frame: Frame, xy: Floats, is_edge: Flags) -> tuple[Ints, Ints, Ints]:
    """Lines of consecutive edges in one cell: the cell, the first and the last vertex of each.

    In order of cells and, in each, of vertices.
    """
    low, high = np.empty((2, len(xy)), np.int32), np.empty((2, len(xy)), np.int32)
    for n, place in enumerate((frame.column(xy[:, 0]), frame.row(xy[:, 1]))):
        margin = MARGIN / frame.step
        low[n], high[n] = np.floor(place - margin), np.floor(place + margin)
    crossed = (low != high).any(axis=0).nonzero()[0]
    _refuse_on_lines(frame, xy[crossed])
    same = (low[:, 1:] == low[:, :-1]).all(axis=0) & (high[:, 1:] == high[:, :-1]).all(axis=0)
    same &= (low[:, 1:] == high[:, 1:]).all(axis=0)

    edges = (is_edge[:-1] & same).nonzero()[0]
    cells = low[1, edges] * np.int64(frame.columns) + low[0, edges]
    begins = np.ones(len(edges), dtype=np.bool_)
    begins[1:] = (np.diff(edges) != 1) | (np.diff(cells) != 0)
    starts, stops = edges[begins], edges[np.roll(begins, -1)] + 1
    across, far = _across_cells(frame, xy, (is_edge[:-1] & ~same).nonzero()[0])

    cell = np.concatenate([cells[begins], far])
    starts, stops = np.concatenate([starts, across]), np.concatenate([stops, across + 1])
    order = np.lexsort((starts, cell))
    cell, starts, stops = cell[order], starts[order], stops[order]
    begins = np.ones(len(cell), dtype=np.bool_)
    begins[1:] = (cell[1:] != cell[:-1]) | (starts[1:] != stops[:-1])
    return cell[begins], starts[begins], stops[np.roll(begins, -1)]


def _refuse_on_lines(frame: Frame, xy: Floats) -> None:
    """Make sure that none of these vertices is on a line of the grid."""
    on_column = frame.west + np.rint(frame.column(xy[:, 0])) * frame.step == xy[:, 0]
    on_row = frame.south + np.rint(frame.row(xy[:, 1])) * frame.step == xy[:, 1]
    if on_column.any() or on_row.any():
        raise CollisionError


def _across_cells(frame: Frame, xy: Floats, edges: Ints) -> tuple[Ints, Ints]:
    """Edges that may touch several cells: each edge and cell. Cut row by row."""
    (x1, y1), (x2, y2) = xy[edges].T, xy[edges + 1].T
    lowest = np.floor(frame.row(np.minimum(y1, y2) - MARGIN)).astype(np.int64)
    highest = np.floor(frame.row(np.maximum(y1, y2) + MARGIN)).astype(np.int64)
    i, row = spread(lowest, highest + 1)
    x1, y1, x2, y2 = x1[i], y1[i], x2[i], y2[i]
    south = frame.south + row * frame.step - MARGIN
    rise = np.where(y1 == y2, 1.0, y2 - y1)
    enter = np.where(y1 == y2, 0.0, np.clip((south - y1) / rise, 0, 1))
    leave = np.where(y1 == y2, 1.0, np.clip((south + frame.step + 2 * MARGIN - y1) / rise, 0, 1))
    from_x, to_x = x1 + enter * (x2 - x1), x1 + leave * (x2 - x1)
    first = np.floor(frame.column(np.minimum(from_x, to_x) - MARGIN)).astype(np.int64)
    last = np.floor(frame.column(np.maximum(from_x, to_x) + MARGIN)).astype(np.int64)
    j, column = spread(first, last + 1)
    return edges[i[j]], row[j] * frame.columns + column


def _corners_inside(
    frame: Frame, xy: Floats, is_edge: Flags, areas: NDArray[np.int32]
) -> tuple[Ints, Ints]:
    """Every cell whose lower left corner is in an area, and the area; in order of areas in a cell.

    Along a horizontal line of the grid, an area is between its border's first and second crossing,
    third and fourth, and so on.
    """
    row = np.floor(frame.row(xy[:, 1])).astype(np.int32)
    edges = (is_edge[:-1] & (row[1:] != row[:-1])).nonzero()[0]
    low, high = np.minimum(row[edges], row[edges + 1]), np.maximum(row[edges], row[edges + 1])
    # One line more on either side: rows are rounded, lines are not.
    i, line = spread(low.astype(np.int64), high.astype(np.int64) + 2)
    edge = edges[i]
    y = frame.south + line * frame.step
    (x1, y1), (x2, y2) = xy[edge].T, xy[edge + 1].T
    crosses = (y1 > y) != (y2 > y)
    edge, line, y = edge[crosses], line[crosses], y[crosses]
    x1, y1, x2, y2 = x1[crosses], y1[crosses], x2[crosses], y2[crosses]
    place = frame.column(x1 + (y - y1) / (y2 - y1) * (x2 - x1))
    column = np.ceil(place).astype(np.int64)
    for n in (np.abs(place - np.rint(place)) * frame.step < MARGIN).nonzero()[0].tolist():
        ends = xy[edge[n]], xy[edge[n] + 1]
        column[n] = _first_right_of(frame, *ends, round(place[n]), float(y[n]))

    order = np.lexsort((column, line, areas[edge]))
    line, column, area = line[order][::2], column[order], areas[edge[order]][::2].astype(np.int64)
    i, inside = spread(column[::2], column[1::2])
    return line[i] * frame.columns + inside, area[i]


def _first_right_of(frame: Frame, one: Floats, other: Floats, nearest: int, y: float) -> int:
    """The first corner on the line at `y` right of an edge that passes close by a corner."""
    low, high = sorted((tuple(one.tolist()), tuple(other.tolist())), key=lambda end: end[1])
    where = side(low, high, (frame.west + nearest * frame.step, y))
    if where == 0:
        raise CollisionError
    return nearest if where < 0 else nearest + 1


def _note_rings(grid: NDArray[np.int32], bordered: Flags, frame: Frame) -> None:
    """Note in cells that one area covers how many rings round them have no borders."""
    near = bordered.reshape(frame.rows, frame.columns)
    covered = grid > 0
    for _ in range(FAR - 1):
        near = _grown(near)
        grid[covered & ~near.reshape(-1)] += 1 << AREA_BITS
    grid[covered] += 1 << AREA_BITS


def _grown(near: Flags) -> Flags:
    """The cells and all their neighbours."""
    wide = near.copy()
    wide[:, 1:] |= near[:, :-1]
    wide[:, :-1] |= near[:, 1:]
    grown = wide.copy()
    grown[1:] |= wide[:-1]
    grown[:-1] |= wide[1:]
    return grown


def _in_blocks(grid: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where each block begins, and the blocks; those with nothing in them are all the first."""
    rows, columns = grid.shape
    down, across = -(-rows // BLOCK), -(-columns // BLOCK)
    padded = np.zeros((down * BLOCK, across * BLOCK), dtype=np.int32)
    padded[:rows, :columns] = grid
    blocks = padded.reshape(down, BLOCK, across, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK * BLOCK)
    filled = blocks.any(axis=1)
    number = np.where(filled, np.cumsum(filled), 0)
    stored = np.concatenate([np.zeros((1, BLOCK * BLOCK), np.int32), blocks[filled]])
    return (number << 2 * BLOCK_BITS).astype(np.int32), stored.reshape(-1)
