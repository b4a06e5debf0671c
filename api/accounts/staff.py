"""Staff accounts: making them, and what their passwords and second factors are worth."""

import asyncio
import datetime as dt
import hashlib
import re
import secrets
import unicodedata
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import pyotp
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Insert, Update, any_, func, literal, select, update
from sqlalchemy.orm import Session

from api.accounts.tables import Staff, StaffRole
from api.audit import audited
from api.secrets import CROCKFORD, READ_ALIKE, Keys
from geo.tables import Province, Station, StationKind

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}", re.ASCII)
RESERVED = frozenset({"self", "inbox", "delegations"})
"""Names that mean something else in `/v1/staff/…`."""
STATION_ROLES = (StaffRole.DUTY_OFFICER, StaffRole.STATION_CHIEF)
PROVINCE_ROLES = (StaffRole.PROVINCE_COMMANDER, StaffRole.OVERSIGHT)

PASSWORDS = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
NOBODYS_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$uBcv77yRGYM6AQBAvs56Kg"
    "$W5IIQNcwwPMZSKXpoWPFz4gE/BlM2V0wEKhl9wSEbjQ"
)
"""Hashed with the same cost as everyone's; its password was thrown away."""
HASHERS = ThreadPoolExecutor(2, thread_name_prefix="argon2")
"""Two hashings at once at most: each takes 19 MiB and a core for some 30 ms."""

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
STEP_S = 30
DIGITS = re.compile(r"[0-9]{6}", re.ASCII)
RECOVERY_CODES = 10


class StaffError(ValueError):
    """An account cannot be made or changed so; the message says what to mend.

    `code` says it to machines (`invalid.<code>` is its sentence), `field` is what of a request is
    wrong.
    """

    def __init__(self, message: str, code: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.field = code, field


class UsernameTakenError(StaffError):
    """Somebody has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already an account named {name}.", "username_taken")


@dataclass(frozen=True)
class Actor:
    """Who makes or changes an account: a member of staff, or the operator at a command line."""

    kind: Literal["staff", "operator"]
    staff_id: uuid.UUID | None = None


OPERATOR = Actor("operator")


@dataclass(frozen=True)
class Credentials:
    """What a new member of staff is handed, once: only hashes of it stay."""

    username: str
    password: str
    totp_secret: str
    recovery_codes: list[str]


@dataclass(frozen=True)
class NewPassword:
    """A password made for somebody, and what is stored of it."""

    password: str
    hashed: str


def normalised(username: str) -> str | None:
    """A username as it is stored: NFC, lower case, ASCII; None for what can be nobody's."""
    name = unicodedata.normalize("NFC", username).strip().lower()
    return name if USERNAME.fullmatch(name) else None


def grouped(letters: str, groups: int, size: int) -> str:
    """Random letters in groups, to be read out and typed."""
    return "-".join("".join(secrets.choice(letters) for _ in range(size)) for _ in range(groups))


def recovery_hash(staff_id: uuid.UUID, code: str) -> bytes:
    """What is stored of a recovery code (80 bits), however it was typed."""
    read = "".join(code.upper().translate(READ_ALIKE).replace("-", "").split())
    return hashlib.sha256(staff_id.bytes + read.encode()).digest()


def new_password() -> NewPassword:
    """A password of 99 random bits, hashed: that takes some 30 ms and 19 MiB."""
    password = grouped(LETTERS, 4, 5)
    return NewPassword(password, PASSWORDS.hash(password))


def new_recovery_codes() -> list[str]:
    """Codes that stand in for the second factor, once each."""
    return [grouped(CROCKFORD, 4, 4) for _ in range(RECOVERY_CODES)]


def recovery_hashes(staff_id: uuid.UUID, codes: list[str]) -> list[bytes]:
    """What is stored of recovery codes."""
    return [recovery_hash(staff_id, code) for code in codes]


def create_staff(
    session: Session,
    keys: Keys,
    *,
    role: StaffRole,
    username: str,
    station_id: str | None = None,
    province_code: str | None = None,
    password: NewPassword | None = None,
    by: Actor = OPERATOR,
) -> Credentials:
    """Make an account in the caller's transaction; `StaffError` says why not."""
    name = normalised(username)
    if name is None or name in RESERVED:
        raise StaffError(
            "A username has 2 to 64 characters: a-z, 0-9, '.', '_', '-'; first a letter or digit.",
            "username",
            "username",
        )
    if session.scalar(select(Staff.id).where(Staff.username == name)) is not None:
        raise UsernameTakenError(name)
    station_id, province_code = place_of(session, role, station_id, province_code)
    staff_id, password = uuid.uuid4(), password or new_password()
    credentials = Credentials(
        username=name,
        password=password.password,
        totp_secret=pyotp.random_base32(),
        recovery_codes=new_recovery_codes(),
    )
    made = Staff(
        id=staff_id,
        username=name,
        password_hash=password.hashed,
        totp_secret=keys.seal_totp(staff_id, credentials.totp_secret),
        recovery_hashes=recovery_hashes(staff_id, credentials.recovery_codes),
        role=role,
        station_id=station_id,
        province_code=province_code,
    )
    session.add(made)
    session.flush()
    session.execute(about_staff("staff.created", made, by))
    return credentials


def about_staff(action: str, staff: Staff, by: Actor, *, change: str | None = None) -> Insert:
    """The audit row of something that was done to an account: who did it to whom, no secret."""
    return audited(
        action,
        actor_kind=by.kind,
        actor_id=str(by.staff_id) if by.staff_id else None,
        object_kind="staff",
        object_id=str(staff.id),
        reason=change,
        scope=staff.station_id or staff.province_code,
    )


def place_of(
    session: Session, role: StaffRole, station_id: str | None, province_code: str | None
) -> tuple[str | None, str | None]:
    """The station and province an account of this role belongs to."""
    if role in STATION_ROLES:
        if station_id is None or province_code is not None:
            raise StaffError(
                f"A {role} belongs to a station: give --station, and no --province.",
                "station_wanted",
                "station_id",
            )
    elif role in PROVINCE_ROLES:
        if province_code is None or station_id is not None:
            raise StaffError(
                f"A {role} belongs to a province: give --province, and no --station.",
                "province_wanted",
                "province_code",
            )
        if role == StaffRole.PROVINCE_COMMANDER:
            if session.get(Province, province_code) is None:
                message = f"There is no province {province_code}."
                raise StaffError(message, "no_province", "province_code")
            return None, province_code
        station_id = f"o-{province_code}"
    else:
        if station_id is not None or province_code is not None:
            raise StaffError(
                f"An account of role {role} takes neither --station nor --province.",
                "no_place_wanted",
                "role",
            )
        return None, None
    station = session.get(Station, station_id)
    wrong = "province_code" if role == StaffRole.OVERSIGHT else "station_id"
    if station is None:
        raise StaffError(f"There is no station {station_id}.", "no_station", wrong)
    if (station.kind == StationKind.OVERSIGHT) != (role == StaffRole.OVERSIGHT):
        message = f"{station_id} is an oversight office, for the role oversight only."
        raise StaffError(message, "oversight_station", wrong)
    return station.id, station.province_code


async def password_fits(password: str, stored: str | None) -> bool:
    """Whether a password is the one that was hashed; nobody's takes as long as anybody's."""
    given = unicodedata.normalize("NFC", password)
    loop = asyncio.get_running_loop()
    fits = await loop.run_in_executor(HASHERS, PASSWORDS.verify, given, stored or NOBODYS_HASH)
    return fits and stored is not None


def second_factor(
    keys: Keys, staff_id: uuid.UUID, sealed_secret: bytes, code: str, now: dt.datetime
) -> Update | None:
    """The conditional update that uses up a code: it changes one row exactly if the code is good.

    None when six digits fit none of the three steps round `now`. What is not six digits is taken
    for a recovery code.
    """
    code = "".join(code.split())
    of_staff = update(Staff).where(Staff.id == staff_id, Staff.disabled_at.is_(None))
    unsynchronised = {"synchronize_session": False}
    if not DIGITS.fullmatch(code):
        hashed = recovery_hash(staff_id, code)
        return (
            of_staff.where(literal(hashed) == any_(Staff.recovery_hashes))
            .values(recovery_hashes=func.array_remove(Staff.recovery_hashes, hashed))
            .execution_options(**unsynchronised)
        )
    step = fitting_step(keys.open_totp(staff_id, sealed_secret), code, now)
    if step is None:
        return None
    return (
        of_staff.where(Staff.totp_last_step < step)
        .values(totp_last_step=step)
        .execution_options(**unsynchronised)
    )


def fitting_step(secret: str, code: str, now: dt.datetime) -> int | None:
    """The latest 30-second step a TOTP code belongs to: the present one or a neighbour."""
    present = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret)
    fitting = [
        step
        for step in (present - 1, present, present + 1)
        if secrets.compare_digest(totp.generate_otp(step), code)
    ]
    return max(fitting, default=None)
