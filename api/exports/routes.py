"""Cases as a file: exactly what a filter lets through, on record, streamed."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Select, Update, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.audit import audited
from api.clock import VIETNAM, Now, local
from api.db import AS_API, AS_OFFICER, Session
from api.exports import record
from api.exports.files import FILES, File, XlsxFile
from api.exports.tables import Export, Format
from api.guards import StrictRoute
from api.triage.answers import case_seen
from api.triage.filters import QueueFilter
from api.triage.lifecycle import about_case
from api.triage.queries import CaseOfficer, OfficerSession
from api.triage.queue import queue_statement
from api.triage.queue_schemas import Rule, queue_item
from geo.tables import Province, Station

log = structlog.get_logger()

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["exports"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

AT_ONCE = asyncio.Semaphore(2)
"""Each export holds a connection for as long as its client takes; the others wait."""
EVERYTHING = 2**31 - 1
SLICE = 100
"""Cases at a time: other requests have their turn in between."""
PATIENCE = text("set local statement_timeout = '60s'")

BYTES = {"type": "string", "format": "binary"}
CASES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file; one that was cut off lacks its end",
        "content": {
            "text/csv": {"schema": BYTES},
            "application/geo+json": {"schema": {"type": "object"}},
            XlsxFile.media_type: {"schema": BYTES},
        },
    }
}


@dataclass(frozen=True)
class Order:
    """An export that somebody asked for."""

    id: uuid.UUID
    officer: OfficerIdentity
    wanted: QueueFilter
    format: Format
    at: dt.datetime

    @property
    def rule(self) -> Rule:
        """The order of the cases: the queue's."""
        return "newest" if self.wanted.newest_first else "urgency-then-oldest"

    @property
    def statement(self) -> Select[Any]:
        """What the queue would list, to its end."""
        return queue_statement(self.officer, self.wanted, now=self.at, after=None, limit=EVERYTHING)

    @property
    def finished(self) -> Update:
        """The line of the record, once the file has ended."""
        return update(Export).where(Export.id == self.id)

    @property
    def mark(self) -> str:
        """Who took it out, from where and when: on every line of the file."""
        return (
            f"TinBáo {self.id}, {self.officer.username}, {self.officer.station_id}, "
            f"{local(self.at.replace(microsecond=0))}"
        )


@router.get("/exports/cases.{format}", response_class=StreamingResponse, responses=CASES)
async def export_cases(
    request: Request,
    format: Annotated[Format, Path()],  # noqa: A002 - the path's own word
    officer: CaseOfficer,
    session: Session,
    now: Now,
    wanted: Annotated[QueueFilter, Query()],
) -> StreamingResponse:
    """The cases that the queue would list with the same filter, all of them, in one file."""
    order = Order(uuid.uuid4(), officer, wanted, format, now)
    await put_on_record(session, order)
    file = FILES[format](order.mark)
    name = f"tinbao-{now.astimezone(VIETNAM):%Y%m%d}-{order.id}.{format}"
    return StreamingResponse(
        content(request.app.state.engine, order, file),
        media_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The record, to be printed and filed",
        "content": {"application/pdf": {"schema": BYTES}},
    }
}


@router.get(
    "/cases/{case_id}/record.pdf",
    response_class=Response,
    responses=PAGE | problems.documented(problems.NotFound),
)
async def print_record(
    request: Request, case_id: uuid.UUID, officer: CaseOfficer, session: OfficerSession, now: Now
) -> Response:
    """The intake record of a case on one page, in Vietnamese: no word of who reported."""
    case = await case_seen(session, officer, case_id, now=now)
    if case is None:
        raise problems.NotFound
    await session.execute(about_case("case.printed", officer, case_id))
    owner = await session.execute(
        select(Station.name, Province.name.label("province"))
        .join(Province, Province.code == Station.province_code, isouter=True)
        .where(Station.id == case.routing["station"]["id"])
    )
    station = owner.one()
    page = record.facts(
        case,
        station=station.name,
        province=station.province or "",
        categories=request.app.state.refresher.reference.categories,
        mark=f"{officer.username}, {officer.station_id}, {local(now.replace(microsecond=0))}",
    )
    name = f"tinbao-{case_id}.pdf"
    return Response(
        await record.typeset(page),
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


async def put_on_record(session: AsyncSession, order: Order) -> None:
    """Nothing leaves without a trace: it is written before the first case is read."""
    await session.execute(
        insert(Export)
        .values(
            id=order.id,
            staff_id=order.officer.staff_id,
            station_id=order.officer.station_id,
            format=order.format,
            filter=order.wanted.as_asked(),
            created_at=order.at,
        )
        .inline()
    )
    await session.execute(
        audited(
            "export.created",
            actor_kind="staff",
            actor_id=str(order.officer.staff_id),
            object_kind="export",
            object_id=str(order.id),
            scope=order.officer.scope,
        )
    )


async def content(engine: AsyncEngine, order: Order, file: File) -> AsyncIterator[bytes]:
    """The file, piece by piece, with an officer's rights."""
    try:
        async with AT_ONCE, AsyncSession(engine) as session, session.begin():
            await session.execute(PATIENCE)
            await session.execute(AS_OFFICER, {"station": order.officer.station_id})
            count = 0
            if begun := file.begin():
                yield begun
            rows = await session.stream(order.statement)
            async for some in rows.partitions(SLICE):
                count += len(some)
                if ready := file.add(
                    [queue_item(row, rule=order.rule, now=order.at) for row in some]
                ):
                    yield ready
                await asyncio.sleep(0)
            async for each in file.end():
                yield each
            await session.execute(AS_API)
            await session.execute(
                order.finished.values(finished_at=func.now(), cases=count),
                execution_options={"synchronize_session": False},
            )
        log.info("export.finished", export_id=str(order.id), cases=count)
    finally:
        file.close()
