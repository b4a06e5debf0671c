"""Small made-up wards: squares side by side, written as files that GDAL reads."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import shapely

WEST, SOUTH, SIDE = 105.0, 21.0, 0.02
"""The lower left corner of the first square, and the length of its sides, in degrees."""


def square(
    column: float, row: float = 0, *, width: float = 1, height: float = 1
) -> shapely.Polygon:
    """The square of a column and row; neighbours share their corners exactly."""
    return shapely.box(
        WEST + column * SIDE,
        SOUTH + row * SIDE,
        WEST + (column + width) * SIDE,
        SOUTH + (row + height) * SIDE,
    )


def ward(code: str | int | None, shape: Any, **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature of a ward of Hà Nội."""
    facts = {
        "code": code,
        "name": f"Phường {code}",
        "province_code": "01",
        "province_name": "Thành phố Hà Nội",
    } | properties
    return feature(shape, {name: value for name, value in facts.items() if value is not None})


def feature(shape: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    """A GeoJSON feature."""
    geometry = None if shape is None else json.loads(shapely.to_geojson(shape))
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write(path: Path, features: Iterable[Mapping[str, Any]]) -> Path:
    """A GeoJSON file of the features."""
    collection = {"type": "FeatureCollection", "features": list(features)}
    path.write_text(json.dumps(collection, ensure_ascii=False), encoding="utf-8")
    return path


def three_wards() -> list[dict[str, Any]]:
    """Three squares in a row: 00001, 00002, 00003."""
    return [ward(f"0000{i}", square(i)) for i in (1, 2, 3)]
