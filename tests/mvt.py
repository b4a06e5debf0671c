"""Reading vector tiles: as much of the format as tests need."""

import gzip
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Point = tuple[int, int]


@dataclass
class Feature:
    """What is known of a feature, and its lines in the steps of the tile."""

    facts: dict[str, Any]
    lines: list[list[Point]]


def layers(contents: bytes) -> dict[str, list[Feature]]:
    """The features of each layer."""
    if contents[:2] == b"\x1f\x8b":
        contents = gzip.decompress(contents)
    return dict(layer(value) for number, value in fields(contents) if number == 3)


def fields(packed: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message."""
    at = 0
    while at < len(packed):
        value: int | bytes
        key, at = varint(packed, at)
        if key & 7 == 0:
            value, at = varint(packed, at)
        elif key & 7 == 2:
            size, at = varint(packed, at)
            value, at = packed[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[key & 7]
            value, at = packed[at : at + size], at + size
        yield key >> 3, value


def varint(packed: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value, shift = 0, 0
    while True:
        byte = packed[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def varints(packed: bytes) -> Iterator[int]:
    """Numbers one after another."""
    at = 0
    while at < len(packed):
        value, at = varint(packed, at)
        yield value


def signed(value: int) -> int:
    """A zigzag number."""
    return value >> 1 ^ -(value & 1)


def value_of(packed: bytes) -> Any:
    """A value of a layer's table."""
    ((kind, value),) = fields(packed)
    if kind == 1:
        return value.decode()
    if kind == 3:
        return struct.unpack("<d", value)[0]
    if kind == 7:
        return bool(value)
    return signed(value) if kind == 6 else value


def layer(packed: bytes) -> tuple[str, list[Feature]]:
    """A layer's name and features."""
    found = list(fields(packed))
    name = next(value.decode() for number, value in found if number == 1)
    keys = [value.decode() for number, value in found if number == 3]
    values = [value_of(value) for number, value in found if number == 4]
    features = []
    for number, value in found:
        if number == 2:
            parts = dict(fields(value))
            tags = list(varints(parts.get(2, b"")))
            facts = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
            features.append(Feature(facts, lines_of(list(varints(parts[4])))))
    return name, features


def lines_of(commands: list[int]) -> list[list[Point]]:
    """The lines (or points) of a geometry."""
    lines: list[list[Point]] = []
    at, x, y = 0, 0, 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        for _ in range(count if command != 7 else 0):
            x, y = x + signed(commands[at]), y + signed(commands[at + 1])
            at += 2
            if command == 1:
                lines.append([])
            lines[-1].append((x, y))
    return lines


def tile_of(lon: float, lat: float, zoom: int) -> tuple[int, int, int]:
    """The tile of a point."""
    side = 1 << zoom
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
    return zoom, int((lon + 180) / 360 * side), int(y)
