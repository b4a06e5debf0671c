"""What crosses the wire about cases, on the officers' side: never who reported."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from api.accounts.tables import ReporterKind
from api.clock import LocalTime, blurred
from api.reports.tables import PlaceSource, ReportKind, State


class NothingIn(BaseModel):
    """An act that needs no words."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlaceOut(BaseModel):
    """The place as it was reported: a circle (EPSG:4326), or what was known instead."""

    lon: float | None
    lat: float | None
    accuracy_m: float | None
    source: PlaceSource
    note: str | None
    ward_code: str | None
    province_code: str | None


class CaseItemOut(BaseModel):
    """A case in the queue."""

    case_id: uuid.UUID
    state: State
    version: int
    register_number: str | None = Field(description="Number and year, such as 12/2026")
    kind: ReportKind
    category: str
    category_word: str | None = Field(description="What the reporter's app called an `other`")
    urgency: int = Field(description="3 emergency, 2 urgent, 1 normal")
    text: str
    language: str
    place: PlaceOut
    ward_code: str | None = Field(description="The ward that the routing found")
    confidence: str
    received_at: LocalTime = Field(description="Rounded down to 5 minutes for who has no account")
    observed_at: LocalTime | None
    relation: Literal["owner", "informed"] = Field(description="An informed station only reads")
    flags: list[str]


class CasesOut(BaseModel):
    """A page of the queue."""

    items: list[CaseItemOut]
    next_cursor: str | None


class CaseEventOut(BaseModel):
    """What happened to a case."""

    kind: str
    at: LocalTime
    actor_kind: str
    actor_id: str | None
    data: dict[str, Any]


class CaseOut(CaseItemOut):
    """A case with its routing decision and its history."""

    routing: dict[str, Any] = Field(description="The decision: candidates, shares, rule, edition")
    events: list[CaseEventOut]


def register_number(year: int | None, number: int | None) -> str | None:
    """How a line of the register is quoted."""
    return None if number is None else f"{number}/{year}"


def shown(at: dt.datetime, reporter_kind: str) -> dt.datetime:
    """A reporter's time as officers see it: exact only for who uses an account."""
    return at if reporter_kind == ReporterKind.ACCOUNT else blurred(at)


def item_facts(row: Row[Any]) -> dict[str, Any]:
    """What the queue shows of a row of `queries.LISTED`."""
    return {
        "case_id": row.case_id,
        "state": row.state,
        "version": row.version,
        "register_number": register_number(row.register_year, row.register_number),
        "kind": row.kind,
        "category": row.category,
        "category_word": row.category_word,
        "urgency": row.urgency,
        "text": row.text,
        "language": row.language,
        "place": PlaceOut(
            lon=row.lon,
            lat=row.lat,
            accuracy_m=row.accuracy_m,
            source=row.place_source,
            note=row.place_note,
            ward_code=row.claimed_ward_code,
            province_code=row.claimed_province_code,
        ),
        "ward_code": row.ward_code,
        "confidence": row.confidence,
        "received_at": shown(row.received_at, row.reporter_kind),
        "observed_at": row.observed_at and shown(row.observed_at, row.reporter_kind),
        "relation": row.relation,
        "flags": row.flags,
    }


def case_item(row: Row[Any]) -> CaseItemOut:
    """A case in the queue."""
    return CaseItemOut.model_validate(item_facts(row))


def case_out(row: Row[Any], events: Sequence[Row[Any]]) -> CaseOut:
    """A case with its history; the reporter's own acts have the reporter's rounded times."""
    history = [
        CaseEventOut(
            kind=event.kind,
            at=shown(event.at, row.reporter_kind) if event.actor_kind == "reporter" else event.at,
            actor_kind=event.actor_kind,
            actor_id=event.actor_id,
            data=event.data,
        )
        for event in events
    ]
    return CaseOut.model_validate({**item_facts(row), "routing": row.routing, "events": history})
