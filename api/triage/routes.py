"""Cases, as officers read them."""

import uuid

from fastapi import APIRouter, Response

from api import problems
from api.clock import Now
from api.etags import TAGGED, IfNoneMatch
from api.guards import StrictRoute
from api.triage import lifecycle, schemas
from api.triage.answers import case_seen
from api.triage.queries import CaseOfficer, OfficerSession
from api.triage.versions import WITH_VERSION, etag, versions

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["cases"])


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
    now: Now,
    if_none_match: IfNoneMatch = None,
) -> schemas.CaseOut | Response:
    """One case of the station, its own or one it is informed of."""
    case = await case_seen(session, officer, case_id, now=now)
    if case is None:
        raise problems.NotFound
    if case.version in versions(if_none_match or ""):
        return Response(status_code=304, headers={"ETag": etag(case.version)})
    await session.execute(lifecycle.about_case("case.read", officer, case_id))
    response.headers["ETag"] = etag(case.version)
    return case
