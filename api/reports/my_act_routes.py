"""What a reporter does about their report, with its account, device or receipt."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response

from api import paging, problems
from api.accounts.identity import Reader
from api.clock import Now
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Speak
from api.reports import my_acts, my_queries, schemas
from api.reports.my_acts import MyAct
from api.reports.my_routes import detail
from api.reports.routes import ReportId
from api.triage import step_schemas as bodies

router = APIRouter(
    prefix="/v1/my/reports/{report_id}",
    route_class=StrictRoute,
    tags=["my reports"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.NotFound,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)
REFUSED = problems.documented(problems.TransitionNotAllowed)
SAID_BEFORE: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.MyMessageOut, "description": "Said before"}
}
LARGEST_CURSOR = 2**31 - 1


async def act_asked(request: Request, report_id: ReportId, reader: Reader, now: Now) -> MyAct:
    """Who acts on which of their reports."""
    state = request.app.state
    return MyAct(
        reader, state.keys.store_id(report_id), now, state.keys, state.settings.limits.factor
    )


Mine = Annotated[MyAct, Depends(act_asked)]


async def answered(act: Mine, session: Session, language: Speak) -> schemas.ReportDetailOut:
    """The report after an act."""
    return await detail(session, act.keys, act.reader, act.stored_id, language)


@router.get("/messages")
async def list_my_messages(
    request: Request,
    response: Response,
    act: Mine,
    session: Session,
    limit: paging.Limit = paging.PAGE,
    cursor: Annotated[int, Query(ge=0, le=LARGEST_CURSOR)] = 0,
) -> schemas.MyMessagesOut:
    """What the station and I said to each other, oldest first."""
    case_id = await my_acts.find(session, act)
    found = await my_queries.my_messages(session, case_id, after=cursor, limit=limit + 1)
    items = [schemas.MyMessageOut.model_validate(each) for each in found[:limit]]
    following = str(found[limit - 1].number) if len(found) > limit else None
    if following is not None:
        response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    return schemas.MyMessagesOut(items=items, next_cursor=following)


@router.post(
    "/messages",
    status_code=201,
    responses=SAID_BEFORE
    | problems.documented(problems.TransitionNotAllowed, problems.MessageIdReused),
)
async def send_my_message(
    response: Response, message: bodies.MessageIn, act: Mine, session: Session
) -> schemas.MyMessageOut:
    """Say something to the station, and answer its question if there is one.

    The id is made by the phone, and is the idempotency key, for good.
    """
    said = await my_acts.answer(session, act, message_id=message.id, text=message.text)
    if not said.created:
        response.status_code = 200
    kept = await my_queries.my_message(session, said.case_id, message.id)
    return schemas.MyMessageOut.model_validate(kept)


@router.post("/withdrawal", responses=REFUSED)
async def withdraw_my_report(
    act: Mine,
    session: Session,
    language: Speak,
    _: Annotated[bodies.NothingIn | None, Body()] = None,
) -> schemas.ReportDetailOut:
    """Take the report back. What was said stays on record; the station stops working on it."""
    await my_acts.withdraw(session, act)
    return await answered(act, session, language)


@router.post(
    "/reopening",
    responses=problems.documented(
        problems.TransitionNotAllowed, problems.ReopeningTooLate, problems.MessageIdReused
    ),
)
async def reopen_my_report(
    reopening: bodies.ReopeningIn, act: Mine, session: Session, language: Speak
) -> schemas.ReportDetailOut:
    """Ask for another look, within 14 days of its end."""
    await my_acts.reopen(session, act, message_id=reopening.id, text=reopening.text)
    return await answered(act, session, language)


@router.post("/feedback", responses=REFUSED)
async def rate_my_report(
    feedback: bodies.FeedbackIn, act: Mine, session: Session, language: Speak
) -> schemas.ReportDetailOut:
    """Say whether it ended well; the last word on each end counts."""
    await my_acts.rate(session, act, satisfied=feedback.satisfied, text=feedback.text)
    return await answered(act, session, language)
