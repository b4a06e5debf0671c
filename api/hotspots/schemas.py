"""What crosses the wire about hotspots: GeoJSON of protected figures, and how sure they are."""

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.clock import LocalTime
from api.etags import InOrder
from api.hotspots.groups import Group

Window = Literal["7d", "28d", "90d"]
AreaBand = Literal["top1", "top5", "top10", "rest"]


class HotspotOut(BaseModel):
    """A cell, or a ward whose cells hold too few reporters each.

    `p`, `q`, `gi_z`, `expected` and `ratio` are about the cell and those round it. What depends on
    the same stands together: so a layer packs best.
    """

    res: int | None
    suppressed: bool = Field(description="Fewer than five reporters, or none: nobody can tell")
    is_rising: bool
    ward_name: str | None = None
    last_seen_week: dt.date | None = Field(
        None, description="The last day of the last week in which the cell had enough reporters"
    )
    count_band: str | None = Field(description="Reports that count; null where hidden")
    reporters_band: str | None = None
    area_band: AreaBand | None = None
    intensity: int | None = Field(None, description="Of the layer's highest score, to fives")
    ward_code: str
    cell: str | None = Field(description="H3; null for a ward as a whole")
    ratio: float | None = None
    ratio_low: float | None = Field(None, description="With `ratio_high`: the 95 % interval")
    ratio_high: float | None = None
    q: float | None = None
    p: float | None = None
    gi_z: float | None = Field(None, description="For analysts; no flag comes from it")
    expected: float | None = None
    is_hotspot: bool
    pattern: str | None = Field(None, description="What the last twelve weeks say")


class FeatureOut(BaseModel):
    """A place of the layer, cells to a hundred metres. Wards have their shapes in the tiles of the
    wards; of a hidden cell its H3 name says where it is."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None
    properties: HotspotOut


class CoverageOut(BaseModel):
    """How much of the scope anything is known of; null where that would tell too much."""

    cells_with_reports: float | None
    places_with_few_reporters: int | None


class EditionOut(BaseModel):
    """The boundaries that the wards are drawn by."""

    id: int
    effective_from: dt.date
    approximate: bool


class MethodOut(BaseModel):
    """What the figures were made with."""

    name: str
    version: str
    parameters: InOrder[Any]


class HotspotsOut(BaseModel):
    """A layer: the first one told of a day holds for that day."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    scope: str
    name: str | None
    window: Window
    group: Group
    as_of: dt.date = Field(description="The last day of the window")
    computed_at: LocalTime
    edition: EditionOut
    resolution: int | None = Field(description="Of the cells; null where only wards are told of")
    cells_total: int
    reports_used: int = Field(description="At least so many; to fives")
    reports_excluded: InOrder[int] = Field(
        description="By reason, at least so many; empty for a ward, where it would tell too much"
    )
    distinct_reporters: str
    k_min: int = Field(description="The fewest reporters that anything is told of")
    coverage: CoverageOut
    hotspots_found: int = Field(description="0 is a normal answer")
    rising_found: int
    sentence: str
    caveat: str
    method: MethodOut
    features: list[FeatureOut] = Field(
        description="First the highest 1 % of the area by rank, then other cells by place"
    )
