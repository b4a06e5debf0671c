"""Who has read the feed how far, and where officers are woken."""

import uuid

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from api.accounts.tables import Staff
from api.tables import Base
from notifications.tables import XID8


class FeedFollower(Base):
    """A reader of the feed that outlives its process, and the place it has read up to."""

    __tablename__ = "feed_followers"

    name: Mapped[str] = mapped_column(primary_key=True)
    xid: Mapped[int] = mapped_column(XID8())
    id: Mapped[int] = mapped_column(BigInteger)


class StaffDevice(Base):
    """An officer's phone; `recipient` is what its push registration is kept under."""

    __tablename__ = "staff_devices"

    staff_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Staff.id, ondelete="CASCADE"), primary_key=True
    )
    recipient: Mapped[bytes] = mapped_column(unique=True)
