"""What crosses the wire about places, wards and stations."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from api.reports.schemas import (
    CandidateOut,
    Confidence,
    EditionOut,
    In,
    Latitude,
    Longitude,
    Metres,
    Out,
    StationOut,
    Timestamp,
    WardOut,
    refuse_swapped,
)


class LocateIn(In):
    """A place, and the moment whose boundaries are asked for (default: now)."""

    lon: Longitude
    lat: Latitude
    accuracy_m: Metres | None = None
    at: Timestamp | None = None

    @model_validator(mode="before")
    @classmethod
    def _swapped(cls, value: object) -> object:
        return refuse_swapped(value)


class LocateOut(Out):
    """Which ward a place lies in, who answers for it, and how sure that is."""

    ward: WardOut | None
    station: StationOut
    edition: EditionOut | None
    confidence: Confidence
    candidates: list[CandidateOut]
    distance_to_border_m: float | None
    flags: list[str]


class LocateBatchIn(In):
    """Up to 10,000 points, each [lon, lat]."""

    items: Annotated[list[tuple[Longitude, Latitude]], Field(max_length=10_000)]

    @model_validator(mode="before")
    @classmethod
    def _swapped(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("items"), list):
            for item in value["items"][:10_000]:
                if isinstance(item, list) and len(item) == 2:
                    refuse_swapped({"lon": item[0], "lat": item[1]})
        return value


class LocateBatchOut(Out):
    """Ward codes in the order of the points; null where no ward contains the point."""

    items: list[str | None]
    edition: EditionOut | None


class CategoryOut(Out):
    """What can be reported, in the language asked for."""

    code: str
    kinds: list[str]
    name: str
    urgency: int
    emergency_call: str | None
    sensitive: bool
    questions: list[str]


class CategoriesOut(Out):
    """All categories, in the order to show them."""

    items: list[CategoryOut]
    next_cursor: None = None


class ReceiptKeyOut(Out):
    """A public key that receipts are signed with (Ed25519, base64url)."""

    key_id: str
    public_key: str


class ConfigOut(Out):
    """What an app needs to know of this installation."""

    mode: str
    languages: list[str]
    report_kinds: list[str]
    place_sources: list[str]
    edition: EditionOut | None
    attribution: str | None
    receipt_keys: list[ReceiptKeyOut]
    emergency_calls: dict[str, str]
    push: bool
    accounts: bool


class WardDetailOut(WardOut):
    """A ward of the edition in force, and who answers for it."""

    station: StationOut
    edition: EditionOut
