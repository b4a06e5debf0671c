"""Reports in: one, or a batch from a phone that was offline."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Path, Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from api import problems
from api.accounts.identity import Reporter, ReporterIdentity, address_of, reporter_of
from api.clock import Now, moment_of
from api.groups.filing import groups_of
from api.guards import NO_NAMES, StrictRoute, strict_json
from api.i18n import Speak, language_asked, language_of
from api.reports import answers, lifecycle, schemas
from api.reports.acceptance import Accepted
from api.reports.intake import Intake, Submission

Valid = TypeVar("Valid")

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["reports"])

ACCEPTED: dict[int | str, dict[str, Any]] = {
    201: {"model": schemas.AcceptedOut, "description": "Accepted now"}
}

BATCHED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Retry-After": {
                "description": "Seconds until every item that got 429 or 503 may come again",
                "schema": {"type": "integer"},
            }
        }
    }
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
        clocks=reference.clocks,
    )


async def with_groups(
    request: Request,
    intake: Intake,
    reporter: ReporterIdentity,
    reports: Iterable[schemas.ReportIn],
) -> Intake:
    """The same, knowing which of the groups that the reports name their sender belongs to."""
    named = {each.group_id for each in reports if each.group_id is not None}
    if not named:
        return intake
    return intake._replace(groups=await groups_of(request.app.state.engine, reporter, named))


async def submit_report(
    request: Request,
    report_id: ReportId,
    report: schemas.ReportIn,
    reporter: Reporter,
    now: Now,
) -> Accepted:
    """Take a report and route it to the station that answers for its place.

    The id is the idempotency key, for good: the same report again gets the same answer (200).
    """
    state = request.app.state
    intake = await with_groups(request, intake_at(request, now), reporter, [report])
    submission = Submission(
        intake,
        report_id,
        report,
        reporter,
        now,
        request.scope["tinbao.request_id"],
        language_asked(request) or report.language,
    )
    counted = (
        []
        if state.settings.limits.factor == 0
        else lifecycle.single_limits(
            reporter,
            address_of(request),
            emergency=intake.category(report).emergency_call is not None,
        )
    )
    (outcome,) = await lifecycle.submit(state.hot, [submission], counted)
    if isinstance(outcome, problems.Problem):
        raise outcome
    return outcome


REPORT_ID: TypeAdapter[uuid.UUID] = TypeAdapter(ReportId)
REPORT = TypeAdapter(schemas.ReportIn)


def valid(model: TypeAdapter[Valid], value: object, at: tuple[str, ...], request: Request) -> Valid:
    """What a value is by its model, or the problem that FastAPI would find in it."""
    try:
        return model.validate_python(value, from_attributes=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        located = [{**each, "loc": (*at, *each["loc"])} for each in found]
        raise problems.invalid(located, language_of(request)) from None


class SubmissionRoute(APIRoute):
    """Reads the requests of `submit_report` itself; FastAPI only describes it.

    Solving these few dependencies, and what FastAPI keeps open for them meanwhile, takes longer
    than routing and signing the report take us.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = take_submission


async def take_submission(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of the route."""
    request = Request(scope, receive)
    NO_NAMES.check(request)
    raw = (await receive())["body"]  # all of it: the Guard has read it
    try:
        body = strict_json(raw) if raw else {}
    except json.JSONDecodeError as error:
        raise problems.unreadable(error.msg, language_of(request)) from None
    reporter = await reporter_of(request)
    named = request.path_params["report_id"]
    report_id = valid(REPORT_ID, named, ("path", "report_id"), request)
    report = valid(REPORT, body, ("body",), request)
    accepted = await submit_report(request, report_id, report, reporter, moment_of(request))
    headers = [
        (b"content-length", b"%d" % len(accepted.answer)),
        (b"content-type", b"application/json"),
        (b"location", f"/v1/my/reports/{report_id}".encode()),
    ]
    status = 201 if accepted.created else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": accepted.answer})


def serve_submissions(app: FastAPI) -> SubmissionRoute:
    """Give an app the route of one report, which is for `api.express`."""
    app.router.add_api_route(
        "/v1/reports/{report_id}",
        submit_report,
        methods=["PUT"],
        tags=["reports"],
        route_class_override=SubmissionRoute,
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
    (route,) = (each for each in app.router.routes if isinstance(each, SubmissionRoute))
    return route


@router.post(
    "/reports/batch",
    openapi_extra=ANYONE,
    responses=BATCHED
    | problems.documented(
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
    response: Response,
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
    intake = await with_groups(request, intake_at(request, now), reporter, first.values())
    asked, request_id = language_asked(request), request.scope["tinbao.request_id"]
    outcomes = await lifecycle.submit(
        state.hot,
        [
            Submission(intake, item_id, report, reporter, now, request_id, asked or report.language)
            for item_id, report in first.items()
        ],
        []
        if state.settings.limits.factor == 0
        else lifecycle.batch_limits(reporter, address_of(request), len(first)),
    )
    wait = answers.wait_of(outcomes)
    if wait is not None:
        response.headers[answers.RETRY_AFTER] = str(wait)
    answered = answers.BatchAnswers(
        outcomes=dict(zip(first, outcomes, strict=True)),
        reports=first,
        language=asked,
        request_id=request_id,
    )
    return schemas.BatchOut(items=[answered.item(each) for each in items])
