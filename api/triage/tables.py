"""What officers and a reporter say to each other about a case, and how it ended."""

import datetime as dt
import uuid
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.reports.tables import Report
from api.tables import Base
from geo.tables import Station, one_of


class Side(StrEnum):
    """Who speaks in a dialogue. The station speaks as a station: the reporter sees no officer."""

    REPORTER = "reporter"
    STATION = "station"


class CaseMessage(Base):
    """One thing said about a case, in order; append-only.

    `id` is made by who says it, so that saying it twice is saying it once. An officer never sees
    a reporter's: one of version 7 holds the moment it was made.
    """

    __tablename__ = "case_messages"
    __table_args__ = (
        one_of("side", Side),
        CheckConstraint(
            "(side = 'station') = (staff_id is not null)"
            " and (side = 'station') = (station_id is not null)",
            name="author",
        ),
        UniqueConstraint("case_id", "side", "id", name="uq_case_messages_id"),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    side: Mapped[str]
    question: Mapped[bool] = mapped_column(server_default=false())
    """Whether an answer was asked for (then the case waits in `need_info`)."""
    text: Mapped[str]
    at: Mapped[dt.datetime]
    station_id: Mapped[str | None] = mapped_column(ForeignKey(Station.__table__.c.id))
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Staff.id))


class OutcomeReason(Base):
    """Why a case can end: data, which a deployer changes."""

    __tablename__ = "outcome_reasons"
    __table_args__ = (
        CheckConstraint("step in ('report.resolved', 'report.dismissed')", name="step"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
    step: Mapped[str]
    name_vi: Mapped[str]
    name_en: Mapped[str]
    needs_chief: Mapped[bool] = mapped_column(server_default=false())
    """Whether only a chief (or oversight) may give it: it says something hard of a person."""


class CaseOutcome(Base):
    """How a case ended, each time it did; append-only.

    `note` is for officers and `public_text` for the reporter: two columns, and the role that
    serves reporters has no right to the first.
    """

    __tablename__ = "case_outcomes"
    __table_args__ = (Index("ix_case_outcomes_case", "case_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id))
    at: Mapped[dt.datetime]
    state: Mapped[str]
    reason_code: Mapped[str] = mapped_column(ForeignKey(OutcomeReason.code))
    note: Mapped[str]
    public_text: Mapped[str]
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))


class Feedback(Base):
    """What the reporter thinks of how their case ended: one for each closing, the last counts."""

    __tablename__ = "case_feedback"

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    closed_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    satisfied: Mapped[bool]
    text: Mapped[str | None]
    at: Mapped[dt.datetime]
