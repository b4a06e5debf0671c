"""Incidents and areas from files of any city: CSV and GeoJSON. What is wrong is said by line."""

import csv
import datetime as dt
import gzip
import io
import json
import math
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h3
import numpy as np

from geo import grid
from geo.grid import Cells, Floats, Ints

COLUMNS = ("date", "category", "lon", "lat")
GZIP = b"\x1f\x8b"
MOST_CELLS = 5_000_000
"""An area of more is refused: Vietnam has 3.2 million of resolution 9."""

FAR_DEGREES = 1.0
"""A point so far outside an area that holds it the other way round was certainly exchanged."""


class FileError(ValueError):
    """What is wrong with a file, and where."""


@dataclass(frozen=True)
class Rows:
    """The rows of a file of incidents. `lines` are where they stood, for messages."""

    lines: Ints
    days: Ints
    lon: Floats
    lat: Floats
    reporters: Ints


def read_incidents(file: Path) -> Rows:
    """Read `date,category,lon,lat` and, where there is one, `reporter`; plain or gzipped.

    Columns may stand in any order, beside others. A row without a reporter has its own.
    """
    composed = unicodedata.normalize("NFC", text_of(file))
    lines = csv.reader(io.StringIO(composed, newline=""), strict=True)
    numbers: dict[str, int] = {}
    found = []
    try:
        header = [name.strip().lower() for name in next(lines, COLUMNS)]
        if missing := [name for name in COLUMNS if name not in header]:
            raise FileError(f"{file}, line 1: there is no column {', '.join(missing)}")
        if twice := [name for name in (*COLUMNS, "reporter") if header.count(name) > 1]:
            raise FileError(f"{file}, line 1: there are several columns {', '.join(twice)}")
        places = [header.index(name) for name in COLUMNS]
        who = header.index("reporter") if "reporter" in header else None
        for row in lines:
            if not row:
                continue
            at = lines.line_num
            if len(row) < len(header):
                raise FileError(f"{file}, line {at}: column {header[len(row)]} is missing")
            if len(row) > len(header):
                raise FileError(f"{file}, line {at}: more fields than columns; is one not quoted?")
            date, _, lon, lat = (row[place] for place in places)
            name = row[who].strip() if who is not None else ""
            reporter = numbers.setdefault(name, len(numbers)) if name else -at
            found.append((at, *values(date, lon, lat, where=f"{file}, line {at}"), reporter))
    except csv.Error as error:
        raise FileError(f"{file}, line {lines.line_num}: this is no CSV ({error})") from error
    at_, days, lons, lats, reporters = zip(*found, strict=True) if found else ((),) * 5
    return Rows(
        np.array(at_, np.int64),
        np.array(days, np.int64),
        np.array(lons, np.float64),
        np.array(lats, np.float64),
        np.array(reporters, np.int64),
    )


def text_of(file: Path) -> str:
    """What a file says: UTF-8, perhaps gzipped."""
    try:
        contents = file.read_bytes()
        if contents.startswith(GZIP):
            contents = gzip.decompress(contents)
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{file} is not UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{file} cannot be read") from error


def values(date: str, lon: str, lat: str, *, where: str) -> tuple[int, float, float]:
    """The day as an ordinal, longitude and latitude in degrees."""
    try:
        day = dt.datetime.strptime(date.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 (a day)
    except ValueError:
        raise FileError(f"{where}, column date: '{date}' is no date like 2026-11-22") from None
    x, y = (number(value, where, name) for value, name in ((lon, "lon"), (lat, "lat")))
    if abs(y) > 90:
        swapped = "; lon and lat are exchanged" if abs(x) <= 90 and abs(y) <= 180 else ""
        raise FileError(f"{where}, column lat: {lat} is beyond 90 degrees{swapped}")
    if abs(x) > 180:
        raise FileError(f"{where}, column lon: {lon} is beyond 180 degrees")
    return day.toordinal(), x, y


def number(value: str, where: str, column: str) -> float:
    """A finite number."""
    try:
        found = float(value)
    except ValueError:
        raise FileError(f"{where}, column {column}: '{value}' is no number") from None
    if not math.isfinite(found):
        raise FileError(f"{where}, column {column}: '{value}' is no number")
    return found


def read_area(file: Path, resolution: int) -> Cells:
    """The cells whose centre lies in the polygons of a GeoJSON file, in order."""
    try:
        document = json.loads(text_of(file))
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{file} is no GeoJSON") from error
    polygons = grid.polygons_in(document) if isinstance(document, dict) else []
    if not polygons:
        raise FileError(f"{file} holds no Polygon or MultiPolygon")
    outlines = [flat(polygon, file) for polygon in polygons]
    if (many := sum(map(square_metres, outlines)) / grid.mean_area(resolution)) > MOST_CELLS:
        raise FileError(
            f"{file} holds an area of about {many:,.0f} cells of resolution {resolution}; at most"
            f" {MOST_CELLS:,}"
        )
    try:
        cells = [grid.cells_of(polygon, resolution) for polygon in outlines]
    except h3.H3BaseException as error:
        raise FileError(f"{file} holds a polygon that cannot be filled") from error
    found = np.unique(np.concatenate(cells))
    if not len(found):
        raise FileError(f"{file} holds no area")
    return found


def square_metres(polygon: Mapping[str, Any]) -> float:
    """About how large a polygon is."""
    single = polygon["type"] == "Polygon"
    parts = [polygon["coordinates"]] if single else polygon["coordinates"]
    return sum(2 * ring_area(part[0]) - sum(map(ring_area, part)) for part in parts)


def ring_area(ring: Sequence[Sequence[float]]) -> float:
    """Square metres inside a ring, in a cylindrical projection that keeps areas (Lambert)."""
    lon, lat = np.radians(np.array(ring)).T
    x, y = lon, np.sin(lat)
    twice = abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return float(twice / 2 * grid.EARTH_RADIUS_M**2)


def flat(polygon: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The polygon without heights, once it is sure to be one."""
    coordinates, single = polygon.get("coordinates"), polygon["type"] == "Polygon"
    parts = [coordinates] if single else coordinates
    if (
        not isinstance(parts, list)
        or not parts
        or not all(isinstance(part, list) and part for part in parts)
    ):
        raise FileError(f"{file} holds a polygon without a ring")
    rings = [[checked_ring(ring, file) for ring in part] for part in parts]
    return {"type": polygon["type"], "coordinates": rings[0] if single else rings}


def checked_ring(ring: Any, file: Path) -> list[tuple[float, float]]:
    """The longitudes and latitudes of a ring; refuses what is none."""
    if not isinstance(ring, list) or len(ring) < 4:
        raise FileError(f"{file}: a polygon's ring needs four positions or more")
    for position in ring:
        if not isinstance(position, list) or len(position) < 2:
            raise FileError(f"{file}: {position} is no position [lon, lat]")
        if not all(isinstance(each, (int, float)) and math.isfinite(each) for each in position):
            raise FileError(f"{file}: {position} is no position [lon, lat]")
        if abs(position[0]) > 180 or abs(position[1]) > 90:
            raise FileError(f"{file}: {position} is no [lon, lat] in degrees (EPSG:4326)")
    return [(float(position[0]), float(position[1])) for position in ring]


def check_exchanged(rows: Rows, outside: Ints, cells: Cells, resolution: int) -> None:
    """Refuse rows that lie far outside the area, but in it with lon and lat exchanged."""
    where = grid.centres(cells)
    (west, south), (east, north) = where.min(axis=0), where.max(axis=0)
    lon, lat = rows.lon[outside], rows.lat[outside]
    apart = np.maximum.reduce([west - lon, lon - east, south - lat, lat - north])
    turned = (apart > FAR_DEGREES) & (lat >= west) & (lat <= east) & (lon >= south) & (lon <= north)
    suspects = outside[turned]
    exchanged = grid.cells_at(rows.lat[suspects], rows.lon[suspects], resolution)
    if len(certain := suspects[grid.positions(cells, exchanged) >= 0]):
        raise FileError(
            f"line {rows.lines[certain[0]]}, columns lon and lat: exchanged, they lie in the area"
            f" ({len(certain)} rows)"
        )
