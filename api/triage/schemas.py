"""What crosses the wire about cases, on the officers' side: never who reported."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.accounts.tables import ReporterKind
from api.clock import LocalTime, blurred
from api.clocks.schemas import ClockOut, UrgingOut
from api.groups.naming import GroupNameOut, group_of
from api.reports.tables import Channel, PlaceSource, ReportKind, State
from api.triage.dialogue_schemas import CaseMessageOut, FeedbackOut, OutcomeOut
from api.triage.tables import Side


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
    relation: Literal["owner", "informed", "gone"] = Field(
        description="An informed station only reads; gone is what your own step took out of sight"
    )
    flags: list[str]
    channel: Channel = Field(description="How it came; `app` is the reporter's own phone")
    group: GroupNameOut | None = Field(description="The group it was filed as, never by whom")


class CaseEventOut(BaseModel):
    """What happened to a case."""

    kind: str
    at: LocalTime
    actor_kind: str
    actor_id: str | None
    data: dict[str, Any]


class ClaimOut(BaseModel):
    """Who works on the case alone, as their colleagues see it."""

    by: str | None = Field(description="Null for who is of another station")
    until: LocalTime


class CaseOut(CaseItemOut):
    """A case with its routing decision and its history."""

    routing: dict[str, Any] = Field(description="The decision: candidates, shares, rule, edition")
    assignee: str | None = Field(description="Whose task it is; null also for another station's")
    claim: ClaimOut | None
    came_from: str | None = Field(description="The station that handed it over: it can be bounced")
    closed_at: LocalTime | None
    duplicate_of: uuid.UUID | None = Field(description="The case it was linked to")
    merged_count: int = Field(description="How many cases are linked to it")
    messages: list[CaseMessageOut] = Field(description="The newest 500, oldest first")
    outcomes: list[OutcomeOut]
    feedback: list[FeedbackOut]
    clocks: list[ClockOut] = Field(description="The first deadline first, what has stopped last")
    urgings: list[UrgingOut] = Field(description="What the province asked of the owner, and heard")
    events: list[CaseEventOut]


class PartOut(BaseModel):
    """One part of why two cases seem alike."""

    name: Literal["place", "time", "category", "words"]
    score: float = Field(description="From 0 (nothing alike) to 1")
    text: str


class SuggestionOut(CaseItemOut):
    """A case that may be about the same thing, and why it seems so."""

    score: float = Field(description="Its parts, weighed, from 0 to 1")
    parts: list[PartOut]


class SuggestionsOut(BaseModel):
    """The likeliest ones; there is no further page."""

    items: list[SuggestionOut]
    next_cursor: None


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
        "channel": row.channel,
        "group": group_of(row),
    }


def claim_of(row: Row[Any], now: dt.datetime) -> ClaimOut | None:
    """The claim that holds."""
    if row.claimed_until is None or row.claimed_until <= now:
        return None
    return ClaimOut(by=row.claimed_by, until=row.claimed_until)


def closed_at_of(row: Row[Any]) -> dt.datetime | None:
    """When it ended: rounded where its reporter ended it."""
    at: dt.datetime | None = row.closed_at
    if at is None or row.state != State.WITHDRAWN:
        return at
    return shown(at, row.reporter_kind)


def said_about(
    row: Row[Any],
    messages: Sequence[Row[Any]],
    outcomes: Sequence[Row[Any]],
    feedback: Sequence[Row[Any]],
) -> dict[str, Any]:
    """What was said about a case. The reporter's words have rounded times, and no ids.

    An id of the phone's making may hold the moment it was made.
    """
    return {
        "messages": [
            {**each._mapping, "id": None, "at": shown(each.at, row.reporter_kind)}
            if each.side == Side.REPORTER
            else each._mapping
            for each in messages
        ],
        "outcomes": [each._mapping for each in outcomes],
        "feedback": [
            {
                "closed_at": shown(each.closed_at, row.reporter_kind),
                "satisfied": each.satisfied,
                "text": each.text,
                "at": shown(each.at, row.reporter_kind),
            }
            for each in feedback
        ],
    }


def case_out(
    row: Row[Any], events: Sequence[Row[Any]], said: Mapping[str, Any], *, now: dt.datetime
) -> CaseOut:
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
    return CaseOut.model_validate(
        {
            **item_facts(row),
            "routing": row.routing,
            "assignee": row.assignee,
            "claim": claim_of(row, now),
            "came_from": row.last_station_id,
            "closed_at": closed_at_of(row),
            "duplicate_of": row.duplicate_of,
            "merged_count": row.merged_count,
            "events": history,
            **said,
        }
    )
