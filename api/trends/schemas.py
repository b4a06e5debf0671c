"""What crosses the wire about trends: protected figures, and how sure they are."""

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.clock import LocalTime
from api.etags import InOrder

Step = Literal["day", "week"]
Group = Literal["all", "property", "violence", "drugs_gambling", "public_order", "safety", "other"]
Band = Literal["<5", "5-9", "10-19", "20-49", "50+"]
Direction = Literal["more", "fewer", "rising"]


class TrendEditionOut(BaseModel):
    """The boundaries that the wards are drawn by."""

    id: int
    effective_from: dt.date
    approximate: bool


class PointOut(BaseModel):
    """A day or a week of a series."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    count: int | None = Field(description="Rounded down to fives; null below five")
    expected: int | None = Field(description="What was expected before it, to fives")
    low: int | None = Field(description="With `high`: where 95 of 100 such counts lie")
    high: int | None


class ChangeOut(BaseModel):
    """What is not as usual in the last days."""

    direction: Literal["more", "fewer"] = Field(
        description="`fewer` warns that reports may not get through; it never means safe"
    )
    group: Group
    days: int
    last: dt.date = Field(description="The last of those days")
    count_band: Band
    expected: int = Field(description="To fives")
    p: float = Field(description="By chance alone, rounded to two digits, at least 0.01")
    q: float = Field(description="The same, all places and groups that were looked at counted in")
    text: str


class IntervalOut(BaseModel):
    """Where so many percent of such counts lie."""

    level: Literal[50, 80, 95]
    low: int
    high: int


class ShareOut(BaseModel):
    """How many of the past forecasts lay in their interval."""

    level: Literal[50, 80, 95]
    share: float


class PastOut(BaseModel):
    """How forecasts made the same way turned out."""

    forecasts: int
    inside: list[ShareOut]


class ForecastOut(BaseModel):
    """How many reports the next days will bring, of the whole place; never who or where in it."""

    from_: dt.date = Field(alias="from")
    to: dt.date
    days: int
    expected: int = Field(description="To fives")
    intervals: list[IntervalOut]
    past: PastOut


class MethodOut(BaseModel):
    """What the figures were made with."""

    name: str
    version: int
    parameters: InOrder[Any]


class TrendsOut(BaseModel):
    """A series, what was expected, what has changed, and what comes next."""

    scope: str
    name: str | None
    group: Group
    as_of: dt.date
    through: dt.date = Field(description="The last day that is counted")
    step: Step = Field(description="`week` where days hold too few reporters to be told")
    edition: TrendEditionOut
    computed_at: LocalTime
    k_min: int = Field(description="The fewest reporters that anything is told of")
    weeks_known: int
    left_out: Band = Field(description="Reports without a place that fit no present ward")
    series: list[PointOut]
    changes_found: int
    changes: list[ChangeOut]
    forecasts: list[ForecastOut]
    sentence: str
    caveat: str
    method: MethodOut


class AlertOut(BaseModel):
    """A change that you were told of."""

    id: int
    scope: str
    direction: Direction
    group: str
    began_on: dt.date
    last_on: dt.date
    ended_on: dt.date | None = Field(description="Null while it goes on")
    told_at: LocalTime
    days: int
    count_band: Band
    expected: int | None = Field(description="To fives; null for rising hotspots")
    q: float
    text: str


class AlertsOut(BaseModel):
    """A page of alerts, newest first."""

    items: list[AlertOut]
    next_cursor: str | None
