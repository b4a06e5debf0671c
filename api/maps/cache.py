"""Tiles that were made before, as long as there is room."""

import gzip
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

ROOM = 64 * 1024 * 1024
"""Bytes of tiles a process keeps: a city at all zooms, many times over."""
OVERHEAD = 300
"""About what an empty tile costs to keep."""


class Tile(NamedTuple):
    """A vector tile, packed with gzip, and the weak tag of its contents."""

    packed: bytes
    etag: str


def pack(contents: bytes, *, quickly: bool = False, tightly: bool = False) -> Tile:
    """A tile as it is sent; quickly, when it is sent once, tightly, when it is large."""
    digest = hashlib.sha256(contents).hexdigest()[:16]
    level = 1 if quickly else 6
    packed = tight(contents) if tightly else gzip.compress(contents, level, mtime=0)
    return Tile(packed, f'W/"{digest}"')


def tight(contents: bytes) -> bytes:
    """Packed with gzip as small as it gets. Less memory is shorter blocks: they fit their text."""
    made = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 6)
    return made.compress(contents) + made.flush()


@dataclass
class TileCache:
    """Keeps the tiles that were asked for last."""

    room: int = ROOM
    size: int = 0
    tiles: OrderedDict[Hashable, Tile] = field(default_factory=OrderedDict)

    def get(self, key: Hashable) -> Tile | None:
        """A kept tile."""
        tile = self.tiles.get(key)
        if tile is not None:
            self.tiles.move_to_end(key)
        return tile

    def keep(self, key: Hashable, tile: Tile) -> None:
        """Keep a tile; those that nobody asked for in a long time make room."""
        if key in self.tiles:
            return
        self.tiles[key] = tile
        self.size += len(tile.packed) + OVERHEAD
        while self.size > self.room and self.tiles:
            _, gone = self.tiles.popitem(last=False)
            self.size -= len(gone.packed) + OVERHEAD
