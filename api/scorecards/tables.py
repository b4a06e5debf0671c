"""What scorecards are counted from, and the cards of a night."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, SmallInteger, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from api.reports.tables import Report
from api.tables import Base
from geo.tables import Station
from notifications.tables import XID8

NEVER = sql("'infinity'")


class CaseStay(Base):
    """A case's stay at a station, from its arrival to its end there: all that a scorecard counts.

    Worked out from the case's history (see `api.scorecards.stays`) and nothing else, so it can be
    thrown away and made again. `infinity` is what has not happened. A limit (`_due_at`) is null
    where nothing is to be judged: there was none, it waits, or the case left before it passed.
    """

    __tablename__ = "case_stays"
    __table_args__ = (
        CheckConstraint(
            "arrival in ('received', 'reopened', 'transferred', 'bounced', 'rerouted')",
            name="arrival",
        ),
        CheckConstraint(
            "ended_by in ('resolved', 'confirmed', 'dismissed', 'linked', 'withdrawn',"
            " 'transferred', 'bounced', 'rerouted')",
            name="ended_by",
        ),
        CheckConstraint("(ended_by is null) = (ended_at = 'infinity')", name="ended"),
        Index("ix_case_stays_station", "station_id", "ended_at", "arrived_at"),
    )

    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Report.case_id), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """1 for the first stay of the case."""
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    arrival: Mapped[str]
    arrived_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime] = mapped_column(server_default=NEVER)
    ended_by: Mapped[str | None]
    recorded: Mapped[bool]
    """Whether its officers wrote it down themselves, so that nobody had to read it."""
    read_at: Mapped[dt.datetime | None]
    read_hours: Mapped[float | None]
    read_in_working_hours: Mapped[bool]
    read_due_at: Mapped[dt.datetime | None]
    read_done_at: Mapped[dt.datetime] = mapped_column(server_default=NEVER)
    read_near: Mapped[bool]
    """Whether only the last of the time was left."""
    handover_due_at: Mapped[dt.datetime | None]
    handover_done_at: Mapped[dt.datetime] = mapped_column(server_default=NEVER)
    outcome_due_at: Mapped[dt.datetime | None]
    outcome_done_at: Mapped[dt.datetime] = mapped_column(server_default=NEVER)
    outcome_near: Mapped[bool]
    outcome_hours: Mapped[float | None]
    """From when it was received, or reopened, wherever that was."""
    false_report: Mapped[bool]
    worked_at: Mapped[dt.datetime | None]
    """The first act of an officer on it after it was read."""
    relaxed_at: Mapped[dt.datetime | None]
    """When a correction gave it more time."""
    asked_at: Mapped[dt.datetime | None]
    """When more time was asked for, the first time."""
    asked_late: Mapped[bool]
    urged_at: Mapped[list[dt.datetime]] = mapped_column(
        ARRAY(DateTime(timezone=True)), server_default=sql("'{}'")
    )
    satisfied: Mapped[bool | None]
    reopened_at: Mapped[dt.datetime | None]


class StaysProgress(Base):
    """How far the history is counted: one row. Another book of rules means to begin again."""

    __tablename__ = "stays_progress"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    xid: Mapped[int] = mapped_column(XID8())
    event_id: Mapped[int] = mapped_column(BigInteger)
    book: Mapped[str]
    counted_until: Mapped[dt.datetime | None]
    """Nothing that was committed by then is missing; null before the first time."""


class ScorecardLine(Base):
    """The numbers of one station, province or the country over some days, as a night found them."""

    __tablename__ = "scorecard_lines"
    __table_args__ = (
        CheckConstraint("level in ('station', 'province', 'country')", name="level"),
        Index("ix_scorecard_lines_province", "days", "ends", "province_code"),
    )

    days: Mapped[str] = mapped_column(primary_key=True)
    """The window's name (see `windows`): 28d, or 2026-10."""
    ends: Mapped[dt.date] = mapped_column(primary_key=True)
    """The day after the last one."""
    level: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    province_code: Mapped[str | None]
    numbers: Mapped[dict[str, Any]]
    counted_until: Mapped[dt.datetime]
    made_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
