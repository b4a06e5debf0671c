"""Reports in: one, or a batch from a phone that was offline."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator

from api import problems
from api.accounts.identity import Reporter, address_of
from api.clock import Now
from api.guards import StrictRoute
from api.i18n import Speak, language_asked
from api.reports import answers, lifecycle, schemas
from api.reports.intake import Intake

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["reports"])

ACCEPTED: dict[int | str, dict[str, Any]] = {
    201: {"model": schemas.AcceptedOut, "description": "Accepted now"}
}

ANYONE: dict[str, Any] = {"security": [{}]}
"""For the document: a report needs no credentials, though it may have a reporter's."""


ReportId = Annotated[uuid.UUID, Path(), AfterValidator(schemas.check_report_id)]
"""The client's id of a report: a UUID of version 7 (version 4 is taken too)."""


def intake_at(request: Request, now: dt.datetime) -> Intake:
    """What a moment's reports are taken in with."""
    state = request.app.state
    reference = state.refresher.reference
    return Intake(
        keys=state.keys,
        sealer=reference.sealer,
        atlas=state.atlases.current(now),
        categories=reference.categories,
    )


@router.put(
    "/reports/{report_id}",
    response_model=schemas.AcceptedOut,
    openapi_extra=ANYONE,
    responses=ACCEPTED
    | problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.ReportIdReused,
        problems.BodyTooLarge,
        problems.InvalidRequest,
        problems.CoordinatesSwapped,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)
async def submit_report(
    request: Request,
    report_id: ReportId,
    report: schemas.ReportIn,
    reporter: Reporter,
    now: Now,
) -> Response:
    """Take a report and route it to the station that answers for its place.

    The id is the idempotency key, for good: the same report again gets the same answer (200).
    """
    state = request.app.state
    intake = intake_at(request, now)
    emergency = intake.category(report).emergency_call is not None
    outcomes = await lifecycle.submit(
        state.hot,
        intake,
        {report_id: report},
        reporter=reporter,
        now=now,
        request_id=request.scope["tinbao.request_id"],
        counted=[]
        if state.settings.limits.factor == 0
        else lifecycle.single_limits(reporter, address_of(request), emergency=emergency),
    )
    outcome = outcomes[report_id]
    if isinstance(outcome, problems.Problem):
        raise outcome
    language = language_asked(request) or report.language
    body = answers.accepted(outcome.stored, report_id=report_id, intake=intake, language=language)
    return Response(
        body.model_dump_json(),
        status_code=201 if outcome.created else 200,
        headers={"Location": f"/v1/my/reports/{report_id}"},
        media_type="application/json",
    )


@router.post(
    "/reports/batch",
    openapi_extra=ANYONE,
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.BodyTooLarge,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)
async def submit_reports(
    request: Request,
    batch: schemas.BatchIn,
    reporter: Reporter,
    now: Now,
    language: Speak,
) -> schemas.BatchOut:
    """Take up to 50 reports that waited on a phone; each is answered for itself, in order."""
    items = [answers.read_item(each, language) for each in batch.items]
    first: dict[uuid.UUID, schemas.ReportIn] = {}
    for item in items:
        if isinstance(item, schemas.BatchItemIn):
            first.setdefault(item.id, item.report())
    state = request.app.state
    intake = intake_at(request, now)
    outcomes = await lifecycle.submit(
        state.hot,
        intake,
        first,
        reporter=reporter,
        now=now,
        request_id=request.scope["tinbao.request_id"],
        counted=[]
        if state.settings.limits.factor == 0
        else lifecycle.batch_limits(reporter, address_of(request), len(first)),
    )
    answered = answers.BatchAnswers(
        intake=intake,
        outcomes=outcomes,
        reports=first,
        language=language_asked(request),
        request_id=request.scope["tinbao.request_id"],
    )
    return schemas.BatchOut(items=[answered.item(each) for each in items])
