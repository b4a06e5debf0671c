"""Scorecards: numbers for who answers for them, their definitions and a summary for everybody."""

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import select

from api import limits, problems
from api.accounts.identity import address_of
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.areas.routes import CurrentAtlas, public
from api.audit import audited
from api.clock import VIETNAM, Now, local
from api.clocks.cursors import LONGEST, parts_of, written
from api.db import AS_OFFICER, Session
from api.etags import TAGGED, IfNoneMatch
from api.exports.files import small_table
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.paging import PAGE, Limit, next_link, unknown_cursor
from api.scorecards import files, queries, schemas
from api.scorecards.cards import said, scorecard
from api.scorecards.definitions import CAVEAT, COUNT_OF
from api.scorecards.publication import definitions, summary_line
from api.scorecards.scopes import Scope, scope_of
from api.scorecards.tables import ScorecardLine
from api.scorecards.windows import FORM, Window, settled_month, window_of
from geo.tables import Province

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["scorecards"])

COMMON = problems.documented(
    problems.MalformedRequest,
    problems.NotAuthenticated,
    problems.RoleNotAllowed,
    problems.NotFound,
    problems.InvalidRequest,
    problems.ServiceUnavailable,
)
READERS = (StaffRole.PROVINCE_COMMANDER, StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT)
Reader = Annotated[OfficerIdentity, Depends(require(*READERS))]
Owner = Annotated[OfficerIdentity, Depends(require(StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT))]
AskedScope = Annotated[
    str,
    Query(
        alias="scope", min_length=1, max_length=64, description="A station, ward, province, or vn"
    ),
]
AskedWindow = Annotated[
    str, Query(alias="window", pattern=FORM, description="7d, 28d, 90d, 2026-10 or 2026-Q3")
]
SUMMARY_PER_ADDRESS = limits.Rate("summary-address", 120, limits.MINUTE)


def window_asked(name: str, now: Now, language: Language) -> Window:
    """The window of a name, which must be over."""
    found = window_of(name, now)
    if found is None:
        error = {"type": "window_not_over", "loc": ("query", "window")}
        raise problems.InvalidRequest(errors=problems.field_errors([error], language))
    return found


async def put_on_record(
    session: Session, officer: OfficerIdentity, action: str, scope: Scope, window: Window
) -> None:
    """Who read which card."""
    await session.execute(
        audited(
            action,
            actor_kind="staff",
            actor_id=str(officer.staff_id),
            object_kind="scorecard",
            object_id=f"{scope.code} {window.name} {window.last}",
            scope=officer.scope,
        )
    )


@router.get("/scorecards", responses=COMMON)
async def read_scorecard(
    officer: Reader,
    session: Session,
    now: Now,
    atlas: CurrentAtlas,
    language: Speak,
    asked: AskedScope,
    window_name: AskedWindow = "28d",
) -> schemas.ScorecardOut:
    """How stations answer, with what chance explains set apart; there is no ranking.

    A chief reads the line that the commander reads too.
    """
    window = window_asked(window_name, now, language)
    scope = await scope_of(session, officer, asked, atlas)
    await put_on_record(session, officer, "scorecard.read", scope, window)
    found = await queries.numbers_in(session, scope, window)
    parts = await queries.parts_of(session, scope)
    overdue = await queries.overdue_now(session, scope)
    return await asyncio.to_thread(scorecard, scope, window, parts, found, overdue, language)


BYTES = {"type": "string", "format": "binary"}
TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The card as a table",
        "content": {media: {"schema": BYTES} for media in files.MEDIA.values()},
    }
}


@router.get("/exports/scorecards.{format}", response_class=Response, responses=TABLE | COMMON)
async def export_scorecard(
    format: Annotated[files.Kind, Path()],  # noqa: A002 - the path's own word
    officer: Reader,
    session: Session,
    now: Now,
    atlas: CurrentAtlas,
    language: Speak,
    asked: AskedScope,
    window_name: AskedWindow = "28d",
) -> Response:
    """A card as a table for a spreadsheet; it is on record, and every line says who took it."""
    card = await read_scorecard(officer, session, now, atlas, language, asked, window_name)
    export_id = uuid.uuid4()
    await session.execute(
        audited(
            "export.created",
            actor_kind="staff",
            actor_id=str(officer.staff_id),
            object_kind="export",
            object_id=str(export_id),
            scope=officer.scope,
        )
    )
    at = local(now.replace(microsecond=0))
    mark = f"TinBáo {export_id}, {officer.username}, {officer.scope}, {at}"
    lines = files.table(card, mark, language)
    name = f"tinbao-scorecard-{now.astimezone(VIETNAM):%Y%m%d}-{export_id}.{format}"
    return Response(
        await asyncio.to_thread(small_table, lines, format, mark),
        media_type=files.MEDIA[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/scorecards/cases", responses=COMMON)
async def list_scorecard_cases(
    request: Request,
    response: Response,
    officer: Owner,
    session: Session,
    now: Now,
    atlas: CurrentAtlas,
    language: Speak,
    asked: AskedScope,
    measure: Annotated[str, Query(max_length=64, description="The key of a count")],
    window_name: AskedWindow = "28d",
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
    limit: Limit = PAGE,
) -> schemas.CaseIdsOut:
    """The cases of the own station behind a number, as far as it may see them still."""
    window = window_asked(window_name, now, language)
    after = None if cursor is None else place_of(cursor)
    if cursor is not None and after is None:
        raise unknown_cursor(language)
    scope = await scope_of(session, officer, asked, atlas)
    counted = COUNT_OF.get(measure)
    if counted is None or counted.protected or scope.level != "station":
        raise problems.NotFound
    await put_on_record(session, officer, "scorecard_cases.read", scope, window)
    await session.execute(AS_OFFICER, {"station": officer.station_id})
    found = await queries.cases_of(
        session, scope.code, window, measure, after=after, limit=limit + 1
    )
    following = None
    if len(found) > limit:
        following = written((found[limit - 1],))
        given = {"scope": asked, "window": window_name, "measure": measure, "limit": limit}
        response.headers["Link"] = next_link(request, following, given)
    items = [schemas.CaseIdOut(case_id=each) for each in found[:limit]]
    return schemas.CaseIdsOut(items=items, next_cursor=following)


def place_of(cursor: str) -> uuid.UUID | None:
    """The case that a page ended with; None for what is no cursor."""
    parts = parts_of(cursor, 1)
    try:
        return uuid.UUID(parts[0]) if parts else None
    except ValueError:
        return None


@router.get("/scorecards/definitions", response_model=schemas.DefinitionsOut, responses=TAGGED)
async def read_scorecard_definitions(response: Response, if_none_match: IfNoneMatch = None) -> Any:
    """What every number of a scorecard is."""
    return public(response, definitions(), if_none_match)


async def count_summary(request: Request) -> None:
    """Count one look; raises when an address asks too often."""
    state = request.app.state
    if state.settings.limits.factor == 0:
        return
    seconds = await state.hot.count_hit([(SUMMARY_PER_ADDRESS, address_of(request))])
    if seconds is not None:
        raise problems.TooManyRequests(seconds)


@router.get(
    "/public/summary",
    response_model=schemas.PublicSummaryOut,
    responses=TAGGED | problems.documented(problems.TooManyRequests, problems.ServiceUnavailable),
    dependencies=[Depends(count_summary)],
)
async def read_public_summary(
    response: Response, session: Session, now: Now, language: Speak,
    if_none_match: IfNoneMatch = None,
) -> Any:  # fmt: skip
    """How the police of each province answered in the latest month that is settled."""
    window = settled_month(now)
    line = ScorecardLine
    rows = await session.execute(
        select(Province.code, Province.name, line.numbers)
        .join(Province, Province.code == line.scope)
        .where(line.days == window.name, line.ends == window.ends, line.level == "province")
        .order_by(Province.code)
    )
    body = schemas.PublicSummaryOut(
        window=schemas.WindowOut(name=window.name, first=window.begins, last=window.last),
        items=[summary_line(row.code, row.name, row.numbers) for row in rows],
        caveat=said(CAVEAT, language),
    )
    response.headers["Vary"] = "Accept-Language"
    return public(response, body, if_none_match)
