"""Where the places of a layer lie: a cell's name says it, so layers are kept without shapes."""

from typing import Any

from api.hotspots.schemas import FeatureOut
from geo import grid

DRAWN, SENT = 4, 3
"""Decimals of a degree: ten metres where cells are drawn, a hundred where they are sent, a tenth
of a cell's width. Corners that cells share are rounded alike, so there are no gaps."""
STRIP = 0.15
"""Degrees. Cells that touch are sent near each other, which packs best: strip by strip."""


def ring(cell: str, decimals: int = DRAWN) -> list[list[float]]:
    """A cell's border."""
    corners = grid.outline(int(cell, 16))
    return [[round(lon, decimals), round(lat, decimals)] for lon, lat in corners]


def shaped(
    feature: dict[str, Any], *, decimals: int = DRAWN, hidden: bool = False
) -> dict[str, Any]:
    """A place with its shape. Wards have theirs in the tiles of the wards; hidden cells are told
    by name, and have a shape where they are drawn."""
    facts, shape = feature["properties"], None
    if facts["cell"] is not None and (hidden or not facts["suppressed"]):
        shape = {"type": "Polygon", "coordinates": [ring(facts["cell"], decimals)]}
    return {"type": "Feature", "geometry": shape, "properties": facts}


def side_by_side(feature: FeatureOut) -> tuple[Any, ...]:
    """The order of sending: the first band by rank, other cells by place, what has no shape."""
    facts = feature.properties
    if facts.area_band == "top1":
        return (0,)
    if feature.geometry is None:
        return 2, facts.ward_code, facts.cell or ""
    lon, lat = feature.geometry["coordinates"][0][0]
    return 1, lon // STRIP, lat
