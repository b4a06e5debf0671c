"""Choosing, editing and filling in response templates."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import paging, problems
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.audit import audited
from api.clock import Now
from api.db import AS_OFFICER, Session
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.reports.tables import ReportKind, State
from api.templates import queries, rendering, schemas
from api.templates.tables import ResponseTemplate, TemplateStep
from api.triage.queries import CaseOfficer, OfficerSession, find_case

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["templates"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)

EDITORS = (StaffRole.STATION_CHIEF, StaffRole.OVERSIGHT, StaffRole.ADMIN)
TemplateReader = Annotated[OfficerIdentity, Depends(require(StaffRole.DUTY_OFFICER, *EDITORS))]
TemplateEditor = Annotated[OfficerIdentity, Depends(require(*EDITORS))]


async def bounded(session: Session, reader: TemplateReader) -> AsyncSession:
    """The request's transaction; of somebody with a station, with that station's rights only."""
    if reader.station_id is not None:
        await session.execute(AS_OFFICER, {"station": reader.station_id})
    return session


TemplateSession = Annotated[AsyncSession, Depends(bounded)]


async def on_trail(
    session: AsyncSession, editor: OfficerIdentity, action: str, template_id: uuid.UUID
) -> None:
    """Write down who changed which template."""
    await session.execute(
        audited(
            action,
            actor_kind="staff",
            actor_id=str(editor.staff_id),
            object_kind="template",
            object_id=str(template_id),
            scope=editor.scope,
        )
    )


@router.get("/templates")
async def list_templates(
    request: Request,
    response: Response,
    reader: TemplateReader,
    session: TemplateSession,
    language_spoken: Speak,
    step: Annotated[TemplateStep | None, Query()] = None,
    kind: Annotated[ReportKind | None, Query()] = None,
    state: Annotated[State | None, Query()] = None,
    language: Annotated[Language | None, Query()] = None,
    limit: paging.Limit = paging.PAGE,
    cursor: Annotated[uuid.UUID | None, Query()] = None,
) -> schemas.TemplatesOut:
    """Everybody's templates and the station's own that fit, by title."""
    after = None
    if cursor is not None:
        after = await queries.find_template(session, reader, cursor)
        if after is None:
            raise paging.unknown_cursor(language_spoken)
    wanted = queries.TemplateFilter(step, kind, state, language)
    found = await queries.templates(session, reader, wanted, after=after, limit=limit + 1)
    items = [schemas.TemplateOut.model_validate(each) for each in found[:limit]]
    following = str(items[-1].id) if len(found) > limit else None
    if following is not None:
        asked = {"step": step, "kind": kind, "state": state, "language": language, "limit": limit}
        response.headers["Link"] = paging.next_link(request, following, asked)
    return schemas.TemplatesOut(
        items=items, next_cursor=following, variables=list(rendering.VARIABLES)
    )


@router.post(
    "/templates", status_code=201, responses=problems.documented(problems.CrossSiteRequest)
)
async def create_template(
    response: Response,
    template: schemas.TemplateIn,
    editor: TemplateEditor,
    session: TemplateSession,
    now: Now,
) -> schemas.TemplateOut:
    """Add a template: a chief for the own station, an admin for everybody."""
    made = await session.scalar(
        insert(ResponseTemplate)
        .values(station_id=editor.station_id, changed_at=now, **template.model_dump())
        .returning(ResponseTemplate)
    )
    out = schemas.TemplateOut.model_validate(made)
    await on_trail(session, editor, "template.created", out.id)
    response.headers["Location"] = f"/v1/templates/{out.id}"
    return out


@router.put(
    "/templates/{template_id}",
    responses=problems.documented(problems.CrossSiteRequest, problems.NotFound),
)
async def replace_template(
    template_id: uuid.UUID,
    template: schemas.TemplateIn,
    editor: TemplateEditor,
    session: TemplateSession,
    now: Now,
) -> schemas.TemplateOut:
    """Replace a template of one's own."""
    changed: Any = await session.scalar(
        update(ResponseTemplate)
        .where(ResponseTemplate.id == template_id, queries.edited_by(editor))
        .values(changed_at=now, **template.model_dump())
        .returning(ResponseTemplate)
    )
    if changed is None:
        raise problems.NotFound
    await on_trail(session, editor, "template.changed", template_id)
    return schemas.TemplateOut.model_validate(changed)


@router.delete(
    "/templates/{template_id}",
    status_code=204,
    responses=problems.documented(problems.CrossSiteRequest, problems.NotFound),
)
async def delete_template(
    template_id: uuid.UUID, editor: TemplateEditor, session: TemplateSession
) -> None:
    """Delete a template of one's own; what was written with it stays."""
    gone = await session.execute(
        delete(ResponseTemplate)
        .where(ResponseTemplate.id == template_id, queries.edited_by(editor))
        .returning(ResponseTemplate.id)
    )
    if gone.first() is None:
        raise problems.NotFound
    await on_trail(session, editor, "template.deleted", template_id)


@router.get(
    "/cases/{case_id}/templates/{template_id}", responses=problems.documented(problems.NotFound)
)
async def render_template(
    case_id: uuid.UUID, template_id: uuid.UUID, officer: CaseOfficer, session: OfficerSession
) -> schemas.RenderedOut:
    """A template filled in for a case, for the officer to go on from."""
    case = await find_case(session, officer, case_id)
    template = await queries.find_template(session, officer, template_id)
    if case is None or template is None:
        raise problems.NotFound
    out = schemas.TemplateOut.model_validate(template)
    facts = await queries.facts_of(session, case, out.language)
    rendered = rendering.render(out.text, facts)
    return schemas.RenderedOut(
        template_id=out.id,
        step=out.step,
        language=out.language,
        text=rendered.text,
        missing=rendered.missing,
    )
