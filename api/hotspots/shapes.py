"""Where the places of a layer lie: a cell's name says it, so layers are kept without shapes."""

from typing import Any

from geo import grid


def ring(cell: str) -> list[list[float]]:
    """A cell's border to ten metres, a fiftieth of its width."""
    return [[round(lon, 4), round(lat, 4)] for lon, lat in grid.outline(int(cell, 16))]


def shaped(feature: dict[str, Any], *, hidden: bool = False) -> dict[str, Any]:
    """A place with its shape. Wards have theirs in the tiles of the wards; hidden cells are told
    by name, and have a shape where they are drawn."""
    properties = feature["properties"]
    if properties["cell"] is None or (properties["suppressed"] and not hidden):
        return feature
    shape = {"type": "Polygon", "coordinates": [ring(properties["cell"])]}
    return feature | {"geometry": shape}
