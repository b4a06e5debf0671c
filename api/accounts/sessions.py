"""Staff sessions: signing in, who a request comes from, and what that role may do."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from psycopg import AsyncConnection
from sqlalchemy import Insert, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from api import limits, problems
from api.accounts.identity import STAFF_PREFIX, new_token
from api.accounts.staff import normalised, password_fits, second_factor
from api.accounts.tables import Staff, StaffRole, StaffSession
from api.audit import audited
from api.clock import Now
from api.db import Session
from api.secrets import Keys, token_hash
from api.settings import Settings

COOKIE = "tinbao_session"
NOBODY = "-"
"""Whom a name means that can be nobody's; no account can be called so."""
SEEN_EVERY = dt.timedelta(minutes=1)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: a page of ours, or a person's own typing."""

BEARER = HTTPBearer(auto_error=False, scheme_name="staffSession", description="A staff session")
COOKIE_SCHEME = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="staffCookie", description="The same, for the pages"
)


@dataclass(frozen=True)
class OfficerIdentity:
    """A signed-in member of staff, as the database knows them at this request."""

    staff_id: uuid.UUID
    username: str
    role: StaffRole
    station_id: str | None
    province_code: str | None

    @property
    def scope(self) -> str | None:
        """Where they work, for the audit trail."""
        return self.station_id or self.province_code


@dataclass(frozen=True)
class SignedIn:
    """A new session: the token is shown once, here."""

    token: str
    expires_at: dt.datetime
    officer: OfficerIdentity


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """A transaction of its own: what it wrote stays, however the request ends."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


async def sign_in(
    engine: AsyncEngine,
    keys: Keys,
    settings: Settings,
    *,
    username: str,
    password: str,
    code: str,
    address: str,
    now: dt.datetime,
) -> SignedIn:
    """Open a session; one and the same `NotAuthenticated` whatever was wrong.

    The first limits count every attempt. Those of the second factor belong to the account
    alone, so only attempts with the right password count there: nobody else can lock it out.
    Over them, the answer is again the same: another one would say that the password is right.
    """
    name = normalised(username)
    known = name or NOBODY
    wait = await count(
        engine,
        keys,
        settings,
        (limits.SESSION_PER_ADDRESS, address),
        (limits.SESSION_PER_USER, f"{known}|{address}"),
    )
    if wait is not None:
        raise problems.TooManyRequests(wait)
    async with transaction(engine) as session:
        staff = await session.scalar(select(Staff).where(Staff.username == known))
    fits = await password_fits(password, staff.password_hash if staff else None)
    if staff is not None and fits and staff.disabled_at is None:
        account = [(rate, str(staff.id)) for rate in limits.SECOND_FACTOR]
        if await count(engine, keys, settings, *account) is None:
            signed_in = await open_session(engine, keys, settings, staff, code=code, now=now)
            if signed_in is not None:
                return signed_in
    async with transaction(engine) as session:
        await session.execute(
            audited(
                "session.refused",
                actor_kind="staff",
                object_kind="staff",
                object_id=str(staff.id) if staff else "unknown",
            )
        )
    raise problems.NotAuthenticated


async def count(
    engine: AsyncEngine, keys: Keys, settings: Settings, *checks: tuple[limits.Rate, str]
) -> int | None:
    """Count an attempt for good (see `limits.hit`); without a database nobody gets in."""
    async with transaction(engine) as session:
        return await limits.hit(session, keys, checks, factor=settings.limits.factor)


async def open_session(
    engine: AsyncEngine,
    keys: Keys,
    settings: Settings,
    staff: Staff,
    *,
    code: str,
    now: dt.datetime,
) -> SignedIn | None:
    """Use up the second factor and write the session, in one transaction; None for a wrong code."""
    using = second_factor(keys, staff.id, staff.totp_secret, code, now)
    if using is None:
        return None
    token, expires_at = new_token(STAFF_PREFIX), now + settings.session_lifetime
    officer = identity_of(staff)
    async with transaction(engine) as session:
        if (await session.execute(using.returning(Staff.id))).first() is None:
            return None
        await session.execute(
            insert(StaffSession).values(
                token_hash=token_hash(token),
                staff_id=staff.id,
                created_at=now,
                seen_at=now,
                expires_at=expires_at,
            )
        )
        await session.execute(about_session("session.created", officer))
    return SignedIn(token, expires_at, officer)


def about_session(
    action: Literal["session.created", "session.ended"], officer: OfficerIdentity
) -> Insert:
    """The audit row of a session's beginning or end."""
    return audited(
        action,
        actor_kind="staff",
        actor_id=str(officer.staff_id),
        object_kind="staff",
        object_id=str(officer.staff_id),
        scope=officer.scope,
    )


async def end_session(session: AsyncSession, token: str, officer: OfficerIdentity) -> None:
    """End a session for good, in the request's transaction."""
    await session.execute(delete(StaffSession).where(StaffSession.token_hash == token_hash(token)))
    await session.execute(about_session("session.ended", officer))


def identity_of(staff: Staff) -> OfficerIdentity:
    """Who an account is to the rest of the service."""
    return OfficerIdentity(
        staff_id=staff.id,
        username=staff.username,
        role=StaffRole(staff.role),
        station_id=staff.station_id,
        province_code=staff.province_code,
    )


async def session_token(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    cookie: Annotated[str | None, Depends(COOKIE_SCHEME)],
) -> str:
    """The token a request carries. One that came as a cookie changes things for our pages only."""
    if "authorization" in request.headers:
        if bearer is None:
            raise problems.NotAuthenticated
        return bearer.credentials
    if cookie is None:
        raise problems.NotAuthenticated
    site = request.headers.get("sec-fetch-site")
    if request.method not in SAFE_METHODS and site not in OWN_PAGES:
        raise problems.CrossSiteRequest
    return cookie


SessionToken = Annotated[str, Depends(session_token)]


async def signed_in(
    request: Request, token: SessionToken, session: Session, now: Now
) -> OfficerIdentity:
    """The member of staff behind a session that is still good, read anew at each request."""
    settings: Settings = request.app.state.settings
    hashed = token_hash(token)
    found = (
        await session.execute(
            select(Staff, StaffSession.seen_at)
            .join(StaffSession, StaffSession.staff_id == Staff.id)
            .where(
                StaffSession.token_hash == hashed,
                StaffSession.expires_at > now,
                StaffSession.seen_at > now - settings.session_idle,
                Staff.disabled_at.is_(None),
            )
        )
    ).one_or_none()
    if found is None:
        raise problems.NotAuthenticated
    staff, seen_at = found
    if seen_at <= now - SEEN_EVERY:
        await session.execute(
            update(StaffSession)
            .where(StaffSession.token_hash == hashed, StaffSession.seen_at == seen_at)
            .values(seen_at=now)
            .execution_options(synchronize_session=False)
        )
    return identity_of(staff)


Officer = Annotated[OfficerIdentity, Depends(signed_in)]


def require(*roles: StaffRole) -> Callable[[OfficerIdentity], Awaitable[OfficerIdentity]]:
    """A dependency for members of staff with one of these roles; others get a 403."""

    async def allowed(officer: Officer) -> OfficerIdentity:
        if officer.role not in roles:
            raise problems.RoleNotAllowed
        return officer

    return allowed


STANDING = """
with standing as (
    select session.token_hash, staff.role, staff.station_id, session.seen_at
    from staff_sessions as session
    join staff on staff.id = session.staff_id
    where session.token_hash = any(%(hashes)s) and session.expires_at > now()
        and session.seen_at > now() - %(idle)s and staff.disabled_at is null
), seen as (
    update staff_sessions as session set seen_at = now()
    from standing
    where session.token_hash = standing.token_hash
        and standing.seen_at < now() - interval '1 minute'
)
select token_hash, role, station_id from standing
"""


async def standing_sessions(
    connection: AsyncConnection[Any], hashes: Sequence[bytes], *, idle: dt.timedelta
) -> dict[bytes, tuple[str, str | None]]:
    """Role and station of whoever these sessions belong to, as far as they are still good.

    Asking keeps them from idling: an officer with an open stream is there.
    """
    cursor = await connection.execute(STANDING, {"hashes": list(hashes), "idle": idle})
    return {hashed: (role, station) for hashed, role, station in await cursor.fetchall()}
