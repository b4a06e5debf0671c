"""The inbox, push tokens, and the outbox of deliveries."""

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables of `notifications`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        str: Text,
        bytes: LargeBinary,
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


class XID8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "xid8"


class Acknowledgement(Base):
    """One row of a reporter's inbox: what they are told, once, in order.

    `subject` is the report it is about (its stored id), `recipient` the keyed hash of the
    reporter, null when nobody but the holder of the receipt code may read it. Readers order by
    `(xid, seq)` and stop before `pg_snapshot_xmin`, so that a row that commits late is not skipped.
    """

    __tablename__ = "acknowledgements"
    __table_args__ = (
        Index("ix_acknowledgements_recipient", "recipient", "xid", "seq"),
        Index("ix_acknowledgements_subject", "subject", "xid", "seq"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity())
    xid: Mapped[int] = mapped_column(XID8(), server_default=text("pg_current_xact_id()"))
    subject: Mapped[uuid.UUID]
    recipient: Mapped[bytes | None]
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    """The facts its sentence needs (see `messages.py`); never shown in a push."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    fetched_at: Mapped[dt.datetime | None]
    shown_at: Mapped[dt.datetime | None]


class InboxBinding(Base):
    """A device that proved it holds a report's receipt code: it reads that report's inbox.

    Rows older than the binding take its `xid` as their place in that device's inbox, so that a
    cursor which is already past them still meets them, once.
    """

    __tablename__ = "inbox_bindings"

    recipient: Mapped[bytes] = mapped_column(primary_key=True)
    subject: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)
    xid: Mapped[int] = mapped_column(XID8(), server_default=text("pg_current_xact_id()"))
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class PushToken(Base):
    """A provider's address of one app on one phone, sealed for the worker.

    `lease` and `leased_until` let one delivery at a time use it. One that the provider disowned
    stays as a tombstone, so that its word is never forgotten; one that nobody is registered with
    any more has only lost its sealed bytes and may be registered again.
    """

    __tablename__ = "push_tokens"
    __table_args__ = (CheckConstraint("sealed is null or dropped_at is null", name="tombstone"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    sealed: Mapped[bytes | None]
    lease: Mapped[uuid.UUID | None]
    leased_until: Mapped[dt.datetime | None]
    dropped_at: Mapped[dt.datetime | None]


class PushRegistration(Base):
    """Where a recipient wants to be woken, and in which language. One per recipient."""

    __tablename__ = "push_registrations"

    recipient: Mapped[bytes] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey(PushToken.id), index=True)
    language: Mapped[str]
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class DeliveryState(StrEnum):
    """`sent` means handed to the provider, never "delivered"; `dead` is a dead letter."""

    PENDING = "pending"
    SENT = "sent"
    DROPPED = "dropped"
    EXPIRED = "expired"
    DEAD = "dead"


class Delivery(Base):
    """The outbox: one push owed for one acknowledgement to one token."""

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint(
            "state in ({})".format(", ".join(f"'{s}'" for s in DeliveryState)), name="state"
        ),
        Index("ix_deliveries_due", "due_at", postgresql_where=text("state = 'pending'")),
        Index("ix_deliveries_token", "token_id", postgresql_where=text("state = 'pending'")),
        Index("ix_deliveries_dead", "id", postgresql_where=text("state = 'dead'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    acknowledgement_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Acknowledgement.id), index=True
    )
    token_id: Mapped[int] = mapped_column(ForeignKey(PushToken.id))
    language: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=DeliveryState.PENDING)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    due_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    lease: Mapped[uuid.UUID | None]
    """Who holds it now; a settlement by anybody else changes nothing."""
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    settled_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None]
    """The last attempt's outcome, a word of the closed set in `senders.py`."""
    message_name: Mapped[str | None]
    """The provider's own name of the message once it took it."""
