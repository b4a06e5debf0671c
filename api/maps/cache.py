"""Tiles that were made before, as long as there is room."""

import gzip
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from isal import igzip

ROOM = 64 * 1024 * 1024
"""Bytes of tiles a process keeps: a city at all zooms, many times over."""
OVERHEAD = 300
"""About what an empty tile costs to keep."""


class Tile(NamedTuple):
    """A vector tile, packed with gzip, and its weak tag."""

    packed: bytes
    etag: str


def usual(contents: bytes) -> bytes:
    """Packed once and sent many times."""
    return gzip.compress(contents, 6, mtime=0)


def quick(contents: bytes) -> bytes:
    """Packed to be sent once: no larger than zlib's quickest, in a fifth of the time."""
    return igzip.compress(contents, 1, mtime=0)


def tight(contents: bytes) -> bytes:
    """Packed as small as it gets, for what is large. Less memory is shorter blocks, which fit."""
    made = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 6)
    return made.compress(contents) + made.flush()


def pack(contents: bytes, packer: Callable[[bytes], bytes] = usual) -> Tile:
    """A tile as it is sent. The tag is that of the packed bytes, which are fewer."""
    packed = packer(contents)
    return Tile(packed, f'W/"{hashlib.sha256(packed).hexdigest()[:16]}"')


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
