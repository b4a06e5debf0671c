"""What became of my report: receipts, the reporter's own reports, and their inbox."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from api import limits, paging, problems
from api.accounts.identity import Address, KnownReporter, Reader, ReaderIdentity, receipt_token
from api.clock import VIETNAM, Now
from api.db import Session
from api.etags import TAGGED, IfNoneMatch, tagged
from api.groups.naming import group_of
from api.groups.notices import REROUTED
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.reports import my_acts, my_queries, queries, schemas
from api.reports.routes import ReportId
from api.reports.tables import State
from api.secrets import Keys
from notifications import inbox, messages

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["my reports"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)

NOBODYS = uuid.UUID(int=0)
HISTORY = 100
"""How many of the last things told a report shows."""


def report_answer(keys: Keys, row: Row[Any]) -> schemas.ReportOut:
    """A report as its reporter reads it."""
    number = row.register_number and f"{row.register_number}/{row.register_year}"
    return schemas.ReportOut(
        id=keys.report_id(row.id),
        state=row.state,
        kind=row.kind,
        category=row.category,
        text=row.text,
        received_at=row.received_at,
        observed_at=row.observed_at,
        register_number=number,
        question_open=row.state == State.NEED_INFO,
        station=schemas.StationOut(
            id=row.station_id, name=row.station_name, phone=row.station_phone, kind=row.station_kind
        ),
        routing=schemas.RoutingOut.model_validate(row.routing),
        group=group_of(row),
    )


async def detail(
    session: AsyncSession,
    keys: Keys,
    reader: ReaderIdentity,
    stored_id: uuid.UUID,
    language: Language,
) -> schemas.ReportDetailOut:
    """One of the reader's reports with what became of it; raises `NotFound`."""
    row = await queries.my_report(session, reader, stored_id)
    if row is None:
        raise problems.NotFound
    end = await my_queries.end_of(session, stored_id)
    told = await inbox.told_about(session, subject=stored_id, limit=HISTORY)
    return schemas.ReportDetailOut(
        **report_answer(keys, row).model_dump(),
        outcome=end.outcome,
        feedback=end.feedback,
        closed_at=end.closed_at,
        reopen_until=end.closed_at and end.closed_at + my_acts.REOPEN_WITHIN,
        history=[
            schemas.ToldOut(
                kind=each.kind,
                text=messages.render(each.kind, language, each.data),
                created_at=each.created_at,
            )
            for each in told
        ],
    )


async def guess(request: Request, session: Session, address: str) -> None:
    """Count one try at a receipt code; raises when there were too many."""
    seconds = await limits.hit(
        session,
        request.app.state.keys,
        [(limits.RECEIPT_PER_ADDRESS, address), (limits.RECEIPT_GLOBAL, "")],
        factor=request.app.state.settings.limits.factor,
    )
    if seconds is not None:
        raise problems.TooManyRequests(seconds)


@router.post("/receipts", responses=problems.documented(problems.NotFound))
async def open_receipt(
    request: Request, receipt: schemas.ReceiptCodeIn, session: Session, now: Now, address: Address
) -> schemas.OpenedReceiptOut:
    """Open a report by its receipt code. Wrong, expired and unknown codes are one and the same."""
    keys: Keys = request.app.state.keys
    await guess(request, session, address)
    stored_id = await queries.stored_id_of_receipt(session, keys.receipt_hash(receipt.code))
    # A wrong code does the same work as a right one, so that the time tells nothing.
    subject = stored_id or NOBODYS
    token, expires = receipt_token(keys, subject, now.timestamp())
    row = await queries.my_report(session, ReaderIdentity(None, subject), subject)
    if row is None:
        await session.commit()  # the try counts, although the answer is an error
        raise problems.NotFound
    return schemas.OpenedReceiptOut(
        token=token,
        expires_at=dt.datetime.fromtimestamp(expires, VIETNAM),
        report=report_answer(keys, row),
    )


@router.post("/receipts/binding", status_code=204, responses=problems.documented(problems.NotFound))
async def bind_receipt(
    request: Request,
    receipt: schemas.ReceiptCodeIn,
    session: Session,
    reporter: KnownReporter,
    address: Address,
) -> None:
    """From now on this device gets the inbox of the report behind the code."""
    keys: Keys = request.app.state.keys
    await guess(request, session, address)
    stored_id = await queries.stored_id_of_receipt(session, keys.receipt_hash(receipt.code))
    if stored_id is None:
        await session.commit()  # the try counts, although the answer is an error
        raise problems.NotFound
    await inbox.bind(session, recipient=reporter.recipient, subject=stored_id)


@router.get("/my/reports", response_model=schemas.ReportsOut, responses=TAGGED)
async def list_my_reports(
    request: Request,
    response: Response,
    session: Session,
    reader: Reader,
    language: Speak,
    limit: paging.Limit = paging.PAGE,
    cursor: Annotated[uuid.UUID | None, Query()] = None,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """My reports, newest first."""
    keys: Keys = request.app.state.keys
    after = None
    if cursor is not None:
        after = await queries.position_of(session, reader, keys.store_id(cursor))
        if after is None:
            raise paging.unknown_cursor(language)
    rows = await queries.my_reports(session, reader, after=after, limit=limit + 1)
    items = [report_answer(keys, row) for row in rows[:limit]]
    following = str(items[-1].id) if len(rows) > limit else None
    if following is not None:
        response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    return tagged(response, schemas.ReportsOut(items=items, next_cursor=following), if_none_match)


@router.get(
    "/my/reports/{report_id}",
    response_model=schemas.ReportDetailOut,
    responses=TAGGED | problems.documented(problems.NotFound),
)
async def read_my_report(
    request: Request,
    response: Response,
    report_id: ReportId,
    session: Session,
    reader: Reader,
    language: Speak,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """One of my reports: where it is, how far, and what I was told of it."""
    keys: Keys = request.app.state.keys
    body = await detail(session, keys, reader, keys.store_id(report_id), language)
    return tagged(response, body, if_none_match)


@router.delete(
    "/my/reports/{report_id}/contact",
    status_code=204,
    responses=problems.documented(problems.NotFound),
)
async def delete_my_contact(
    request: Request, report_id: ReportId, session: Session, reader: Reader
) -> None:
    """Delete the name and phone I gave; the report stays."""
    keys: Keys = request.app.state.keys
    if not await queries.delete_contact(session, reader, keys.store_id(report_id)):
        raise problems.NotFound


@router.get("/inbox")
async def read_inbox(
    request: Request,
    response: Response,
    session: Session,
    reader: Reader,
    language: Speak,
    limit: paging.Limit = paging.PAGE,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> schemas.InboxOut:
    """Acknowledgements and updates, oldest first, each once."""
    keys: Keys = request.app.state.keys
    try:
        after = inbox.Position.decode(cursor) if cursor else None
    except ValueError:
        raise paging.unknown_cursor(language) from None
    found = await inbox.read_inbox(
        session, recipient=reader.recipient, subject=reader.subject, after=after, limit=limit
    )
    items = [
        schemas.InboxItemOut(
            id=item.id,
            report_id=report_named(keys, item),
            kind=item.kind,
            text=messages.render(item.kind, language, item.data),
            created_at=item.created_at,
        )
        for item in found
    ]
    position = found[-1].position if found else after or inbox.START
    following = position.encode()
    response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    return schemas.InboxOut(items=items, next_cursor=following)


def report_named(keys: Keys, item: inbox.InboxItem) -> uuid.UUID:
    """The report a message is about, by the name that its reader knows it by."""
    anothers = item.kind == REROUTED
    return keys.shared_id(item.subject) if anothers else keys.report_id(item.subject)


@router.post("/inbox/shown", status_code=204)
async def confirm_shown(shown: schemas.ShownIn, session: Session, reader: Reader) -> None:
    """The device says which messages its owner has seen on the screen."""
    await inbox.mark_shown(
        session, recipient=reader.recipient, subject=reader.subject, ids=shown.ids
    )
