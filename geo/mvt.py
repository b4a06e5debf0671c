"""Vector tiles of points, written from columns (Mapbox Vector Tile 2.1).

A tile of thousands of points takes a fraction of the time that a row for each of them would.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo import quads

STEP_BITS = 12
STEPS = 1 << STEP_BITS
"""Across a tile."""
EXACT_BELOW = quads.BITS - STEP_BITS
"""The deepest zoom whose steps are as fine as the numbers of `geo.quads`."""

Numbers = NDArray[np.int64]
Column = tuple[int | NDArray[np.integer], NDArray[np.bool_] | None]
"""A byte of each row, and which rows have it; without that all do."""

SEVEN, LONG = 0x7F, 0x80
MOST_NUMBER = 1 << 14
"""A number takes at most two bytes in a feature; what takes three is never so many."""
KEPT_VALUES = 4096
UUID_BYTES, UUID_LETTERS = 16, 36
UUID_GROUPS = (0, 8, 12, 16, 20, 32)
"""Where the groups of a UUID's digits begin; a dash stands before each but the first."""
DIGITS = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), "<u2")

# Keys of the fields, with their wire types, as the specification numbers them.
LAYER, NAME, FEATURE, KEY, VALUE, EXTENT, VERSION = 0x1A, 0x0A, 0x12, 0x1A, 0x22, 0x28, 0x78
TAGS, KIND, GEOMETRY = 0x12, 0x18, 0x22
TEXT, WHOLE, TRUTH = 0x0A, 0x28, 0x38
POINT, MOVE_ONCE = 1, 9


def varint(number: int) -> bytes:
    """A number, seven bits to a byte, the lowest first."""
    written = bytearray()
    while number >= LONG:
        written.append(number & SEVEN | LONG)
        number >>= 7
    written.append(number)
    return bytes(written)


def field(key: int, contents: bytes) -> bytes:
    """A field that says how long it is."""
    return bytes([key]) + varint(len(contents)) + contents


@lru_cache(KEPT_VALUES, typed=True)
def value(fact: str | int | bool) -> bytes:
    """A fact as a layer's table of values has it; numbers are not below nothing."""
    if isinstance(fact, bool):
        return field(VALUE, bytes([TRUTH, fact]))
    if isinstance(fact, int):
        return field(VALUE, bytes([WHOLE]) + varint(fact))
    return field(VALUE, field(TEXT, fact.encode()))


def uuid_values(uuids: bytes) -> memoryview:
    """UUIDs, one after the other, as a layer's table of values has them: as text."""
    count = len(uuids) // UUID_BYTES
    head = bytes([VALUE, UUID_LETTERS + 2, TEXT, UUID_LETTERS])
    rows = np.full((count, len(head) + UUID_LETTERS), ord("-"), np.uint8)
    rows[:, : len(head)] = np.frombuffer(head, np.uint8)
    pairs = np.take(DIGITS, np.frombuffer(uuids, np.uint8))
    digits = pairs.view(np.uint8).reshape(count, 2 * UUID_BYTES)
    for n, (first, last) in enumerate(pairwise(UUID_GROUPS)):
        at = len(head) + n
        rows[:, at + first : at + last] = digits[:, first:last]
    return rows.data


def layer(
    name: str,
    keys: Sequence[str],
    values: Iterable[bytes | memoryview],
    facts: NDArray[np.integer],
    places: Numbers,
) -> bytes:
    """A layer of points, or nothing where there is none.

    `facts` has a row for each key: which of the values each point has. `places` has two: columns
    and rows of steps from the tile's north-west corner. Raises `ValueError` for too many values.
    """
    if not places.size:
        return b""
    parts = [
        field(NAME, name.encode()),
        features(facts, places),
        *(field(KEY, key.encode()) for key in keys),
        *values,
        bytes([EXTENT]) + varint(STEPS),
        bytes([VERSION, 2]),
    ]
    length = sum(memoryview(each).nbytes for each in parts)
    return b"".join([bytes([LAYER]) + varint(length), *parts])


def features(facts: NDArray[np.integer], places: Numbers) -> memoryview:
    """The points; columns and rows are counted double, because the format knows signs."""
    if facts.max() >= MOST_NUMBER:
        raise ValueError("A feature says no number of three bytes.")
    numbers = np.concatenate((facts, 2 * places), dtype=np.uint16, casting="unsafe")
    longs = numbers >= LONG
    written = [
        [(low, None), (high, long)] if wide else [(low, None)]
        for low, high, long, wide in zip(
            numbers | longs.astype(np.uint16) << 7,
            numbers >> 7,
            longs,
            np.logical_or.reduce(longs, axis=1),
            strict=True,
        )
    ]
    keys = len(facts)
    tagged = longs[:keys].sum(0, np.uint8) + np.uint8(2 * keys)
    placed = longs[keys:].sum(0, np.uint8) + np.uint8(3)
    columns: list[Column] = [(FEATURE, None), (tagged + placed + np.uint8(6), None)]
    columns += [(TAGS, None), (tagged, None)]
    for key in range(keys):
        columns += [(key, None), *written[key]]
    columns += [(KIND, None), (POINT, None), (GEOMETRY, None), (placed, None), (MOVE_ONCE, None)]
    columns += [*written[keys], *written[keys + 1]]
    return row_by_row(columns, numbers.shape[1])


def row_by_row(columns: Sequence[Column], count: int) -> memoryview:
    """Columns of bytes as rows, without the bytes that are not kept."""
    rows = np.empty((count, len(columns)), np.uint8)
    for at, (contents, _) in enumerate(columns):
        rows[:, at] = contents
    if all(kept is None for _, kept in columns):
        return rows.data
    all_kept = np.ones(rows.shape, np.bool_)
    for at, (_, kept) in enumerate(columns):
        if kept is not None:
            all_kept[:, at] = kept
    return rows[all_kept].data


def in_tile(numbers: NDArray[np.integer], zoom: int) -> Numbers:
    """Columns and rows of points in their tile, from their numbers (see `geo.quads`).

    Exact as far as `EXACT_BELOW`, deeper as fine as the numbers are.
    """
    shift = 2 * (EXACT_BELOW - zoom)
    return unwoven(numbers >> shift if shift >= 0 else numbers << -shift, STEP_BITS)


def unwoven(woven: NDArray[np.integer], bits: int) -> Numbers:
    """The columns and rows that make numbers by turns, so many bits of each; sixteen at most."""
    taken = np.array((woven, woven >> 1), np.int64)
    taken &= 0x55555555 & (1 << 2 * bits) - 1
    for shift, mask in ((1, 0x33333333), (2, 0x0F0F0F0F), (4, 0x00FF00FF), (8, 0x0000FFFF)):
        taken |= taken >> shift
        taken &= mask
    return taken


def placed_at(
    lon: NDArray[np.float64], lat: NDArray[np.float64], tile: tuple[int, int, int]
) -> Numbers:
    """Columns and rows of points (degrees, EPSG:4326) in a tile (zoom, column, row)."""
    zoom, x, y = tile
    side = 1 << zoom
    bounded = np.clip(lat, -quads.MOST_NORTH, quads.MOST_NORTH)
    north = (1 - np.arcsinh(np.tan(np.radians(bounded))) / np.pi) / 2
    steps = np.array((((lon + 180) / 360 * side - x), (north * side - y))) * STEPS
    return np.clip(np.floor(steps).astype(np.int64), 0, STEPS - 1)
