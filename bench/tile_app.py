"""The same app, keeping no tiles: every one is drawn when it is asked for."""

from collections.abc import Hashable

from fastapi import FastAPI

from api.app import from_environment
from api.maps.cache import Tile, TileCache


def forget(self: TileCache, key: Hashable, tile: Tile) -> None:
    """Keep nothing."""


def make() -> FastAPI:
    """The service of this environment, without room for tiles."""
    setattr(TileCache, "keep", forget)  # noqa: B010 - a class has no room for another function
    return from_environment()
