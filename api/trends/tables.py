"""Answers about trends as they were first given, and what commanders were told of changes."""

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base
from geo.tables import BoundaryEdition, one_of


class Direction(StrEnum):
    """What an alert is about: more than usual, fewer reports than usual, or a rising hotspot."""

    MORE = "more"
    FEWER = "fewer"
    RISING = "rising"


class TrendAnswer(Base):
    """An answer about trends: protected figures only. The first one given stays."""

    __tablename__ = "trend_answers"

    scope: Mapped[str] = mapped_column(primary_key=True)
    category_group: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    edition_id: Mapped[int] = mapped_column(
        ForeignKey(BoundaryEdition.__table__.c.id, ondelete="CASCADE"), primary_key=True
    )
    through: Mapped[dt.date] = mapped_column(primary_key=True)
    """The last day that it counts."""
    answer: Mapped[dict[str, Any]]
    computed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class TrendRun(Base):
    """A night whose changes were looked for in a province, in the transaction that told of them."""

    __tablename__ = "trend_runs"

    province_code: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[dt.date] = mapped_column(primary_key=True)
    finished_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class TrendAlert(Base):
    """A change that commanders were told of, once: it is over before it can be told again."""

    __tablename__ = "trend_alerts"
    __table_args__ = (
        one_of("direction", Direction),
        Index(
            "uq_trend_alerts_open",
            "scope",
            "direction",
            "category_group",
            unique=True,
            postgresql_where=sql("ended_on is null"),
        ),
        Index("ix_trend_alerts_province", "province_code", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    scope: Mapped[str]
    """A ward's or a province's code, `vn`, or the cell of a hotspot."""
    province_code: Mapped[str]
    """Whose commander is told; `vn` for the national desk."""
    direction: Mapped[str]
    category_group: Mapped[str]
    began_on: Mapped[dt.date]
    """The last day of the window in which it was first found."""
    last_on: Mapped[dt.date]
    """The same of the window in which it was last found."""
    ended_on: Mapped[dt.date | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=sql("'{}'"))
    """What is said of it: bands, what was expected, how likely by chance."""
    told_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
