"""What crosses the wire about reports, on the reporter's side."""

import datetime as dt
import re
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.clock import LocalTime
from api.groups.naming import GroupNameOut
from api.i18n import Language
from api.problems import EmergencyCall, ProblemDocument
from api.reports.tables import PlaceSource, ReportKind
from api.texts import CleanText
from geo.points import swapped
from geo.tables import StationKind

RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
SECOND = dt.timedelta(seconds=1)
EARLIEST, LATEST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (1900, 2200))


def parse_time(value: str) -> dt.datetime:
    """An RFC 3339 time with offset, in UTC; ValueError otherwise. A leap second is the next one."""
    if not RFC3339.fullmatch(value):
        raise ValueError("not RFC 3339")
    leap = value[17:19] == "60"
    text = f"{value[:17]}59{value[19:]}" if leap else value
    try:
        parsed = dt.datetime.fromisoformat(text.upper()).astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("out of range") from None
    if not EARLIEST <= parsed < LATEST:
        raise ValueError("out of range")
    return parsed + SECOND if leap else parsed


def check_time(value: str) -> str:
    """The text unchanged (its hash is in the receipt), if it is a time."""
    try:
        parse_time(value)
    except ValueError:
        raise PydanticCustomError("time_offset", "not an RFC 3339 time with an offset") from None
    return value


REPORT_ID_VERSIONS = (4, 7)
"""Ids of reports are UUIDs of version 7; random ones are taken too."""


def check_report_id(value: uuid.UUID) -> uuid.UUID:
    """The id, if a phone may have made it."""
    if value.version not in REPORT_ID_VERSIONS:
        raise PydanticCustomError("report_id", "not a UUID of version 7")
    return value


Timestamp = Annotated[
    CleanText, Field(max_length=64, json_schema_extra={"format": "date-time"}),
    AfterValidator(check_time),
]  # fmt: skip
Longitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-180, le=180)]
Latitude = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-90, le=90)]
Metres = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=100_000)]
UnitCode = Annotated[CleanText, Field(max_length=100)]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number, which true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def refuse_swapped(value: object) -> object:
    """Raise with the mended pair when longitude and latitude are certainly swapped."""
    if isinstance(value, dict):
        lon, lat = value.get("lon"), value.get("lat")
        if is_number(lon) and is_number(lat):
            mended = swapped(lon, lat)
            if mended is not None:
                suggestion = {"lon": mended[0], "lat": mended[1]}
                raise PydanticCustomError(
                    "coordinates_swapped", "swapped", {"suggestion": suggestion}
                )
    return value


class In(BaseModel):
    """A write model: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceIn(In):
    """Where it is: a circle on the ground (EPSG:4326), or what is known instead."""

    lon: Longitude | None = None
    lat: Latitude | None = None
    accuracy_m: Metres | None = Field(None, description="Radius of the uncertainty, metres")
    source: PlaceSource
    ward_code: UnitCode | None = None
    province_code: UnitCode | None = None
    note: Annotated[CleanText, Field(max_length=2000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _swapped(cls, value: object) -> object:
        return refuse_swapped(value)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.lon is None) != (self.lat is None):
            raise PydanticCustomError("coordinates_pair", "give both lon and lat, or neither")
        measured = (PlaceSource.GPS, PlaceSource.NETWORK, PlaceSource.PIN)
        if self.source in measured and self.lon is None:
            raise PydanticCustomError("coordinates_required", "this source needs coordinates")
        return self


class ContactIn(In):
    """How to reach the reporter: sealed at once, never readable by the station."""

    name: Annotated[CleanText, Field(max_length=200)] | None = None
    phone: Annotated[CleanText, Field(max_length=40)] | None = None


class ReportIn(In):
    """A report as its phone sends it. Its fields and defaults are what `body_sha256` covers."""

    kind: ReportKind
    category: Annotated[CleanText, Field(min_length=1, max_length=200)]
    text: Annotated[CleanText, Field(min_length=1, max_length=20_000)]
    place: PlaceIn
    observed_at: Timestamp | None = None
    about_station: StrictBool = False
    group_id: Annotated[CleanText, Field(max_length=200)] | None = None
    contact: ContactIn | None = None
    language: Language = "vi"


class Enclosed(ReportIn):
    """A report with something about it."""

    def report(self) -> ReportIn:
        """The report alone: what `body_sha256` covers."""
        return ReportIn.model_construct(
            **{name: getattr(self, name) for name in ReportIn.model_fields}
        )


class BatchItemIn(Enclosed):
    """A report of a batch, with its id."""

    id: Annotated[uuid.UUID, AfterValidator(check_report_id)]


class BatchIn(In):
    """Up to 50 reports; each is judged for itself, so they are read one by one."""

    items: Annotated[Sequence[Any], Field(max_length=50)]


class Out(BaseModel):
    """A read model."""

    model_config = ConfigDict(from_attributes=True)


class StationOut(Out):
    """Who answers."""

    id: str
    name: str
    phone: str | None
    kind: StationKind


class WardOut(Out):
    """A commune-level unit."""

    code: str
    name: str
    type: str
    province_code: str
    province_name: str


class EditionOut(Out):
    """A boundary edition; an approximate one is a demonstration without real boundaries."""

    id: int
    effective_from: dt.date
    approximate: bool


class CandidateOut(Out):
    """A ward that the place may lie in, and the share of the circle that does."""

    ward_code: str
    ward_name: str
    share: float


Confidence = Literal["certain", "likely", "uncertain", "outside", "unknown"]


class RoutingOut(Out):
    """Who got the report and why."""

    station: StationOut
    ward: WardOut | None
    edition: EditionOut | None
    confidence: Confidence
    candidates: list[CandidateOut]


class ReceiptOut(Out):
    """The proof: the code opens the report again, the signature shows what was accepted, when."""

    code: str
    body_sha256: str
    key_id: str
    signature: str


class AcknowledgementOut(Out):
    """One thing the reporter is told."""

    id: uuid.UUID
    kind: str
    text: str
    created_at: LocalTime


class AcceptedOut(Out):
    """The answer to a report, and to the same report sent again."""

    id: uuid.UUID
    state: Literal["received"]
    received_at: LocalTime
    receipt: ReceiptOut
    routing: RoutingOut
    acknowledgement: AcknowledgementOut
    emergency: EmergencyCall | None


class BatchItemOut(Out):
    """What became of one item: 200 or 201 with a body, else a problem."""

    id: str | None
    status: int
    body: AcceptedOut | None = None
    problem: ProblemDocument | None = None


class BatchOut(Out):
    """The items in the order they were sent."""

    items: list[BatchItemOut]


class ReportOut(Out):
    """A report as its reporter reads it later."""

    id: uuid.UUID
    state: str
    kind: str
    category: str
    text: str
    received_at: LocalTime
    observed_at: LocalTime | None
    register_number: str | None
    question_open: bool = Field(description="The station waits for an answer: see messages")
    station: StationOut
    routing: RoutingOut
    group: GroupNameOut | None = Field(description="The group I filed it as")


class MyOutcomeOut(Out):
    """How it ended, in the words meant for the reporter."""

    at: LocalTime
    state: str
    public_text: str


class MyFeedbackOut(Out):
    """What the reporter said of how it ended."""

    satisfied: bool
    text: str | None
    at: LocalTime


class ToldOut(Out):
    """One thing the reporter was told."""

    kind: str
    text: str
    created_at: LocalTime


class ReportDetailOut(ReportOut):
    """A report with what became of it."""

    outcome: MyOutcomeOut | None = Field(description="Once it has ended with one")
    feedback: MyFeedbackOut | None = Field(description="On this end")
    closed_at: LocalTime | None
    reopen_until: LocalTime | None = Field(description="Until when a closed one can be reopened")
    history: list[ToldOut] = Field(description="The last 100 things told, oldest first")


class MyMessageOut(Out):
    """One thing said in the dialogue; the station speaks as a station."""

    id: uuid.UUID
    side: Literal["reporter", "station"]
    station: str | None = Field(description="Which station said it")
    question: bool
    text: str
    at: LocalTime


class MyMessagesOut(Out):
    """A page of the dialogue, oldest first."""

    items: list[MyMessageOut]
    next_cursor: str | None


class ReportsOut(Out):
    """A page of the reporter's reports, newest first."""

    items: list[ReportOut]
    next_cursor: str | None


class ReceiptCodeIn(In):
    """A receipt code, however it was typed."""

    code: Annotated[CleanText, Field(min_length=1, max_length=64)]


class OpenedReceiptOut(Out):
    """A bearer token for this report, good for 15 minutes, and the report."""

    token: str
    expires_at: LocalTime
    report: ReportOut


class InboxItemOut(Out):
    """One message of the inbox."""

    id: uuid.UUID
    report_id: uuid.UUID = Field(
        description="Of a group's report that another sent: the id it has in the group's list"
    )
    kind: str
    text: str
    created_at: LocalTime


class InboxOut(Out):
    """The next messages, oldest first. `next_cursor` is where to go on, now or later."""

    items: list[InboxItemOut]
    next_cursor: str


class ShownIn(In):
    """Messages the device has shown."""

    ids: Annotated[list[uuid.UUID], Field(max_length=200)]
