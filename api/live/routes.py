"""The queue as it changes, told to an open page; and where officers are woken without one."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from api import problems
from api.accounts.device_routes import PushIn
from api.accounts.sessions import OfficerIdentity, SessionToken
from api.db import Session
from api.guards import StrictRoute
from api.live.feed import Change
from api.live.hub import Hub, Stream
from api.live.tables import StaffDevice
from api.secrets import token_hash
from api.triage.queries import CaseOfficer
from api.wire import ON_STOP
from notifications import registrations
from notifications.inbox import Position

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["live"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

PING_EVERY_S = 15.0
RETRY_MS = 2000
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            "Server-sent events. `ready`: you are told everything from here on."
            " `case.changed`: a case you may see is new or different; read it again."
            " `case.gone`: it left your sight."
            " `resync`: you missed too much, read your queue again."
            " The id of an event, sent back as Last-Event-ID, goes on behind it."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/queue/events", response_class=StreamingResponse, responses=STREAM)
async def stream_queue(
    request: Request,
    token: SessionToken,
    officer: CaseOfficer,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> EventSourceResponse:
    """Changes of the station's cases as they happen, for as long as the session is good."""
    hub: Hub = request.app.state.hub
    if not hub.ready:
        raise problems.ServiceUnavailable
    request.scope[ON_STOP] = hub.end
    told = events(hub, token_hash(token), officer, last_event_id)
    return EventSourceResponse(told, headers={"X-Accel-Buffering": "no"})


async def events(
    hub: Hub, hashed: bytes, officer: OfficerIdentity, last_event_id: str | None
) -> AsyncIterator[bytes]:
    """The stream as it goes over the wire."""
    with hub.listening(hashed, officer) as stream:
        station_id = str(officer.station_id)
        missed = await missed_since(hub, stream, station_id, last_event_id)
        if missed is None:
            yield event("resync", stream.begins)
        else:
            for change in missed:
                yield about(change, station_id)
        yield event("ready", stream.begins, retry=RETRY_MS)
        while True:
            if stream.lagged:
                return
            try:
                happened = await stream.next(PING_EVERY_S)
            except TimeoutError:
                yield KEEPALIVE_COMMENT
                continue
            if happened is None:
                return
            yield about(happened, station_id)


async def missed_since(
    hub: Hub, stream: Stream, station_id: str, last_event_id: str | None
) -> list[Change] | None:
    """What happened since the event a client saw last; None when it cannot be said."""
    if last_event_id is None:
        return []
    try:
        since = Position.decode(last_event_id)
    except ValueError:
        return None
    return await hub.replay(station_id, since=since, until=stream.begins)


def about(change: Change, station_id: str) -> bytes:
    """A change as one station is told it."""
    relation = change.relation(station_id)
    if relation is None:
        return event("case.gone", change.position, case_id=str(change.case_id))
    return event(
        "case.changed",
        change.position,
        case_id=str(change.case_id),
        kind=change.kind,
        state=change.state,
        version=change.version,
        category=change.category,
        urgency=change.urgency,
        relation=relation,
    )


def event(name: str, position: Position, *, retry: int | None = None, **data: Any) -> bytes:
    """One event."""
    return format_sse_event(
        data_str=json.dumps(data), event=name, id=position.encode(), retry=retry
    )


@router.put("/staff/self/push", status_code=204)
async def register_staff_push(
    request: Request, push: PushIn, session: Session, officer: CaseOfficer
) -> None:
    """Wake this phone when an urgent case comes in; the push says nothing about it."""
    state = request.app.state
    recipient = state.keys.reporter_key(f"staff:{officer.staff_id}")
    device = {"staff_id": officer.staff_id, "recipient": recipient}
    await session.execute(
        insert(StaffDevice).values(device).on_conflict_do_nothing(index_elements=["staff_id"])
    )
    await registrations.register(
        session,
        recipient=recipient,
        token_hash=registrations.token_hash(state.keys.push_tokens, push.token),
        sealed=state.token_sealer.seal(push.token),
        language=push.language,
    )


@router.delete("/staff/self/push", status_code=204)
async def unregister_staff_push(request: Request, session: Session, officer: CaseOfficer) -> None:
    """Do not wake this phone any more."""
    recipient = request.app.state.keys.reporter_key(f"staff:{officer.staff_id}")
    await session.execute(delete(StaffDevice).where(StaffDevice.staff_id == officer.staff_id))
    await registrations.unregister(session, recipient=recipient)
