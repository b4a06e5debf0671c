"""A layer as a file: a line for each place, and on each who took it out."""

import json
from enum import StrEnum
from typing import NamedTuple

from api.exports.files import (
    MARK,
    Cell,
    CsvFile,
    GeoJsonFile,
    XlsxFile,
    harmless,
    small_table,
)
from api.hotspots.schemas import HotspotsOut


class Format(StrEnum):
    """How a layer is written to a file."""

    CSV = "csv"
    XLSX = "xlsx"
    GEOJSON = "geojson"
    PDF = "pdf"


class Kind(NamedTuple):
    """Of file."""

    media_type: str


FILES = {
    Format.CSV: Kind(CsvFile.media_type),
    Format.XLSX: Kind(XlsxFile.media_type),
    Format.GEOJSON: Kind(GeoJsonFile.media_type),
    Format.PDF: Kind("application/pdf"),
}
COLUMNS = (
    "cell", "res", "ward_code", "ward_name", "count_band", "reporters_band", "intensity",
    "area_band", "p", "q", "is_hotspot", "gi_z", "expected", "ratio", "ratio_low", "ratio_high",
    "is_rising", "pattern", "last_seen_week",
)  # fmt: skip
ABOUT = ("scope", "window", "group", "as_of", "hotspots_found", "sentence", "caveat")


def table(layer: HotspotsOut, mark: str) -> list[list[Cell]]:
    """The lines, the names of the columns first; a layer that tells of no place has one line."""
    whole = layer.model_dump(mode="json")
    about = [harmless(as_cell(whole[name])) for name in ABOUT]
    told = [each["properties"] for each in whole["features"]]
    places = [each for each in told if not each["suppressed"]] or [{}]
    lines: list[list[Cell]] = [[*COLUMNS, *ABOUT, MARK]]
    for each in places:
        cells = [harmless(as_cell(each.get(name))) for name in COLUMNS]
        lines.append([*cells, *about, mark])
    return lines


def as_cell(value: Cell | bool) -> Cell:
    """A value as a table has it: flags are numbers."""
    return int(value) if isinstance(value, bool) else value


def written(layer: HotspotsOut, kind: Format, mark: str) -> bytes:
    """The file; a layer is small enough to be made in memory."""
    if kind == Format.GEOJSON:
        return json.dumps(layer.model_dump(mode="json") | {MARK: mark}, ensure_ascii=False).encode()
    return small_table(table(layer, mark), "csv" if kind == Format.CSV else "xlsx", mark)
