"""Saving filters of the queue, and finding them again."""

import uuid
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import delete, func, insert, select, update

from api import problems
from api.clock import Now
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Speak
from api.triage.queries import CaseOfficer
from api.views.schemas import ViewIn, ViewOut, ViewsOut, view_out
from api.views.tables import SavedView

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["views"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.ServiceUnavailable,
    ),
)

MOST_VIEWS = 50


@router.get("/views")
async def list_views(officer: CaseOfficer, session: Session) -> ViewsOut:
    """The views that I have saved."""
    found = await session.scalars(
        select(SavedView)
        .where(SavedView.staff_id == officer.staff_id)
        .order_by(SavedView.created_at, SavedView.id)
    )
    return ViewsOut(items=[view_out(each) for each in found])


@router.post(
    "/views",
    status_code=201,
    responses=problems.documented(problems.CrossSiteRequest, problems.InvalidRequest),
)
async def create_view(
    response: Response,
    view: ViewIn,
    officer: CaseOfficer,
    session: Session,
    language: Speak,
    now: Now,
) -> ViewOut:
    """Save a filter under a name."""
    count = await session.scalar(select(func.count()).where(SavedView.staff_id == officer.staff_id))
    if (count or 0) >= MOST_VIEWS:
        error = {"type": "views", "loc": ("body",), "ctx": {"most": MOST_VIEWS}}
        raise problems.InvalidRequest(errors=problems.field_errors([error], language))
    made: Any = await session.scalar(
        insert(SavedView)
        .values(
            id=uuid.uuid4(),
            staff_id=officer.staff_id,
            name=view.name,
            filter=view.filter.as_asked(),
            created_at=now,
            updated_at=now,
        )
        .returning(SavedView)
    )
    response.headers["Location"] = f"/v1/views/{made.id}"
    return view_out(made)


@router.put(
    "/views/{view_id}",
    responses=problems.documented(
        problems.CrossSiteRequest, problems.NotFound, problems.InvalidRequest
    ),
)
async def replace_view(
    view_id: uuid.UUID, view: ViewIn, officer: CaseOfficer, session: Session, now: Now
) -> ViewOut:
    """Replace a view's name and filter."""
    changed: Any = await session.scalar(
        update(SavedView)
        .where(SavedView.id == view_id, SavedView.staff_id == officer.staff_id)
        .values(name=view.name, filter=view.filter.as_asked(), updated_at=now)
        .returning(SavedView)
    )
    if changed is None:
        raise problems.NotFound
    return view_out(changed)


@router.delete(
    "/views/{view_id}",
    status_code=204,
    responses=problems.documented(
        problems.CrossSiteRequest, problems.NotFound, problems.InvalidRequest
    ),
)
async def delete_view(view_id: uuid.UUID, officer: CaseOfficer, session: Session) -> None:
    """Forget a view."""
    gone = await session.execute(
        delete(SavedView)
        .where(SavedView.id == view_id, SavedView.staff_id == officer.staff_id)
        .returning(SavedView.id)
    )
    if gone.first() is None:
        raise problems.NotFound
