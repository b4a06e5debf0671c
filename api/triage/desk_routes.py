"""Reports that officers write down for somebody at the desk, on the phone or in a letter."""

import uuid
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from api import problems
from api.accounts.identity import ANONYMOUS
from api.clock import LocalTime, Now
from api.guards import StrictRoute
from api.i18n import language_asked
from api.problems import EmergencyCall
from api.reports import lifecycle
from api.reports.intake import Submission
from api.reports.routes import intake_at
from api.reports.schemas import AcceptedOut, Enclosed, ReceiptOut, RoutingOut
from api.reports.tables import Channel, Report, State
from api.secrets import Keys
from api.triage import work
from api.triage.answers import case_seen
from api.triage.lifecycle import Act, about_case, with_service_rights
from api.triage.queries import CaseOfficer, OfficerSession
from api.triage.schemas import CaseOut
from api.triage.versions import etag

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["cases"])


class DeskReportIn(Enclosed):
    """A report as an officer writes it down; name and phone are sealed like anybody's."""

    id: Annotated[
        uuid.UUID, Field(description="Made by the client: the same again changes nothing")
    ]
    channel: Literal[Channel.WALK_IN, Channel.PHONE, Channel.LETTER]


class DeskReportOut(BaseModel):
    """What the officer sees, and what the person takes home."""

    case: CaseOut | None = Field(description="Null when another station answers for the place")
    received_at: LocalTime
    receipt: ReceiptOut = Field(description="For the person: with the code they ask for the result")
    routing: RoutingOut
    emergency: EmergencyCall | None


AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": DeskReportOut, "description": "The same again"}
}


@router.post(
    "/cases",
    status_code=201,
    responses=AGAIN
    | problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.CrossSiteRequest,
        problems.ReportIdReused,
        problems.InvalidRequest,
        problems.CoordinatesSwapped,
        problems.ServiceUnavailable,
    ),
)
async def take_report_at_desk(
    request: Request,
    response: Response,
    written: DeskReportIn,
    officer: CaseOfficer,
    session: OfficerSession,
    now: Now,
) -> DeskReportOut:
    """Take a report for somebody. It goes the way of every report, to whoever answers for it.

    What is the station's own is entered into its register at once.
    """
    keys: Keys = request.app.state.keys
    report_id = keys.desk_report_id(str(officer.station_id), written.id)
    intake = intake_at(request, now)._replace(channel=written.channel, taken_by=officer.staff_id)
    report = written.report()
    submission = Submission(
        intake,
        report_id,
        report,
        ANONYMOUS,
        now,
        request.scope["tinbao.request_id"],
        language_asked(request) or report.language,
    )
    (outcome,) = await lifecycle.submit(request.app.state.hot, [submission], counted=[])
    if isinstance(outcome, problems.Problem):
        raise outcome
    async with with_service_rights(session, officer):
        stored = await session.execute(
            select(Report.case_id, Report.station_id, Report.state, Report.version).where(
                Report.id == keys.store_id(report_id)
            )
        )
        case = stored.one()
    await session.execute(about_case("report.written_down", officer, case.case_id))
    if case.station_id == officer.station_id and case.state == State.RECEIVED:
        with suppress(problems.PreconditionFailed):  # sent twice: the other one has entered it
            await work.acknowledge(session, Act(officer, case.case_id, [case.version], now))
    response.status_code = 201 if outcome.created else 200
    accepted = AcceptedOut.model_validate_json(outcome.answer)
    seen = await case_seen(session, officer, case.case_id, now=now)
    if seen is not None:
        response.headers["Location"] = f"/v1/cases/{seen.case_id}"
        response.headers["ETag"] = etag(seen.version)
    return DeskReportOut(
        case=seen,
        received_at=accepted.received_at,
        receipt=accepted.receipt,
        routing=accepted.routing,
        emergency=accepted.emergency,
    )
