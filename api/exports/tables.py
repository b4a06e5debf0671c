"""Every export that was ever begun."""

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.tables import Base
from geo.tables import Station, one_of


class Format(StrEnum):
    """How cases are written to a file."""

    CSV = "csv"
    XLSX = "xlsx"
    GEOJSON = "geojson"


class Export(Base):
    """Who took which cases out, when; `finished_at` is null when the file was cut off."""

    __tablename__ = "exports"
    __table_args__ = (one_of("format", Format),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id))
    station_id: Mapped[str] = mapped_column(ForeignKey(Station.__table__.c.id))
    format: Mapped[str]
    filter: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[dt.datetime | None]
    cases: Mapped[int | None]
