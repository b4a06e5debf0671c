"""Clocks on the wire: more time, urging and its answer, what is overdue, staff's own inbox."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api import problems
from api.accounts.sessions import Officer, OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.audit import audited
from api.clock import Now, local
from api.clocks import cursors, delegations, extensions, notices, queries, schemas, urgings
from api.clocks.book import ClockBook
from api.clocks.steps import book_of
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Language, Speak, say
from api.paging import PAGE, Limit, next_link, unknown_cursor
from api.trends.words import alert_text
from api.triage.queries import OfficerSession
from api.triage.schemas import CaseOut, register_number
from api.triage.step_routes import STEP_ANSWERS, Answering, CaseAct

COMMON = problems.documented(
    problems.MalformedRequest,
    problems.NotAuthenticated,
    problems.RoleNotAllowed,
    problems.CrossSiteRequest,
    problems.InvalidRequest,
    problems.ServiceUnavailable,
)
NOT_FOUND = problems.documented(problems.NotFound)

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["clocks"])

Commander = Annotated[OfficerIdentity, Depends(require(StaffRole.PROVINCE_COMMANDER))]
Chief = Annotated[OfficerIdentity, Depends(require(StaffRole.STATION_CHIEF))]
Cursor = Annotated[str | None, Query(max_length=cursors.LONGEST)]


@router.post(
    "/cases/{case_id}/extension",
    responses=STEP_ANSWERS | problems.documented(problems.ExtensionNotAllowed),
)
async def request_extension(
    asked: schemas.ExtensionIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Ask for more time for a clock, before its end and so early as its rule wants it."""
    await extensions.request_extension(session, act, asked)
    return await answer.case()


@router.post(
    "/cases/{case_id}/extension/approval",
    responses=STEP_ANSWERS
    | problems.documented(
        problems.ExtensionNotAllowed, problems.NothingToDecide, problems.OwnRequest
    ),
)
async def decide_extension(
    decision: schemas.DecisionIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Grant or refuse it: the chief, or who stands in for them, and never who asked."""
    await extensions.decide_extension(session, act, decision)
    return await answer.case()


@router.post(
    "/cases/{case_id}/urging",
    status_code=201,
    responses=COMMON
    | NOT_FOUND
    | {200: {"model": schemas.UrgingOut, "description": "Asked before, and not answered yet"}},
)
async def urge_case(
    case_id: uuid.UUID,
    asked: schemas.UrgingIn,
    response: Response,
    commander: Commander,
    session: Session,
    now: Now,
) -> schemas.UrgingOut:
    """Urge a station of the province on (*đôn đốc*); it is on record, and so is the answer.

    The same words again, while they wait for an answer, are the same urging (200).
    """
    found, made = await urgings.urge(session, commander, case_id, text=asked.text, now=now)
    if not made:
        response.status_code = 200
    return found


@router.post(
    "/cases/{case_id}/urging/answer",
    responses=STEP_ANSWERS | problems.documented(problems.NothingToAnswer),
)
async def answer_urging(
    said: schemas.AnswerIn, act: CaseAct, session: OfficerSession, answer: Answering
) -> CaseOut:
    """Answer what the province has urged; who asked is told."""
    await urgings.answer(session, act, said.text)
    return await answer.case()


@router.get("/overdue", responses=COMMON)
async def read_overdue(
    request: Request,
    response: Response,
    commander: Commander,
    session: Session,
    language: Speak,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.OverduesOut:
    """What is overdue at the province's stations, the longest first: numbers, never words."""
    after = None if cursor is None else cursors.overdue_place(cursor)
    if cursor is not None and after is None:
        raise unknown_cursor(language)
    rows = await queries.overdue_in(session, commander.province_code, after=after, limit=limit + 1)
    book, following = await book_of(session), None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = cursors.written((last.due_at, last.case_id, last.clock))
        response.headers["Link"] = next_link(request, following, {"limit": limit})
    await session.execute(
        audited(
            "overdue.read",
            actor_kind="staff",
            actor_id=str(commander.staff_id),
            object_kind="province",
            object_id=str(commander.province_code),
            scope=commander.scope,
        )
    )
    items = [overdue_out(book, row) for row in rows[:limit]]
    return schemas.OverduesOut(items=items, next_cursor=following)


def overdue_out(book: ClockBook, row: Any) -> schemas.OverdueOut:
    """One overdue clock."""
    vi, en = book.name_of(row.clock)
    return schemas.OverdueOut(
        case_id=row.case_id,
        register_number=register_number(row.register_year, row.register_number),
        station_id=row.station_id,
        station_name=row.station_name,
        clock=row.clock,
        name=schemas.ClockNameOut(vi=vi, en=en),
        due_at=row.due_at,
        step=row.step,
        urged_at=row.urged_at,
        answered_at=row.answered_at,
    )


@router.get("/urgings", responses=COMMON)
async def list_urgings(
    request: Request,
    response: Response,
    commander: Commander,
    session: Session,
    language: Speak,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.UrgingsOut:
    """The province's urgings with their answers, newest first."""
    before = None if cursor is None else cursors.urging_place(cursor)
    if cursor is not None and before is None:
        raise unknown_cursor(language)
    rows = await urgings.urgings_in(
        session, str(commander.province_code), before=before, limit=limit + 1
    )
    following = None
    if len(rows) > limit:
        following = cursors.written((rows[limit - 1].created_at, rows[limit - 1].id))
        response.headers["Link"] = next_link(request, following, {"limit": limit})
    items = [schemas.UrgingOut.model_validate(row, from_attributes=True) for row in rows[:limit]]
    return schemas.UrgingsOut(items=items, next_cursor=following)


@router.get("/staff/inbox", responses=COMMON)
async def read_staff_inbox(
    request: Request,
    response: Response,
    officer: Officer,
    session: Session,
    language: Speak,
    unread: Annotated[bool, Query(description="Only what you have not read")] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> schemas.NoticesOut:
    """What you are told: what is overdue, what waits for your decision. Newest first."""
    before = None if cursor is None else cursors.notice_place(cursor)
    if cursor is not None and before is None:
        raise unknown_cursor(language)
    rows = await notices.inbox(session, officer, before=before, unread=unread, limit=limit + 1)
    book, following = await book_of(session), None
    if len(rows) > limit:
        following = cursors.written((rows[limit - 1].id,))
        asked = {"unread": "true" if unread else None, "limit": limit}
        response.headers["Link"] = next_link(request, following, asked)
    items = [notice_out(book, row, language) for row in rows[:limit]]
    return schemas.NoticesOut(items=items, next_cursor=following)


def notice_out(book: ClockBook, row: Any, language: Language) -> schemas.NoticeOut:
    """One notice with its sentence."""
    if row.case_id is None:
        text = alert_text(row.data, language)
    else:
        vi, en = book.name_of(row.clock) if row.clock else ("", "")
        text = say(
            f"notice.{row.kind}",
            language,
            case=row.data.get("register_number") or str(row.case_id)[:8],
            clock=vi if language == "vi" else en,
            due=local(row.due_at)[:16].replace("T", " ") if row.due_at else "",
        )
    data = row.data if row.step is None else {**row.data, "step": row.step}
    return schemas.NoticeOut(
        id=row.id,
        kind=row.kind,
        text=text,
        created_at=row.created_at,
        case_id=row.case_id,
        clock=row.clock,
        due_at=row.due_at,
        data=data,
        read_at=row.read_at,
    )


@router.post("/staff/inbox/read", status_code=204, responses=COMMON)
async def mark_notices_read(
    read: schemas.ReadIn, officer: Officer, session: Session, now: Now
) -> None:
    """Say which notices you have read; a colleague's stay unread."""
    await notices.mark_read(session, officer, read.ids, now=now)


@router.get("/staff/delegations", responses=COMMON)
async def list_delegations(chief: Chief, session: Session, now: Now) -> schemas.DelegationsOut:
    """Who may approve in your place now."""
    rows = await delegations.delegations_at(session, chief, now)
    items = [schemas.DelegationOut.model_validate(row, from_attributes=True) for row in rows]
    return schemas.DelegationsOut(items=items, next_cursor=None)


@router.post("/staff/delegations", status_code=201, responses=COMMON)
async def create_delegation(
    asked: schemas.DelegationIn, chief: Chief, session: Session, now: Now, language: Speak
) -> schemas.DelegationOut:
    """Let a duty officer of your station approve in your place, until the end of a day.

    It replaces what they were let before.
    """
    made = await delegations.delegate(
        session, chief, username=asked.username, until=asked.until, now=now, language=language
    )
    standing = await list_delegations(chief, session, now)
    return next(each for each in standing.items if each.id == made)


@router.delete("/staff/delegations/{delegation_id}", status_code=204, responses=COMMON | NOT_FOUND)
async def end_delegation(
    delegation_id: uuid.UUID, chief: Chief, session: Session, now: Now
) -> None:
    """End a delegation before its time."""
    await delegations.end_delegation(session, chief, delegation_id, now=now)
