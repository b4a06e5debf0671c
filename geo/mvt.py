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
Bytes = NDArray[np.uint8]

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


def uuid_values(uuids: bytes) -> bytes:
    """UUIDs, one after the other, as a layer's table of values has them: as text."""
    count = len(uuids) // UUID_BYTES
    head = bytes([VALUE, UUID_LETTERS + 2, TEXT, UUID_LETTERS])
    rows = np.full((count, len(head) + UUID_LETTERS), ord("-"), np.uint8)
    rows[:, : len(head)] = np.frombuffer(head, np.uint8)
    digits = DIGITS[np.frombuffer(uuids, np.uint8)].view(np.uint8).reshape(count, 2 * UUID_BYTES)
    for n, (first, last) in enumerate(pairwise(UUID_GROUPS)):
        at = len(head) + n
        rows[:, at + first : at + last] = digits[:, first:last]
    return rows.tobytes()


def layer(
    name: str,
    keys: Iterable[str],
    values: bytes,
    facts: Sequence[NDArray[np.integer]],
    places: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> bytes:
    """A layer of points, or nothing where there is none.

    `facts` says for each key which of the values each point has; places are columns and rows of
    steps from the tile's north-west corner.
    """
    if not len(places[0]):
        return b""
    named = b"".join(field(KEY, key.encode()) for key in keys)
    parts = (
        field(NAME, name.encode()),
        features(facts, places),
        named,
        values,
        bytes([EXTENT]) + varint(STEPS),
        bytes([VERSION, 2]),
    )
    return field(LAYER, b"".join(parts))


def features(
    facts: Sequence[NDArray[np.integer]], places: tuple[NDArray[np.integer], NDArray[np.integer]]
) -> bytes:
    """The points; columns and rows are counted double, because the format knows signs."""
    x, y = (2 * each for each in places)
    tagged = 2 * len(facts) + sum((each >= LONG for each in facts), np.zeros(len(x), np.uint8))
    placed = 3 + (x >= LONG) + (y >= LONG).astype(np.uint8)
    tags = [part for key, each in enumerate(facts) for part in (key, each)]
    return rows_of(
        [
            FEATURE, tagged + placed + 6, TAGS, tagged, *tags, KIND, POINT,
            GEOMETRY, placed, MOVE_ONCE, x, y,
        ]
    )  # fmt: skip


def rows_of(columns: Sequence[int | NDArray[np.integer]]) -> bytes:
    """Columns of numbers as rows of varints; a plain number is the same in every row.

    Raises `ValueError` for a number that would take three bytes.
    """
    count = max(len(each) for each in columns if not isinstance(each, int))
    widths = [1 if isinstance(each, int) else 1 + int(each.max() >= LONG) for each in columns]
    rows = np.empty((count, sum(widths)), np.uint8)
    kept = np.ones(rows.shape, np.bool_)
    at = 0
    for each, width in zip(columns, widths, strict=True):
        rows[:, at] = each
        if width == 2 and not isinstance(each, int):
            if each.max() >= MOST_NUMBER:
                raise ValueError("A number is too large for a feature.")
            long = each >= LONG
            rows[:, at] |= long.view(np.uint8) << 7
            rows[:, at + 1] = each >> 7
            kept[:, at + 1] = long
        at += width
    return rows[kept].tobytes()


def in_tile(numbers: NDArray[np.integer], zoom: int) -> tuple[Numbers, Numbers]:
    """Columns and rows of points in their tile, from their numbers (see `geo.quads`).

    Exact as far as `EXACT_BELOW`, deeper as fine as the numbers are.
    """
    shift = 2 * (EXACT_BELOW - zoom)
    woven = numbers >> shift if shift >= 0 else numbers << -shift
    return unwoven(woven, STEP_BITS), unwoven(woven >> 1, STEP_BITS)


def unwoven(numbers: NDArray[np.integer], bits: int) -> Numbers:
    """Every other one of the lowest bits, from the first on; at most sixteen of them."""
    taken = numbers.astype(np.int64) & (0x55555555 & (1 << 2 * bits) - 1)
    for shift, mask in ((1, 0x33333333), (2, 0x0F0F0F0F), (4, 0x00FF00FF), (8, 0x0000FFFF)):
        taken = (taken | taken >> shift) & mask
    return taken


def placed(
    lon: NDArray[np.float64], lat: NDArray[np.float64], tile: tuple[int, int, int]
) -> tuple[Numbers, Numbers]:
    """Columns and rows of points (degrees, EPSG:4326) in a tile (zoom, column, row)."""
    zoom, x, y = tile
    side = 1 << zoom
    bounded = np.clip(lat, -quads.MOST_NORTH, quads.MOST_NORTH)
    north = (1 - np.arcsinh(np.tan(np.radians(bounded))) / np.pi) / 2
    columns, rows = ((lon + 180) / 360 * side - x) * STEPS, (north * side - y) * STEPS
    whole = (np.floor(each).astype(np.int64) for each in (columns, rows))
    column, row = (np.clip(each, 0, STEPS - 1) for each in whole)
    return column, row
