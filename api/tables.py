"""What the tables of the service share: the base, and the two append-only records."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from geo.tables import NAMING
from notifications.tables import XID8


class Base(DeclarativeBase):
    """The tables of `api`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text,
        bytes: LargeBinary,
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
        list[bytes]: ARRAY(LargeBinary),
    }


class AuditEvent(Base):
    """Who did what to which object, and when: never the content.

    Written in the transaction of the act itself, so there is no act without its row; a trigger
    refuses every later change, whoever asks. `xid` lets a reader follow in commit order.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_object", "object_kind", "object_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    xid: Mapped[int] = mapped_column(XID8(), server_default=text("pg_current_xact_id()"))
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    actor_kind: Mapped[str]
    """`reporter` (never which one), `staff`, `system` or `operator` (the command line)."""
    actor_id: Mapped[str | None]
    action: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[str]
    reason: Mapped[str | None]
    scope: Mapped[str | None]
    request_id: Mapped[str | None]


class WorkerHeartbeat(Base):
    """The last sign of life of each worker process."""

    __tablename__ = "worker_heartbeats"

    worker: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Installation(Base):
    """Facts that tie this database to what lies outside it, such as the fingerprint of the keys."""

    __tablename__ = "installation"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
