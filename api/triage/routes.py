"""The station's queue, its cases, and what officers do with them."""

import re
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response

from api import problems
from api.audit import audited
from api.clock import Now
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.i18n import Speak
from api.paging import PAGE, Limit, next_link, unknown_cursor
from api.reports.tables import State
from api.secrets import Keys
from api.texts import CleanText
from api.triage import cursors, lifecycle, queries, schemas
from api.triage.queries import CaseOfficer, OfficerSession

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["cases"])

ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"', re.ASCII)
VERSION = {
    "ETag": {"description": "The version of the case, for If-Match", "schema": {"type": "string"}}
}
WITH_VERSION: dict[int | str, dict[str, Any]] = {
    200: {"description": "The case", "headers": VERSION}
}


@router.get(
    "/queue",
    response_model=schemas.CasesOut,
    responses=TAGGED
    | problems.documented(
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.MalformedRequest,
        problems.ServiceUnavailable,
    ),
)
async def read_queue(
    request: Request,
    response: Response,
    officer: CaseOfficer,
    session: OfficerSession,
    language: Speak,
    state: Annotated[State | None, Query(description="Without it: every open case")] = None,
    category: Annotated[CleanText | None, Query(max_length=64)] = None,
    urgency: Annotated[int | None, Query(ge=1, le=3)] = None,
    cursor: Annotated[str | None, Query(max_length=cursors.LONGEST)] = None,
    limit: Limit = PAGE,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """The station's own cases and those it is informed of, most urgent first, then oldest."""
    keys: Keys = request.app.state.keys
    after = None
    if cursor is not None:
        after = cursors.unseal(keys, officer.station_id, cursor)
        if after is None:
            raise unknown_cursor(language)
    wanted = queries.QueueFilter(state, category, urgency)
    rows = await queries.queue(session, officer, wanted, after=after, limit=limit + 1)
    page, following = rows[:limit], None
    if len(rows) > limit:
        last = queries.Position(page[-1].urgency, page[-1].received_at, page[-1].case_id)
        following = cursors.seal(keys, officer.station_id, last)
        asked = {"state": state, "category": category, "urgency": urgency, "limit": limit}
        response.headers["Link"] = next_link(request, following, asked)
    body = schemas.CasesOut(items=[schemas.case_item(row) for row in page], next_cursor=following)
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


@router.get(
    "/cases/{case_id}",
    response_model=schemas.CaseOut,
    responses=TAGGED
    | WITH_VERSION
    | problems.documented(
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.NotFound,
        problems.InvalidRequest,
        problems.MalformedRequest,
        problems.ServiceUnavailable,
    ),
)
async def read_case(
    response: Response,
    case_id: uuid.UUID,
    officer: CaseOfficer,
    session: OfficerSession,
    if_none_match: IfNoneMatch = None,
) -> schemas.CaseOut | Response:
    """One case of the station, its own or one it is informed of."""
    case = await queries.find_case(session, officer, case_id)
    if case is None:
        raise problems.NotFound
    if case.version in versions(if_none_match or ""):
        return Response(status_code=304, headers={"ETag": etag(case.version)})
    await session.execute(lifecycle.about_case("case.read", officer, case_id))
    response.headers["ETag"] = etag(case.version)
    return schemas.case_out(case, await queries.events_of(session, case_id))


@router.post(
    "/cases/{case_id}/acknowledgement",
    responses=WITH_VERSION
    | problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.ReadOnlyCase,
        problems.CrossSiteRequest,
        problems.NotFound,
        problems.TransitionNotAllowed,
        problems.PreconditionFailed,
        problems.InvalidRequest,
        problems.PreconditionRequired,
        problems.ServiceUnavailable,
    ),
)
async def acknowledge_case(
    response: Response,
    case_id: uuid.UUID,
    officer: CaseOfficer,
    session: OfficerSession,
    now: Now,
    _: Annotated[schemas.NothingIn | None, Body()] = None,
    if_match: Annotated[str | None, Header()] = None,
) -> schemas.CaseOut:
    """Take a case into the station's register; the reporter is told its number."""
    if if_match is None:
        raise problems.PreconditionRequired
    await lifecycle.acknowledge(session, officer, case_id, versions=versions(if_match), now=now)
    case = await queries.find_case(session, officer, case_id)
    if case is None:
        raise problems.NotFound
    response.headers["ETag"] = etag(case.version)
    return schemas.case_out(case, await queries.events_of(session, case_id))


def etag(version: int) -> str:
    """A version as an entity tag."""
    return f'"{version}"'


def versions(header: str) -> list[int]:
    """The versions an If-Match or If-None-Match names. `*` names none: say which one you saw.

    A weak tag counts: a proxy that compresses makes every tag weak, and a version is exact.
    """
    return [int(found) for found in ETAG.findall(header)]
