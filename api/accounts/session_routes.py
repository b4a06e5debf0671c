"""Signing in and out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import problems
from api.accounts import sessions
from api.accounts.identity import Address
from api.accounts.sessions import COOKIE, Officer, SessionToken
from api.accounts.tables import StaffRole
from api.clock import LocalTime, Now
from api.db import Session
from api.guards import StrictRoute
from api.settings import Settings
from api.texts import CleanText

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["sessions"])


class SessionIn(BaseModel):
    """What a member of staff signs in with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: Annotated[CleanText, Field(min_length=1, max_length=100)]
    password: Annotated[CleanText, Field(min_length=1, max_length=200)]
    totp: Annotated[CleanText, Field(min_length=1, max_length=40)] = Field(
        description="The six digits of the authenticator app, or a recovery code; each works once"
    )


class StaffOut(BaseModel):
    """Who signed in, and where they work."""

    model_config = ConfigDict(from_attributes=True)

    username: str
    role: StaffRole
    station_id: str | None
    province_code: str | None


class SessionOut(BaseModel):
    """A new session. The token is for `Authorization: Bearer`; pages have it as a cookie."""

    token: str
    expires_at: LocalTime
    staff: StaffOut


@router.post(
    "/sessions",
    status_code=201,
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.InvalidRequest,
        problems.TooManyRequests,
        problems.ServiceUnavailable,
    ),
)
async def create_session(
    request: Request, response: Response, given: SessionIn, address: Address, now: Now
) -> SessionOut:
    """Sign in with a password and a second factor. Whatever is wrong, the answer is the same."""
    settings: Settings = request.app.state.settings
    made = await sessions.sign_in(
        request.app.state.engine,
        request.app.state.keys,
        settings,
        username=given.username,
        password=given.password,
        code=given.totp,
        address=address,
        now=now,
    )
    response.set_cookie(
        COOKIE,
        made.token,
        max_age=int(settings.session_lifetime.total_seconds()),
        secure=secure(request),
        httponly=True,
        samesite="strict",
    )
    return SessionOut(
        token=made.token,
        expires_at=made.expires_at,
        staff=StaffOut.model_validate(made.officer),
    )


@router.delete(
    "/sessions/current",
    status_code=204,
    responses=problems.documented(
        problems.NotAuthenticated,
        problems.CrossSiteRequest,
        problems.ServiceUnavailable,
    ),
)
async def end_current_session(
    request: Request, response: Response, token: SessionToken, officer: Officer, session: Session
) -> None:
    """Sign out: the token is worthless from now on."""
    await sessions.end_session(session, token, officer)
    response.delete_cookie(COOKIE, secure=secure(request), httponly=True, samesite="strict")


def secure(request: Request) -> bool:
    """Whether the cookie is for HTTPS only: always, but for a demo over plain HTTP."""
    return request.app.state.settings.mode == "production" or request.url.scheme == "https"
