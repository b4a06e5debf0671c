"""What crosses the wire about tiles: TileJSON 3.0.0."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.triage.filters import QueueFilter


class CaseTileAsked(QueueFilter):
    """What of the station's cases a tile shows."""

    clustered: Annotated[
        bool | None, Field(description="Counts or single cases; without it, as the zoom has room")
    ] = None


class VectorLayerOut(BaseModel):
    """A layer of a tile and what its features tell."""

    id: str
    fields: dict[str, str]


class TileJsonOut(BaseModel):
    """Where the tiles of a layer are, for map libraries."""

    tilejson: Literal["3.0.0"] = "3.0.0"
    name: str
    tiles: list[str]
    scheme: Literal["xyz"] = "xyz"
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]
    attribution: str
    vector_layers: list[VectorLayerOut]
