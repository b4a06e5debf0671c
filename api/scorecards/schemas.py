"""What crosses the wire about scorecards and their definitions."""

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

from api.clock import LocalTime

Withheld = Literal["too_few", "protected"]
Level = Literal["station", "province", "country"]


class WindowOut(BaseModel):
    """The days that are counted."""

    name: str
    first: dt.date
    last: dt.date


class LimitsOut(BaseModel):
    """Funnel limits for a station of this size; null where nothing lies outside."""

    low: float | None
    high: float | None


class ShareOut(BaseModel):
    """One count out of another."""

    numerator: int | None
    denominator: int | None
    rate: float | None
    low: float | None = Field(description="Of the 95 % interval (Wilson)")
    high: float | None
    withheld: Withheld | None = Field(
        description="`too_few`: out of fewer than 5; `protected`: a reporter could be singled out"
    )
    limits_95: LimitsOut | None
    limits_998: LimitsOut | None


class RateOut(ShareOut):
    """A rate with what it is made of, and what chance does not explain."""

    judgement: Literal["better", "worse", "within_chance"] | None = Field(
        description="Outside the 99.8 % limits of its peers, or not; null where nothing is said"
    )


class SignalOut(ShareOut):
    """A rate that asks a question. It is no verdict."""

    judgement: Literal["more", "fewer", "within_chance"] | None = Field(
        description="Outside the 99.8 % limits of its peers, or not; null where nothing is said"
    )
    question: str | None = Field(description="Only where there are more than chance explains")


class TimeOut(BaseModel):
    """How long something took."""

    count: int
    median: float | None = Field(description="Null out of fewer than 5")
    ninetieth: float | None
    unit: Literal["hours", "working_hours"]


class CardOut(BaseModel):
    """The numbers of one station, province or the country."""

    scope: str
    level: Level
    name: str
    overdue_now: int
    counts: dict[str, int | None] = Field(description="By the keys of the definitions")
    rates: dict[str, RateOut]
    signals: dict[str, SignalOut]
    times: dict[str, TimeOut]


class PeersOut(BaseModel):
    """What a rate is compared with."""

    target: float | None = Field(description="The rate of all of them together")
    dispersion: float = Field(description="How much wider than chance they differ, as variance")
    stations: int = Field(description="How many of them have a rate")


class MethodOut(BaseModel):
    """How it was made."""

    definitions: int = Field(description="The version of the definitions")
    interval: str
    limits: str
    flag: str


class ScorecardOut(BaseModel):
    """A card: the scope together, and a line for each of its parts, in order of their codes."""

    scope: str
    level: Level
    name: str
    window: WindowOut
    counted_until: LocalTime | None
    complete: bool = Field(description="Whether all that happened in the window is counted")
    kept: bool = Field(description="Whether a night wrote the numbers down: they stay as they are")
    total: CardOut
    lines: list[CardOut]
    peers: dict[str, PeersOut]
    method: MethodOut
    caveat: str


class CaseIdOut(BaseModel):
    """A case that a measure counts."""

    case_id: uuid.UUID


class CaseIdsOut(BaseModel):
    """A page of them, in order of their ids."""

    items: list[CaseIdOut]
    next_cursor: str | None


class TextOut(BaseModel):
    """A text in both languages."""

    vi: str
    en: str


class DefinitionOut(BaseModel):
    """What a measure is."""

    key: str
    type: Literal["count", "rate", "signal", "time"]
    name: TextOut
    counted: TextOut | None = Field(description="What is counted; of a rate see its two parts")
    numerator: str | None = Field(description="The key of the count above the line")
    denominator: str | None = Field(description="The key of the count below the line")
    better: Literal["higher", "lower"] | None
    unit: TextOut | None
    protected: bool = Field(description="Rounded to fives, withheld below 5")
    question: TextOut | None


class DefinitionsOut(BaseModel):
    """All measures, and what holds for every one of them."""

    version: int
    window: TextOut
    source: TextOut
    treatment: dict[str, TextOut]
    items: list[DefinitionOut]


class PublicRateOut(BaseModel):
    """A rate for everybody."""

    rate: float | None = Field(description="To the hundredth; null out of fewer than 20")
    out_of: int = Field(description="Rounded to fives")


class PublicLineOut(BaseModel):
    """A province, for everybody."""

    province_code: str
    name: str
    counts: dict[str, int] = Field(description="Rounded to fives")
    rates: dict[str, PublicRateOut]


class PublicSummaryOut(BaseModel):
    """The latest month whose numbers stay as they are."""

    window: WindowOut
    items: list[PublicLineOut] = Field(description="Empty until a night has counted the month")
    caveat: str
