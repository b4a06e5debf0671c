"""Rules of clocks, the working calendar, what is overdue, and what staff are told."""

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    func,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.clocks.deadlines import RunsFrom, Unit
from api.reports.tables import Report
from api.tables import Base
from geo.tables import Station, one_of


class Basis(StrEnum):
    """Where a rule comes from: the law, or a service's own promise."""

    LAW = "law"
    SERVICE = "service"


class ClockRule(Base):
    """How long something may take, and who says so. Never edited: closed, and followed by another.

    A clock keeps the rule that was in force when it started.
    """

    __tablename__ = "clock_rules"
    __table_args__ = (
        one_of("unit", Unit),
        one_of("runs_from", RunsFrom),
        one_of("basis", Basis),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("effective_to is null or effective_to > effective_from", name="effective"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    clock: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    kinds: Mapped[list[str] | None]
    """Report kinds it is for; null for all. The same for urgencies and wards."""
    urgencies: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    ward_codes: Mapped[list[str] | None]
    amount: Mapped[int]
    unit: Mapped[str]
    runs_from: Mapped[str]
    stops_at: Mapped[list[str]]
    """The events that stop it; closing a case stops every clock."""
    pauses: Mapped[bool]
    """Whether it waits while the reporter is asked."""
    extensions: Mapped[list[Any]] = mapped_column(JSONB, server_default=sql("'[]'"))
    """How far each extension may reach, in their order (see `deadlines.Extension`)."""
    notice_days: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    """How many days before its end an extension must be asked for."""
    ladder_minutes: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    """How long after the deadline the officer, the chief and the province are told."""
    basis: Mapped[str]
    citation: Mapped[str]
    article: Mapped[str | None]
    needs_check: Mapped[bool]
    """Whether the deployer's legal office must still confirm it."""
    effective_from: Mapped[dt.date]
    effective_to: Mapped[dt.date | None]
    """The first day on which it no longer holds; a day begins at 00:00 in Vietnam."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class CalendarDay(Base):
    """A day that is otherwise than the calendar says: a holiday, or a working day after all."""

    __tablename__ = "calendar_days"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str]
    source: Mapped[str]


class WorkingHours(Base):
    """The working hours from a day on."""

    __tablename__ = "working_hours"

    effective_from: Mapped[dt.date] = mapped_column(primary_key=True)
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    """ISO: Monday is 1."""
    spans: Mapped[list[Any]] = mapped_column(JSONB)
    """Pairs such as ["07:30", "11:30"], in their order."""
    source: Mapped[str]


class OverdueClock(Base):
    """A clock of a case that passed its deadline, and how far up the ladder it was told.

    One row for each run of a clock; it is settled when the clock stops or its deadline moves.
    """

    __tablename__ = "overdue_clocks"
    __table_args__ = (
        Index(
            "ix_overdue_clocks_next",
            "next_at",
            postgresql_where=sql("settled_at is null and next_at is not null"),
        ),
        Index(
            "ix_overdue_clocks_province",
            "province_code",
            "due_at",
            "case_id",
            "clock",
            postgresql_where=sql("settled_at is null"),
        ),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    clock: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(ForeignKey(ClockRule.id))
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    province_code: Mapped[str | None]
    """The province whose commander may see it; null for complaints about the police."""
    due_at: Mapped[dt.datetime]
    step: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    """The last step of the ladder that was told: 1 officer, 2 chief, 3 province."""
    next_at: Mapped[dt.datetime | None]
    settled_at: Mapped[dt.datetime | None]


class StaffNotice(Base):
    """What staff are told: a case number, a clock, a time, a trend; never what a report says.

    It is for one person, or for everyone of a role at a station or in a province.
    """

    __tablename__ = "staff_notices"
    __table_args__ = (
        CheckConstraint("case_id is not null or kind like 'trend.%'", name="case"),
        Index("ix_staff_notices_station", "station_id", "id"),
        Index("ix_staff_notices_province", "province_code", "id"),
        Index("ix_staff_notices_staff", "staff_id", "id"),
        Index(
            "uq_staff_notices_step",
            "case_id",
            "clock",
            "started_at",
            "step",
            unique=True,
            postgresql_where=sql("kind = 'clock.overdue'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str]
    case_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Report.case_id), index=True)
    """Null where it is about no case: a trend."""
    role: Mapped[str | None]
    station_id: Mapped[str | None] = mapped_column(ForeignKey(Station.__table__.c.id))
    province_code: Mapped[str | None]
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id, ondelete="CASCADE"))
    clock: Mapped[str | None]
    started_at: Mapped[dt.datetime | None]
    step: Mapped[int | None] = mapped_column(SmallInteger)
    due_at: Mapped[dt.datetime | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))


class StaffNoticeRead(Base):
    """That a member of staff has read a notice."""

    __tablename__ = "staff_notice_reads"

    staff_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Staff.id, ondelete="CASCADE"), primary_key=True
    )
    notice_id: Mapped[int] = mapped_column(
        ForeignKey(StaffNotice.id, ondelete="CASCADE"), primary_key=True
    )
    read_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Urging(Base):
    """A commander's question why something takes so long (*đôn đốc*), and the station's answer."""

    __tablename__ = "urgings"
    __table_args__ = (
        CheckConstraint("(answer is null) = (answered_at is null)", name="answer"),
        Index("ix_urgings_case_id", "case_id", "created_at"),
        Index("ix_urgings_province", "province_code", "created_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id))
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    province_code: Mapped[str]
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))
    text: Mapped[str]
    created_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    answered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))
    answer: Mapped[str | None]


class Delegation(Base):
    """A chief lets an officer of the station approve in their place, until a moment."""

    __tablename__ = "delegations"
    __table_args__ = (
        Index(
            "ix_delegations_station",
            "station_id",
            "until",
            postgresql_where=sql("ended_at is null"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    chief_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))
    until: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]
