"""Accounts of staff, managed by admins. An admin sees who works where, and no report."""

from asyncio import get_running_loop
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from api import problems
from api.accounts import administration as rules
from api.accounts import staff_schemas as schemas
from api.accounts.sessions import OfficerIdentity, require
from api.accounts.staff import (
    HASHERS,
    Actor,
    StaffError,
    UsernameTakenError,
    create_staff,
    new_password,
    normalised,
)
from api.accounts.tables import DEMO_PREFIX, Staff, StaffRole
from api.clock import Now
from api.db import Session
from api.guards import StrictRoute
from api.i18n import Language, Speak
from api.paging import PAGE, Limit, next_link
from api.texts import CleanText

router = APIRouter(
    prefix="/v1",
    route_class=StrictRoute,
    tags=["staff"],
    responses=problems.documented(
        problems.MalformedRequest,
        problems.NotAuthenticated,
        problems.RoleNotAllowed,
        problems.CrossSiteRequest,
        problems.InvalidRequest,
        problems.ServiceUnavailable,
    ),
)
NOT_FOUND = problems.documented(problems.NotFound)
CHANGING = problems.documented(problems.NotFound, problems.LastAdmin)

Admin = Annotated[OfficerIdentity, Depends(require(StaffRole.ADMIN))]
Username = Annotated[str, Path(max_length=100)]
Nothing = Annotated[schemas.NothingIn | None, Body()]


def acting(admin: OfficerIdentity) -> Actor:
    """An admin as the trail names them."""
    return Actor("staff", admin.staff_id)


@contextmanager
def explained(language: Language) -> Iterator[None]:
    """What the rules refuse, as problems."""
    try:
        yield
    except rules.NoSuchAccountError:
        raise problems.NotFound from None
    except rules.LastAdminError:
        raise problems.LastAdmin from None
    except UsernameTakenError:
        raise problems.UsernameTaken from None
    except StaffError as error:
        raise wrong(error.code, error.field, language) from None


def wrong(code: str, field: str, language: Language) -> problems.InvalidRequest:
    """A field of the body that does not fit."""
    found = [{"type": code, "loc": ("body", field)}]
    return problems.InvalidRequest(errors=problems.field_errors(found, language))


@router.post("/staff", status_code=201, responses=problems.documented(problems.UsernameTaken))
async def create_staff_member(
    request: Request, given: schemas.StaffIn, admin: Admin, session: Session, language: Speak
) -> schemas.CredentialsOut:
    """Make an account. What it signs in with is shown once and never again."""
    state = request.app.state
    name = normalised(given.username) or ""
    if state.settings.mode == "production" and name.startswith(DEMO_PREFIX):
        raise wrong("username", "username", language)
    made_password = await get_running_loop().run_in_executor(HASHERS, new_password)
    with explained(language):
        made = await session.run_sync(
            partial(
                create_staff,
                keys=state.keys,
                role=given.role,
                username=given.username,
                station_id=given.station_id,
                province_code=given.province_code,
                password=made_password,
                by=acting(admin),
            )
        )
        staff = await session.run_sync(rules.find_staff, made.username)
    return schemas.CredentialsOut(
        username=made.username,
        password=made.password,
        totp_secret=made.totp_secret,
        otpauth_uri=rules.otpauth_uri(made.username, made.totp_secret),
        recovery_codes=made.recovery_codes,
        staff=schemas.StaffMemberOut.model_validate(staff),
    )


@router.get("/staff")
async def list_staff(
    request: Request,
    response: Response,
    _: Admin,
    session: Session,
    role: Annotated[StaffRole | None, Query()] = None,
    station_id: Annotated[CleanText | None, Query(max_length=100)] = None,
    province_code: Annotated[CleanText | None, Query(max_length=100)] = None,
    disabled: Annotated[bool | None, Query(description="Closed accounts, or open ones")] = None,
    cursor: Annotated[CleanText | None, Query(max_length=100)] = None,
    limit: Limit = PAGE,
) -> schemas.StaffListOut:
    """Accounts of staff by name."""
    wanted = rules.StaffFilter(role, station_id, province_code, disabled)
    found = await session.run_sync(
        partial(rules.list_staff, wanted=wanted, after=cursor, limit=limit + 1)
    )
    items = [schemas.StaffMemberOut.model_validate(each) for each in found[:limit]]
    following = items[-1].username if len(found) > limit else None
    if following is not None:
        asked = {
            "role": role,
            "station_id": station_id,
            "province_code": province_code,
            "disabled": None if disabled is None else str(disabled).lower(),
            "limit": limit,
        }
        response.headers["Link"] = next_link(request, following, asked)
    return schemas.StaffListOut(items=items, next_cursor=following)


@router.get("/staff/{username}", responses=NOT_FOUND)
async def read_staff_member(
    request: Request, username: Username, _: Admin, session: Session, now: Now, language: Speak
) -> schemas.StaffDetailsOut:
    """One account, and whether too many wrong codes have shut its second factor."""
    state = request.app.state
    with explained(language):
        staff = await session.run_sync(rules.find_staff, username)
    until = await session.run_sync(
        partial(
            rules.locked_until,
            keys=state.keys,
            staff=staff,
            factor=state.settings.limits.factor,
            now=now,
        )
    )
    return schemas.StaffDetailsOut.model_validate(
        schemas.StaffMemberOut.model_validate(staff).model_dump()
        | {"recovery_codes_left": len(staff.recovery_hashes), "locked_until": until}
    )


@router.patch("/staff/{username}", responses=CHANGING)
async def move_staff_member(
    username: Username, given: schemas.MoveIn, admin: Admin, session: Session, language: Speak
) -> schemas.StaffMemberOut:
    """Give an account another role or place; it sees the new scope only, from its next request."""
    with explained(language):
        staff = await session.run_sync(
            partial(
                rules.move_staff,
                username=username,
                role=given.role,
                station_id=given.station_id,
                province_code=given.province_code,
                by=acting(admin),
            )
        )
    return schemas.StaffMemberOut.model_validate(staff)


@router.post("/staff/{username}/disabling", responses=CHANGING)
async def disable_staff_member(
    username: Username, admin: Admin, session: Session, language: Speak, _: Nothing = None
) -> schemas.StaffMemberOut:
    """Close an account and end its sessions, from the next request on."""
    with explained(language):
        staff = await session.run_sync(
            partial(rules.disable_staff, username=username, by=acting(admin))
        )
    return schemas.StaffMemberOut.model_validate(staff)


@router.post("/staff/{username}/enabling", responses=NOT_FOUND)
async def enable_staff_member(
    username: Username, admin: Admin, session: Session, language: Speak, _: Nothing = None
) -> schemas.StaffMemberOut:
    """Open a closed account again, as it was."""
    with explained(language):
        staff = await session.run_sync(
            partial(rules.enable_staff, username=username, by=acting(admin))
        )
    return schemas.StaffMemberOut.model_validate(staff)


@router.post("/staff/{username}/unlocking", responses=NOT_FOUND)
async def unlock_staff_member(
    request: Request,
    username: Username,
    admin: Admin,
    session: Session,
    language: Speak,
    _: Nothing = None,
) -> schemas.StaffMemberOut:
    """Forget the wrong codes of an account, which have shut its second factor."""
    with explained(language):
        staff = await session.run_sync(
            partial(
                rules.unlock_staff,
                keys=request.app.state.keys,
                username=username,
                by=acting(admin),
            )
        )
    return schemas.StaffMemberOut.model_validate(staff)


@router.post("/staff/{username}/password", responses=NOT_FOUND)
async def renew_staff_password(
    username: Username, admin: Admin, session: Session, language: Speak, _: Nothing = None
) -> schemas.PasswordOut:
    """Give an account another password, shown once, and end its sessions."""
    made = await get_running_loop().run_in_executor(HASHERS, new_password)
    with explained(language):
        name = await session.run_sync(
            partial(rules.renew_password, username=username, made=made, by=acting(admin))
        )
    return schemas.PasswordOut(username=name, password=made.password)


@router.post("/staff/{username}/totp", responses=NOT_FOUND)
async def renew_staff_totp(
    request: Request,
    username: Username,
    admin: Admin,
    session: Session,
    language: Speak,
    _: Nothing = None,
) -> schemas.TotpOut:
    """Give an account another second factor, shown once, and end its sessions."""

    def renew(on: Any) -> tuple[Staff, str]:
        staff, _ = rules.lock_staff(on, username)
        return staff, rules.renew_totp(on, request.app.state.keys, staff, by=acting(admin))

    with explained(language):
        staff, secret = await session.run_sync(renew)
    return totp_out(staff.username, secret)


@router.post("/staff/{username}/recovery-codes", responses=NOT_FOUND)
async def renew_staff_recovery_codes(
    username: Username, admin: Admin, session: Session, language: Speak, _: Nothing = None
) -> schemas.RecoveryCodesOut:
    """Give an account other recovery codes, shown once; the old ones end."""

    def renew(on: Any) -> schemas.RecoveryCodesOut:
        staff, _ = rules.lock_staff(on, username)
        codes = rules.renew_recovery_codes(on, staff, by=acting(admin))
        return schemas.RecoveryCodesOut(username=staff.username, recovery_codes=codes)

    with explained(language):
        return await session.run_sync(renew)


def totp_out(username: str, secret: str) -> schemas.TotpOut:
    """A new second factor, for the eye and for the camera."""
    uri = rules.otpauth_uri(username, secret)
    return schemas.TotpOut(username=username, totp_secret=secret, otpauth_uri=uri)
