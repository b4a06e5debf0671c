"""Saved views."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.tables import Base


class SavedView(Base):
    """A named filter of the queue; its owner's alone, wherever they work."""

    __tablename__ = "saved_views"
    __table_args__ = (Index("ix_saved_views_staff", "staff_id", "created_at", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Staff.id, ondelete="CASCADE"))
    name: Mapped[str]
    filter: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
