"""What admins and operators do with accounts of staff; each act in its caller's transaction.

A session reads its role and place anew at each request, so whatever is changed here holds from the
next request on.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp
from sqlalchemy import Select, delete, or_, select
from sqlalchemy.orm import Session

from api import limits
from api.accounts.staff import (
    PROVINCE_ROLES,
    STATION_ROLES,
    Actor,
    NewPassword,
    StaffError,
    about_staff,
    new_recovery_codes,
    normalised,
    place_of,
    recovery_hashes,
)
from api.accounts.tables import Staff, StaffRole, StaffSession
from api.secrets import Keys

ISSUER = "TinBáo"


class NoSuchAccountError(StaffError):
    """Nobody is called so."""

    def __init__(self) -> None:
        super().__init__("There is no such account.", "no_account")


class LastAdminError(StaffError):
    """Without this account nobody could manage staff any more."""

    def __init__(self) -> None:
        super().__init__("This is the last active admin: make another one first.", "last_admin")


@dataclass(frozen=True)
class StaffFilter:
    """Which accounts a list is about."""

    role: StaffRole | None = None
    station_id: str | None = None
    province_code: str | None = None
    disabled: bool | None = None


def staff_statement(wanted: StaffFilter, *, after: str | None, limit: int) -> Select[Staff]:
    """Accounts by name; served by `uq_staff_username`."""
    query = select(Staff).order_by(Staff.username).limit(limit)
    if wanted.role is not None:
        query = query.where(Staff.role == wanted.role)
    if wanted.station_id is not None:
        query = query.where(Staff.station_id == wanted.station_id)
    if wanted.province_code is not None:
        query = query.where(Staff.province_code == wanted.province_code)
    if wanted.disabled is not None:
        gone = Staff.disabled_at.is_not(None)
        query = query.where(gone if wanted.disabled else ~gone)
    return query if after is None else query.where(Staff.username > after)


def list_staff(
    session: Session, wanted: StaffFilter, *, after: str | None, limit: int
) -> Sequence[Staff]:
    """A page of accounts (see `staff_statement`)."""
    return session.scalars(staff_statement(wanted, after=after, limit=limit)).all()


def find_staff(session: Session, username: str) -> Staff:
    """The account of that name; raises `NoSuchAccountError`."""
    staff = session.scalar(select(Staff).where(Staff.username == normalised(username)))
    if staff is None:
        raise NoSuchAccountError
    return staff


def lock_staff(session: Session, username: str) -> tuple[Staff, bool]:
    """The account of that name, to be changed, and whether it is the last active admin.

    Active admins are locked with it, in one order: of two admins who demote each other at once
    the second waits, and then is the last.
    """
    name = normalised(username)
    admin = (Staff.role == StaffRole.ADMIN) & Staff.disabled_at.is_(None)
    found = session.scalars(
        select(Staff)
        .where(or_(Staff.username == name, admin))
        .order_by(Staff.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    staff = next((each for each in found if each.username == name), None)
    if staff is None:
        raise NoSuchAccountError
    admins = [
        each.id for each in found if each.role == StaffRole.ADMIN and each.disabled_at is None
    ]
    return staff, admins == [staff.id]


def refuse_last_admin(by: Actor, *, last: bool) -> None:
    """Keep one admin. An operator may do without: they can make another one at any time."""
    if last and by.kind == "staff":
        raise LastAdminError


def move_staff(
    session: Session,
    username: str,
    *,
    role: StaffRole | None = None,
    station_id: str | None = None,
    province_code: str | None = None,
    by: Actor,
) -> Staff:
    """Give an account another role or place; without a place it keeps its own, if that fits."""
    staff, last = lock_staff(session, username)
    before, given = StaffRole(staff.role), role or StaffRole(staff.role)
    if given != StaffRole.ADMIN:
        refuse_last_admin(by, last=last)
    if station_id is None and province_code is None:
        if before in STATION_ROLES and given in STATION_ROLES:
            station_id = staff.station_id
        if before in PROVINCE_ROLES and given in PROVINCE_ROLES:
            province_code = staff.province_code
    place = place_of(session, given, station_id, province_code)
    was = described(staff)
    staff.role, (staff.station_id, staff.province_code) = given, place
    change = f"{was} -> {described(staff)}"
    session.flush()
    session.execute(about_staff("staff.moved", staff, by, change=change))
    return staff


def described(staff: Staff) -> str:
    """A role and its place, for the trail."""
    return f"{staff.role} {staff.station_id or staff.province_code or ''}".rstrip()


def disable_staff(session: Session, username: str, *, by: Actor) -> Staff:
    """Close an account and end its sessions."""
    staff, last = lock_staff(session, username)
    refuse_last_admin(by, last=last)
    staff.disabled_at = staff.disabled_at or dt.datetime.now(dt.UTC)
    end_sessions(session, staff.id)
    session.flush()
    session.execute(about_staff("staff.disabled", staff, by))
    return staff


def enable_staff(session: Session, username: str, *, by: Actor) -> Staff:
    """Open a closed account again."""
    staff, _ = lock_staff(session, username)
    staff.disabled_at = None
    session.flush()
    session.execute(about_staff("staff.enabled", staff, by))
    return staff


def end_sessions(session: Session, staff_id: uuid.UUID, *, but: bytes | None = None) -> None:
    """End every session of an account, or every other one than that with this token's hash."""
    ending = delete(StaffSession).where(StaffSession.staff_id == staff_id)
    session.execute(ending if but is None else ending.where(StaffSession.token_hash != but))


def set_password(
    session: Session, staff: Staff, hashed: str, *, by: Actor, but: bytes | None = None
) -> None:
    """Store another password and end the sessions of whoever knew the old one."""
    staff.password_hash = hashed
    end_sessions(session, staff.id, but=but)
    session.flush()
    session.execute(about_staff("staff.password_changed", staff, by))


def renew_password(session: Session, username: str, made: NewPassword, *, by: Actor) -> str:
    """Give an account a password made for it; its name as stored."""
    staff, _ = lock_staff(session, username)
    set_password(session, staff, made.hashed, by=by)
    return staff.username


def renew_totp(
    session: Session, keys: Keys, staff: Staff, *, by: Actor, but: bytes | None = None
) -> str:
    """Give an account another second factor and end its sessions; the secret, shown once."""
    secret = pyotp.random_base32()
    staff.totp_secret = keys.seal_totp(staff.id, secret)
    staff.totp_last_step = 0
    end_sessions(session, staff.id, but=but)
    session.flush()
    session.execute(about_staff("staff.totp_changed", staff, by))
    return secret


def otpauth_uri(username: str, secret: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def renew_recovery_codes(session: Session, staff: Staff, *, by: Actor) -> list[str]:
    """Give an account other recovery codes, shown once; the old ones end."""
    codes = new_recovery_codes()
    staff.recovery_hashes = recovery_hashes(staff.id, codes)
    session.flush()
    session.execute(about_staff("staff.recovery_codes_changed", staff, by))
    return codes


def second_factor_checks(staff: Staff) -> limits.Checks:
    """The limits that shut an account's second factor after too many wrong codes."""
    return [(rate, str(staff.id)) for rate in limits.SECOND_FACTOR]


def locked_until(
    session: Session, keys: Keys, staff: Staff, *, factor: float, now: dt.datetime
) -> dt.datetime | None:
    """Until when wrong codes have shut the account's second factor; None while it is open."""
    wait = limits.waiting(session, keys, second_factor_checks(staff), factor=factor)
    return None if wait is None else now + dt.timedelta(seconds=wait)


def unlock_staff(session: Session, keys: Keys, username: str, *, by: Actor) -> Staff:
    """Forget an account's wrong codes. What an address has tried is forgotten by itself."""
    staff, _ = lock_staff(session, username)
    limits.clear(session, keys, second_factor_checks(staff))
    session.execute(about_staff("staff.unlocked", staff, by))
    return staff
