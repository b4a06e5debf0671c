"""The station's queue, and handing it over."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime
from sqlalchemy import Row

from api import problems
from api.audit import audited
from api.clock import Now, blurred
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.i18n import Speak
from api.paging import next_link, unknown_cursor
from api.secrets import Keys
from api.triage import cursors
from api.triage.handover import handover
from api.triage.queries import CaseOfficer
from api.triage.queue import Position, ReaderSession, queue
from api.triage.queue_schemas import (
    HandoverOut,
    QueueAsked,
    QueueItemOut,
    QueueOut,
    Rule,
    queue_item,
)

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["cases"],
    responses=problems.documented(
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.MalformedRequest,
        problems.ServiceUnavailable,
    ),
)

SHIFT = dt.timedelta(hours=8)
LONGEST_SHIFT = dt.timedelta(days=7)


@router.get("/queue", response_model=QueueOut, responses=TAGGED)
async def read_queue(
    request: Request,
    response: Response,
    officer: CaseOfficer,
    session: ReaderSession,
    language: Speak,
    now: Now,
    asked: Annotated[QueueAsked, Query()],
    if_none_match: IfNoneMatch = None,
) -> Any:
    """The station's own cases and those it is informed of.

    Open ones have the most urgent first, then the oldest; lists with closed ones the newest first.
    """
    keys: Keys = request.app.state.keys
    after = None
    if asked.cursor is not None:
        after = cursors.unseal(keys, officer.station_id, asked, asked.cursor)
        if after is None:
            raise unknown_cursor(language)
    rows = await queue(session, officer, asked, now=now, after=after, limit=asked.limit + 1)
    page, following = rows[: asked.limit], None
    if len(rows) > asked.limit:
        last = Position(page[-1].urgency, page[-1].received_at, page[-1].case_id)
        following = cursors.seal(keys, officer.station_id, asked, last)
        question = asked.as_asked() | {"limit": asked.limit}
        response.headers["Link"] = next_link(request, following, question)
    rule: Rule = "newest" if asked.newest_first else "urgency-then-oldest"
    items = [queue_item(row, rule=rule, now=now) for row in page]
    body = QueueOut(items=items, next_cursor=following)
    answer = tagged(response, body, if_none_match)
    if answer is body:
        await session.execute(
            audited(
                "queue.read",
                actor_kind="staff",
                actor_id=str(officer.staff_id),
                object_kind="station",
                object_id=str(officer.station_id),
                scope=officer.scope,
            )
        )
    return answer


@router.get("/queue/handover")
async def read_handover(
    officer: CaseOfficer,
    session: ReaderSession,
    now: Now,
    since: Annotated[
        AwareDatetime | None, Query(description="When the shift began; without it, 8 hours ago")
    ] = None,
    hours: Annotated[int, Query(ge=1, le=24, description="How far ahead deadlines count")] = 8,
) -> HandoverOut:
    """What the next shift must know of the station's own cases.

    `since` counts from the 5 minutes it lies in, from 7 days ago at the earliest and now at the
    latest.
    """
    began = blurred(min(now, max(since or now - SHIFT, now - LONGEST_SHIFT)))
    until = blurred(now + dt.timedelta(hours=hours))
    counts, lists = await handover(session, officer, now=now, since=began, until=until)

    def shown(rows: Sequence[Row[Any]]) -> list[QueueItemOut]:
        return [queue_item(row, rule="urgency-then-oldest", now=now) for row in rows]

    await session.execute(
        audited(
            "handover.read",
            actor_kind="staff",
            actor_id=str(officer.staff_id),
            object_kind="station",
            object_id=str(officer.station_id),
            scope=officer.scope,
        )
    )
    return HandoverOut.model_validate(
        {"as_of": now, "since": began, "until": until, "counts": counts}
        | {name: shown(rows) for name, rows in lists.items()}
    )
