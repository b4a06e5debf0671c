"""Trends over HTTP: for commanders and chiefs, of their own places, each reading on record."""

import asyncio
import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.clock import VIETNAM, Now
from api.clocks.cursors import LONGEST, notice_place, written
from api.db import Session
from api.etags import TAGGED, IfNoneMatch, tagged
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.paging import PAGE, Limit, next_link, unknown_cursor
from api.texts import CleanText
from api.trends import keeping, schemas, words
from api.trends.keeping import COUNTRY, Area, Key
from api.trends.places import EditionId, area_asked, atlas_asked, name_of, on_record, own, unfit
from api.trends.protection import STEP
from api.trends.tables import TrendAlert
from geo.atlas import Atlas

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["trends"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.NotFound,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

OLDEST = dt.timedelta(400)
ONE_AT_A_TIME = asyncio.Semaphore(1)
"""An analysis of a large province takes seconds and memory; a kept answer takes neither."""
PATIENCE = text("set local statement_timeout = '4s'")

Reader = Annotated[
    OfficerIdentity, Depends(require(StaffRole.PROVINCE_COMMANDER, StaffRole.STATION_CHIEF))
]


@router.get("/trends", response_model=schemas.TrendsOut, responses=TAGGED)
async def read_trends(
    request: Request,
    response: Response,
    reader: Reader,
    session: Session,
    now: Now,
    language: Speak,
    scope: Annotated[
        CleanText | None, Query(max_length=20, description="Yours if left out")
    ] = None,
    group: schemas.Group = "all",
    as_of: Annotated[dt.date | None, Query(description="Yesterday if left out")] = None,
    edition: EditionId = None,
    step: schemas.Step = "week",
    if_none_match: IfNoneMatch = None,
) -> Any:
    """What is usual in a ward, a province or the country, what has changed, and what comes next."""
    day = day_asked(as_of, now, language)
    atlas = await atlas_asked(request, session, edition, now, language)
    area = area_asked(atlas, reader, scope)
    step = "week" if area.is_ward else step
    through = day if step == "day" else keeping.last_sunday(day)
    key = Key(area.scope, group, step, atlas.edition_id, through)
    answer, computed_at = await answer_for(request, session, atlas, area, key)
    await session.execute(on_record("trends.read", reader, area.scope))
    facts = {"as_of": day, "through": through, "group": group, "computed_at": computed_at}
    out = trends_out(answer, area, atlas, facts, language)
    return tagged(response, out, if_none_match)


def day_asked(as_of: dt.date | None, now: dt.datetime, language: Language) -> dt.date:
    """The last day to count: a day that is over, and not too long ago."""
    today = now.astimezone(VIETNAM).date()
    day = as_of or today - dt.timedelta(1)
    if not today - OLDEST <= day < today:
        raise unfit("as_of", language)
    return day


async def answer_for(
    request: Request, session: AsyncSession, atlas: Atlas, area: Area, key: Key
) -> tuple[dict[str, Any], dt.datetime]:
    """The answer that was given before, or one that is made and kept; and when it was made."""
    connection = await session.connection()
    found = await connection.run_sync(keeping.kept, key)
    if found is None:
        # NumPy's and SciPy's larger parts are loaded when somebody asks for what needs them.
        from api.trends import reading  # noqa: PLC0415

        state = request.app.state
        async with ONE_AT_A_TIME:
            before = await asyncio.to_thread(
                reading.earlier, state.refresher.engine, atlas.edition_id, state.settings.indexes
            )
            await session.execute(PATIENCE)
            read = await connection.run_sync(
                reading.numbers, atlas, area.province_code, key.through
            )
            answer = await asyncio.to_thread(reading.made, read, atlas, area, key, before)
            found = await connection.run_sync(keeping.keep, key, answer)
    return found


def trends_out(
    answer: dict[str, Any],
    area: Area,
    atlas: Atlas,
    facts: dict[str, Any],
    language: Language,
) -> schemas.TrendsOut:
    """An answer with its sentences."""
    name = name_of(area, atlas)
    changes = [
        each | {"text": words.alert_text(each | {"place": name}, language)}
        for each in answer["changes"]
    ]
    sentence = "unknown"
    if any(point["expected"] is not None for point in answer["series"]):
        sentence = "changed" if changes else "unchanged"
    edition = atlas.edition
    return schemas.TrendsOut.model_validate(
        answer
        | facts
        | {
            "scope": area.scope,
            "name": name,
            "edition": {
                "id": edition.id,
                "effective_from": edition.effective_from,
                "approximate": edition.approximate,
            },
            "k_min": STEP,
            "changes": changes,
            "changes_found": len(changes),
            "sentence": words.say(sentence, language, count=len(changes)),
            "caveat": words.say("caveat", language),
        }
    )


@router.get("/trends/alerts")
async def list_trend_alerts(
    request: Request,
    response: Response,
    reader: Reader,
    session: Session,
    now: Now,
    language: Speak,
    cursor: Annotated[str | None, Query(max_length=LONGEST)] = None,
    limit: Limit = PAGE,
) -> schemas.AlertsOut:
    """The changes that you were told of, newest first; those that go on have no end."""
    before = None if cursor is None else notice_place(cursor)
    if cursor is not None and before is None:
        raise unknown_cursor(language)
    query = select(TrendAlert).where(about(request, reader, now)).order_by(TrendAlert.id.desc())
    if before is not None:
        query = query.where(TrendAlert.id < before)
    rows = (await session.scalars(query.limit(limit + 1))).all()
    following = None
    if len(rows) > limit:
        following = written((rows[limit - 1].id,))
        response.headers["Link"] = next_link(request, following, {"limit": limit})
    await session.execute(on_record("trend_alerts.read", reader, reader.scope or COUNTRY))
    items = [alert_out(row, language) for row in rows[:limit]]
    return schemas.AlertsOut(items=items, next_cursor=following)


def about(request: Request, reader: OfficerIdentity, now: dt.datetime) -> ColumnElement[bool]:
    """Which alerts a reader may see: their province's, their ward's, or the country's."""
    if reader.role == StaffRole.PROVINCE_COMMANDER:
        return TrendAlert.province_code == reader.province_code
    if reader.station_id == COUNTRY:
        return TrendAlert.province_code == COUNTRY
    atlas: Atlas | None = request.app.state.atlases.current(now)
    return TrendAlert.scope.in_([] if atlas is None else [each.code for each in own(atlas, reader)])


def alert_out(row: TrendAlert, language: Language) -> schemas.AlertOut:
    """One alert with its sentence."""
    return schemas.AlertOut(
        id=row.id,
        scope=row.scope,
        direction=row.direction,
        group=row.category_group,
        began_on=row.began_on,
        last_on=row.last_on,
        ended_on=row.ended_on,
        told_at=row.told_at,
        days=row.data["days"],
        count_band=row.data["count_band"],
        expected=row.data["expected"],
        q=row.data["q"],
        text=words.alert_text(row.data, language),
    )
