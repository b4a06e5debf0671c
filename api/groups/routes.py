"""The register of groups: for the chief of the ward's station, and for admins."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Row

from api import paging, problems
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.tables import StaffRole
from api.clock import Now
from api.db import Session
from api.groups import registry, schemas
from api.groups.tables import GroupType, Invitation
from api.groups.types import type_name
from api.guards import StrictRoute
from api.i18n import Language, Speak

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["groups"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)
STAFF = problems.documented(
    problems.NotAuthenticated, problems.RoleNotAllowed, problems.CrossSiteRequest
)
ONE: dict[int | str, dict[str, Any]] = STAFF | problems.documented(problems.NotFound)
INVITING = ONE | problems.documented(problems.GroupDisbanded)

Registrar = Annotated[OfficerIdentity, Depends(require(StaffRole.STATION_CHIEF, StaffRole.ADMIN))]


def group_out(row: Row[Any], language: Language) -> schemas.GroupOut:
    """A group as its station sees it."""
    return schemas.GroupOut.model_validate(
        {**row._mapping, "type_name": type_name(row.type, language)}
    )


def invitation_out(invitation: Invitation) -> schemas.InvitationOut:
    """An invitation without its code, which nobody knows any more."""
    return schemas.InvitationOut(
        id=invitation.id,
        role=invitation.role,
        uses_left=invitation.uses_left,
        expires_at=invitation.expires_at,
        handover=invitation.replaces is not None,
    )


def new_invitation_out(invitation: Invitation, code: str) -> schemas.NewInvitationOut:
    """An invitation with its code, this once."""
    return schemas.NewInvitationOut(
        id=invitation.id,
        code=code,
        qr_text=registry.QR_PREFIX + code,
        role=invitation.role,
        expires_at=invitation.expires_at,
    )


@router.get("/group-types")
async def list_group_types(language: Speak) -> schemas.GroupTypesOut:
    """The kinds of groups there are."""
    return schemas.GroupTypesOut(
        items=[
            schemas.GroupTypeOut(code=code, name=type_name(code, language)) for code in GroupType
        ]
    )


@router.post("/groups", status_code=201, responses=STAFF)
async def create_group(
    request: Request,
    given: schemas.GroupIn,
    officer: Registrar,
    session: Session,
    now: Now,
    language: Speak,
) -> schemas.GroupOut:
    """Register a group of a ward."""
    made = await registry.create_group(
        session,
        officer,
        given,
        atlas=request.app.state.atlases.current(now),
        language=language,
    )
    return group_out(await registry.find_group(session, officer, made), language)


@router.get("/groups", responses=STAFF)
async def list_groups(
    request: Request,
    response: Response,
    officer: Registrar,
    session: Session,
    language: Speak,
    cursor: Annotated[uuid.UUID | None, Query()] = None,
    limit: paging.Limit = paging.PAGE,
) -> schemas.GroupsOut:
    """The groups of the chief's ward, or all of them, by name."""
    after = None
    if cursor is not None:
        after = await registry.position_of(session, officer, cursor)
        if after is None:
            raise paging.unknown_cursor(language)
    rows = await registry.list_groups(session, officer, after=after, limit=limit + 1)
    items = [group_out(row, language) for row in rows[:limit]]
    following = str(items[-1].id) if len(rows) > limit else None
    if following is not None:
        response.headers["Link"] = paging.next_link(request, following, {"limit": limit})
    return schemas.GroupsOut(items=items, next_cursor=following)


@router.get("/groups/{group_id}", responses=ONE)
async def read_group(
    group_id: uuid.UUID, officer: Registrar, session: Session, language: Speak
) -> schemas.GroupOut:
    """One group: what it is, and how many belong to it."""
    return group_out(await registry.find_group(session, officer, group_id), language)


@router.patch("/groups/{group_id}", responses=ONE)
async def change_group(
    request: Request,
    group_id: uuid.UUID,
    given: schemas.GroupChangeIn,
    officer: Registrar,
    session: Session,
    now: Now,
    language: Speak,
) -> schemas.GroupOut:
    """Change what is registered of a group, or disband it: then nobody reports as it any more."""
    await registry.change_group(
        session,
        officer,
        group_id,
        given,
        atlas=request.app.state.atlases.current(now),
        language=language,
        now=now,
    )
    return group_out(await registry.find_group(session, officer, group_id), language)


@router.post("/groups/{group_id}/invitations", status_code=201, responses=INVITING)
async def create_invitation(
    request: Request,
    group_id: uuid.UUID,
    given: schemas.InvitationIn,
    officer: Registrar,
    session: Session,
    now: Now,
) -> schemas.NewInvitationOut:
    """Let a leader or members join; the code is shown once and never again."""
    made, code = await registry.invite(
        session, request.app.state.keys, officer, group_id, given, now
    )
    return new_invitation_out(made, code)


@router.get("/groups/{group_id}/invitations", responses=ONE)
async def list_invitations(
    group_id: uuid.UUID, officer: Registrar, session: Session, now: Now
) -> schemas.InvitationsOut:
    """The invitations by which somebody may still join, without their codes."""
    found = await registry.list_invitations(session, officer, group_id, now)
    return schemas.InvitationsOut(items=[invitation_out(each) for each in found])


@router.delete("/groups/{group_id}/invitations/{invitation_id}", status_code=204, responses=ONE)
async def end_invitation(
    group_id: uuid.UUID,
    invitation_id: uuid.UUID,
    officer: Registrar,
    session: Session,
    now: Now,
) -> None:
    """Take an invitation back; who has joined by it stays."""
    await registry.end_invitation(session, officer, group_id, invitation_id, now)
