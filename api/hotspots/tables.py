"""Layers of hotspots as they were first told."""

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from api.tables import Base
from geo.tables import BoundaryEdition


class HotspotDay(Base):
    """Up to when reports count in the layers of a day: the same moment in all of them."""

    __tablename__ = "hotspot_days"

    as_of: Mapped[dt.date] = mapped_column(primary_key=True)
    until: Mapped[dt.datetime]


class HotspotLayer(Base):
    """A layer: protected figures only. The first one told stays, whatever becomes of reports."""

    __tablename__ = "hotspot_layers"

    scope: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    category_group: Mapped[str] = mapped_column(primary_key=True)
    as_of: Mapped[dt.date] = mapped_column(primary_key=True)
    edition_id: Mapped[int] = mapped_column(
        ForeignKey(BoundaryEdition.__table__.c.id, ondelete="CASCADE"), primary_key=True
    )
    method: Mapped[str]
    version: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    inputs_sha256: Mapped[bytes]
    """Of the reports that were counted: the same digest and method make the same layer."""
    answer: Mapped[dict[str, Any]]
    computed_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
