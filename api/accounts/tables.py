"""Devices, staff and their sessions, and the counters of the rate limits."""

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base
from geo.tables import Station, one_of


class ReporterKind(StrEnum):
    """What a reporter shows of themselves."""

    ANONYMOUS = "anonymous"
    DEVICE = "device"
    ACCOUNT = "account"


class Device(Base):
    """A pseudonymous reporter without an account: a bearer token, of which we keep the hash."""

    __tablename__ = "devices"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


DEMO_PREFIX = "demo-"
"""How the usernames of demo accounts begin; production serves while there are none."""


class StaffRole(StrEnum):
    """What a member of staff may do; where, is their station or province."""

    DUTY_OFFICER = "duty_officer"
    STATION_CHIEF = "station_chief"
    PROVINCE_COMMANDER = "province_commander"
    OVERSIGHT = "oversight"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Staff(Base):
    """An account of staff. The scope is read from here at each request, never from a token."""

    __tablename__ = "staff"
    __table_args__ = (
        one_of("role", StaffRole),
        CheckConstraint(
            "(station_id is not null) = (role in ('duty_officer', 'station_chief', 'oversight'))",
            name="station",
        ),
        CheckConstraint("role != 'province_commander' or province_code is not null", "province"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    username: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    totp_secret: Mapped[bytes]
    """Encrypted with a key that is not in the database."""
    totp_last_step: Mapped[int] = mapped_column(server_default=text("0"))
    """The 30-second step of the last code taken: a code works once."""
    recovery_hashes: Mapped[list[bytes]]
    role: Mapped[str]
    station_id: Mapped[str | None] = mapped_column(ForeignKey(Station.__table__.c.id))
    province_code: Mapped[str | None]
    disabled_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class StaffSession(Base):
    """A signed-in member of staff: opaque token, hashed here, revocable at once."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Staff.id, ondelete="CASCADE"), index=True
    )
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime]


class RateLimit(Base):
    """One GCRA counter: the theoretical arrival time. UNLOGGED: a crash forgives, loses no report.

    `key` is a keyed hash of the principal or address with a salt of the day.
    """

    __tablename__ = "rate_limits"
    __table_args__ = (Index("ix_rate_limits_tat", "tat"), {"prefixes": ["UNLOGGED"]})

    key: Mapped[bytes] = mapped_column(primary_key=True)
    tat: Mapped[dt.datetime]
